//! Servers that can be a store, and those that cannot; who may use them.

use crate::owner::{Owner, claim, set};
use crate::server::{Other, Server};
use ramekin::store::{Claim, ErrorKind, Store, StoreError};
use ramekin_redis::RedisStore;

fn refused(url: &str, claim: &Claim) -> StoreError {
    Owner::claiming(url, claim).map(|owner| owner.epoch).expect_err("it has been claimed")
}

#[test]
fn a_database_with_others_keys_is_refused_and_not_touched() {
    let server = Server::with(&[]);
    let mut other = server.other(0);
    other.ask(&["SET", "theirs", "1"]);
    for claim in [claim(0), Claim { takes_over: true, ..claim(0) }] {
        let error = refused(&server.url(0), &claim);
        assert_eq!(error.kind, ErrorKind::Invalid);
        assert!(error.text.contains("redis://host:port/1"), "{error}");
    }
    assert_eq!(other.says(&["KEYS", "*"]), "theirs");
    Owner::at(&server.url(1)).put(vec![set("theirs", 1, "ours")]);
    assert_eq!(other.says(&["GET", "theirs"]), "1");
}

#[test]
fn a_cluster_and_a_replica_are_refused() {
    let server = Server::with(&["--cluster-enabled", "yes", "--databases", "1"]);
    let error = refused(&server.url(0), &claim(0));
    assert!(error.kind == ErrorKind::Invalid && error.text.contains("cluster"), "{error}");
    let (primary, replica) = (Server::with(&[]), Server::with(&[]));
    replica.follow(&primary);
    let error = refused(&replica.url(0), &claim(0));
    assert!(error.kind == ErrorKind::Invalid && error.text.contains("replica"), "{error}");
}

#[test]
fn a_store_of_a_later_version_is_refused_and_not_touched() {
    let server = Server::with(&[]);
    let epoch = Owner::at(&server.url(0)).epoch;
    let mut other = server.other(0);
    other.ask(&["HSET", "ramekin:meta", "format", "3"]);
    for claim in
        [claim(epoch), Claim { takes_over: true, ..claim(epoch) }, Claim { read_only: true, ..claim(epoch) }]
    {
        assert_eq!(refused(&server.url(0), &claim).kind, ErrorKind::Newer);
    }
    assert_eq!(other.says(&["HGET", "ramekin:meta", "epoch"]), epoch.to_string());
}

#[test]
fn users_and_passwords_are_asked_for_and_never_shown() {
    let server =
        Server::with(&"--user ann on >s3cret ~* &* +@all --user default off".split(' ').collect::<Vec<_>>());
    let url = |who: &str| server.url(0).replace("redis://", &format!("redis://{who}"));
    drop(Owner::at(&url("ann:s3cret@")));
    for who in ["", "ann:s3cretly@", "bob:s3cret@", ":s3cret@"] {
        let error = refused(&url(who), &claim(0));
        assert_eq!(error.kind, ErrorKind::Invalid, "{who}: {error}");
        assert!(!error.text.contains("s3cret"), "{error}");
    }
}

#[test]
fn a_user_needs_no_right_to_administer() {
    let server = Server::with(
        &"--user app on >pass ~* &* +@all -@admin -@dangerous -@scripting".split(' ').collect::<Vec<_>>(),
    );
    let url = server.url(0).replace("redis://", "redis://app:pass@");
    let mut owner = Owner::at(&url);
    owner.put(vec![set("a", 1, "1")]);
    assert_eq!(owner.text("a").as_deref(), Some("1"));
    // Who is not told of connections waits until the lease has ended.
    let other = Owner::claiming(&url, &claim(owner.epoch)).map(|owner| owner.epoch);
    assert_eq!(other.expect_err("the owner is alive").kind, ErrorKind::Owned);
    let epoch = owner.epoch;
    drop(owner);
    assert!(Owner::claiming(&url, &claim(epoch)).is_ok());
}

#[test]
fn an_address_that_is_wrong_is_told_apart_from_a_server_that_is_away() {
    let server = Server::with(&[]);
    let kind = |url: &str| {
        RedisStore::new(url).and_then(|store| store.connect().map(drop)).expect_err("no server").kind
    };
    assert_eq!(kind("postgresql://127.0.0.1/0"), ErrorKind::Invalid);
    assert_eq!(kind(&server.url(1_000)), ErrorKind::Invalid);
    assert_eq!(kind("redis://ann:s3cret@127.0.0.1:1/0"), ErrorKind::Unavailable);
    assert_eq!(kind("unix:///nowhere.sock"), ErrorKind::Unavailable);
}

#[test]
fn settings_that_may_lose_data_are_warned_of() {
    let server = Server::with(&["--maxmemory-policy", "allkeys-lru"]);
    let owner = Owner::at(&server.url(0));
    let said = owner.store.warnings();
    assert!(said.len() == 2 && said[0].contains("allkeys-lru") && said[1].contains("appendonly"), "{said:?}");
    let server = Server::new();
    assert_eq!(Owner::at(&server.url(0)).store.warnings(), Vec::<String>::new());
}

#[test]
fn a_socket_in_the_file_system_leads_to_the_server_as_well() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("redis.sock");
    let server = Server::with(&["--unixsocket", path.to_str().unwrap()]);
    let mut owner = Owner::at(&format!("unix://{}?db=2", path.display()));
    owner.put(vec![set("a", 1, "1")]);
    assert_eq!(Other::at(server.port, 2).says(&["GET", "a"]), "1");
}
