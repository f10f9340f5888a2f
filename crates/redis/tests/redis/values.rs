//! Values as people and other programs find them in the server.

use crate::owner::{Owner, change, record, set, string, tagged};
use crate::server::Server;
use ramekin::store::{Change, Content, Place};
use ramekin::value::Value;
use ramekin::value::codec::{self, tag};
use ramekin::value::items::{Item, Items};
use ramekin::value::json::Json;

const FAR: u64 = 4_102_444_800_999;

fn list(elements: &[&str]) -> Content {
    let elements = elements.iter().map(|element| element.as_bytes()).collect();
    Content::Whole(tag::LIST, Items::List(elements).encode())
}

fn hash(fields: &[(&str, &str, u64)]) -> Vec<u8> {
    let field = |(name, value, expire_at_ms): &(&'static str, &'static str, u64)| Item {
        name: name.as_bytes(),
        value: value.as_bytes(),
        expire_at_ms: *expire_at_ms,
    };
    // Only literals stand in these tests.
    let fields: Vec<(&'static str, &'static str, u64)> = fields
        .iter()
        .map(|(name, value, at)| (&*name.to_string().leak(), &*value.to_string().leak(), *at))
        .collect();
    Items::Hash(fields.iter().map(field).collect()).encode()
}

#[test]
fn values_are_of_the_servers_own_types() {
    let server = Server::with(&[]);
    let mut owner = Owner::at(&server.url(0));
    let people = owner.define("people");
    let keys = Place::Keys(0);
    let mut json = Vec::new();
    codec::encode(&Value::Json(Json::parse(b"{\"a\": [1, null]}").unwrap()), &mut json);
    owner.put(vec![
        set("text", 1, "hello"),
        Change { expire_at_ms: FAR, ..set("timed", 2, "soon") },
        change(&keys, "list", 3, list(&["one", "", "three"])),
        Change {
            expire_at_ms: FAR,
            ..change(&keys, "hash", 4, Content::Whole(tag::HASH, hash(&[("f", "v", 0)])))
        },
        change(&keys, "json", 5, Content::Whole(tag::JSON, json.clone())),
        Change { place: Place::Keys(3), ..set("text", 6, "third") },
        record(&people, "ada", 7, r#"{"age":36}"#),
    ]);
    let mut other = server.other(0);
    for (words, wanted) in [
        ("GET text", "hello"),
        ("PEXPIRETIME text", "-1"),
        ("GET timed", "soon"),
        ("PEXPIRETIME timed", "4102444800999"),
        ("LRANGE list 0 -1", "one  three"),
        ("HGETALL hash", "f v"),
        ("PEXPIRETIME hash", "4102444800999"),
        ("GET json", r#"{"a": [1, null]}"#),
        ("GET db3:text", "third"),
        ("GET people:ada", r#"{"age":36}"#),
        ("HGET ramekin:rows:0 timed", "2 e4102444800999"),
        ("HGET ramekin:rows:people ada", "7"),
        ("ZRANGE ramekin:keys:0 0 -1", "hash json list text timed"),
    ] {
        assert_eq!(other.says(&words.split(' ').collect::<Vec<_>>()), wanted, "{words}");
    }
    assert_eq!(owner.content(&keys, "list"), Some(list(&["one", "", "three"])));
    assert_eq!(owner.content(&keys, "hash"), Some(Content::Whole(tag::HASH, hash(&[("f", "v", 0)]))));
    assert_eq!(owner.content(&keys, "json"), Some(Content::Whole(tag::JSON, json)));
    assert_eq!(owner.load(&keys, "timed").map(|row| row.expire_at_ms), Some(FAR));
}

#[test]
fn fields_that_expire_do_so_in_the_server() {
    let server = Server::with(&[]);
    let mut owner = Owner::at(&server.url(0));
    let keys = Place::Keys(0);
    let bytes = hash(&[("stays", "1", 0), ("goes", "2", FAR)]);
    owner.put(vec![change(&keys, "hash", 1, Content::Whole(tag::HASH, bytes))]);
    let mut other = server.other(0);
    assert_eq!(other.says(&["HPEXPIRETIME", "hash", "FIELDS", "2", "stays", "goes"]), format!("-1 {FAR}"));
    let Some(Content::Whole(tag::HASH, found)) = owner.content(&keys, "hash") else { panic!("no hash") };
    let Some(Items::Hash(mut fields)) = ramekin::value::items::items_of(tag::HASH, &found) else {
        panic!("no fields")
    };
    fields.sort_by_key(|field| field.name);
    let found: Vec<_> = fields.iter().map(|field| (field.name, field.expire_at_ms)).collect();
    assert_eq!(found, [(b"goes".as_slice(), FAR), (b"stays", 0)]);
    other.ask(&["HPEXPIRE", "hash", "0", "FIELDS", "1", "goes"]);
    assert_eq!(owner.content(&keys, "hash"), Some(Content::Whole(tag::HASH, hash(&[("stays", "1", 0)]))));
}

#[test]
fn large_values_are_written_in_pieces_and_read_as_one() {
    let server = Server::with(&[]);
    let mut owner = Owner::at(&server.url(0));
    let keys = Place::Keys(0);
    let words: Vec<String> = (0..30_000).map(|number| format!("element {number}")).collect();
    let elements: Vec<&[u8]> = words.iter().map(String::as_bytes).collect();
    let parts: Vec<Vec<u8>> =
        elements.chunks(10_000).map(|elements| Items::List(elements.to_vec()).encode()).collect();
    let texts: Vec<Vec<u8>> = (0..5).map(|part| vec![b'a' + part; 300_000]).collect();
    owner.put(vec![
        change(&keys, "list", 1, Content::Parts(tag::LIST, parts)),
        change(&keys, "text", 2, Content::Parts(tag::STRING, texts.clone())),
    ]);
    let mut other = server.other(0);
    assert_eq!(other.says(&["LLEN", "list"]), "30000");
    assert_eq!(other.says(&["LINDEX", "list", "12345"]), "element 12345");
    assert_eq!(other.says(&["STRLEN", "text"]), "1500000");
    assert_eq!(owner.content(&keys, "list"), Some(Content::Whole(tag::LIST, Items::List(elements).encode())));
    assert_eq!(owner.content(&keys, "text"), Some(Content::Whole(tag::STRING, texts.concat())));
}

#[test]
fn a_value_that_changes_its_type_leaves_nothing_behind() {
    let server = Server::with(&[]);
    let mut owner = Owner::at(&server.url(0));
    let keys = Place::Keys(0);
    let unknown = || Content::Whole(99, b"later".to_vec());
    let steps = [list(&["a"]), string("text"), unknown(), list(&["b"]), unknown(), unknown(), string("end")];
    for (content, version) in steps.iter().zip(1..) {
        owner.put(vec![change(&keys, "k", version, content.clone())]);
        assert_eq!(owner.content(&keys, "k").as_ref(), Some(content));
    }
    let mut other = server.other(0);
    assert_eq!(other.says(&["EXISTS", "ramekin:raw:k"]), "0");
    owner.put(vec![change(&keys, "k", 50, unknown())]);
    assert_eq!(
        (other.says(&["EXISTS", "ramekin:raw:k"]), other.says(&["EXISTS", "k"])),
        ("1".into(), "0".into())
    );
    owner.put(vec![change(&keys, "k", 60, Content::Gone)]);
    assert_eq!(other.says(&["KEYS", "*k"]), "");
}

#[test]
fn a_key_that_was_a_record_and_is_none_now_keeps_what_it_holds() {
    let server = Server::with(&[]);
    let mut owner = Owner::at(&server.url(0));
    let people = owner.define("people");
    owner.put(vec![record(&people, "ada", 1, "{}")]);
    owner.put(vec![set("people:ada", 2, "text"), change(&people, "ada", 3, Content::Gone)]);
    assert_eq!(owner.text("people:ada").as_deref(), Some("text"));
    assert_eq!(owner.load(&people, "ada"), None);
    owner
        .put(vec![change(&Place::Keys(0), "people:ada", 4, Content::Gone), record(&people, "ada", 5, "[5]")]);
    assert_eq!(owner.content(&people, "ada"), Some(Content::Record("[5]".to_owned())));
    assert_eq!(owner.text("people:ada"), None);
}

#[test]
fn what_the_server_has_expired_is_not_there_and_is_swept() {
    let server = Server::with(&[]);
    let mut owner = Owner::at(&server.url(0));
    let keys = Place::Keys(0);
    owner.put(vec![Change { expire_at_ms: 1_000, ..set("old", 1, "v") }, set("new", 2, "v")]);
    assert_eq!(owner.text("old"), None);
    assert_eq!(server.other(0).says(&["EXISTS", "old"]), "0");
    assert_eq!(owner.connection.count(&keys, 999), Ok(2));
    assert_eq!(owner.connection.count(&keys, 1_001), Ok(1));
    assert_eq!(owner.connection.remove_expired(&keys, 2_000, 10, owner.epoch), Ok(1));
    assert_eq!(owner.connection.count(&keys, 0), Ok(1));
    assert_eq!(server.other(0).says(&["HKEYS", "ramekin:rows:0"]), "new");
    assert_eq!(server.other(0).says(&["EXISTS", "ramekin:expiry:0"]), "0");
}

#[test]
fn tags_are_found_by_their_key_and_keys_by_their_tag() {
    let server = Server::with(&[]);
    let mut owner = Owner::at(&server.url(0));
    let people = owner.define("people");
    let keys = Place::Keys(0);
    owner.put(vec![
        tagged(set("a", 1, "v"), &["red", "round"]),
        tagged(change(&keys, "list", 2, list(&["one"])), &["red"]),
        Change {
            expire_at_ms: FAR,
            ..tagged(change(&keys, "hash", 3, Content::Whole(tag::HASH, hash(&[("f", "v", FAR)]))), &["red"])
        },
        tagged(record(&people, "ada", 4, "{}"), &["red"]),
    ]);
    let mut other = server.other(0);
    for (words, wanted) in [
        ("ZRANGE ramekin:tags:0 0 -1 WITHSCORES", "round 1 red 3"),
        ("ZRANGE ramekin:tag:0:red 0 -1", "a hash list"),
        ("ZRANGE ramekin:tag:people:red 0 -1", "ada"),
        ("SISMEMBER ramekin:tags:0:a round", "1"),
        ("SMEMBERS ramekin:tags:0:list", "red"),
        ("SMEMBERS ramekin:tags:people:ada", "red"),
        ("HGET ramekin:rows:0 hash", &format!("3 e{FAR} t x")),
    ] {
        assert_eq!(other.says(&words.split(' ').collect::<Vec<_>>()), wanted, "{words}");
    }
    for key in ["list", "hash"] {
        assert_eq!(owner.load(&keys, key).map(|row| row.tags), Some(vec![b"red".to_vec()]), "{key}");
    }
    owner.put(vec![change(&keys, "a", 5, Content::Gone), tagged(set("list", 6, "v"), &[])]);
    owner.put(vec![change(&keys, "hash", 7, Content::Gone), change(&people, "ada", 8, Content::Gone)]);
    assert_eq!(other.says(&["KEYS", "ramekin:tag*"]), "ramekin:tags");
}

#[test]
fn keys_of_others_names_do_not_meet_ours() {
    let server = Server::with(&[]);
    let mut owner = Owner::at(&server.url(0));
    owner.put(vec![
        set("db3:k", 1, "mine"),
        set("ramekin:meta", 2, "mine too"),
        Change { place: Place::Keys(3), ..set("k", 3, "of 3") },
    ]);
    assert_eq!(owner.text("db3:k").as_deref(), Some("mine"));
    assert_eq!(owner.text("ramekin:meta").as_deref(), Some("mine too"));
    assert_eq!(owner.content(&Place::Keys(3), "k"), Some(string("of 3")));
    owner.put(vec![set("more", 4, "v")]);
}
