//! Sources, their order, and how mistakes are reported.

use super::{Config, Loaded};
use crate::config::source::FileReader;
use crate::config::{AppendFsync, ConfigError};
use proptest::prelude::*;
use std::ffi::OsString;
use std::fs;
use std::path::Path;

fn load(args: &[&str], env: &[(&str, &str)]) -> Result<Loaded, ConfigError> {
    let args: Vec<OsString> = args.iter().map(OsString::from).collect();
    Config::load(&args, env.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())))
}

fn load_text(text: &str) -> Result<Loaded, ConfigError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ramekin.conf");
    fs::write(&path, text).unwrap();
    load(&[path.to_str().unwrap()], &[])
}

/// The error of a text, without the path of the file.
fn refusal(text: &str) -> String {
    let error = load_text(text).unwrap_err().to_string();
    assert!(!error.contains('\n'), "{error}");
    error.split_once("ramekin.conf:").expect("the file is named").1.to_owned()
}

fn shown(config: &Config, name: &str) -> String {
    String::from_utf8(config.value(name).unwrap().show()).unwrap()
}

#[test]
fn a_flag_wins_over_the_environment_and_that_over_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ramekin.conf");
    fs::write(&path, "maxclients 1\ntimeout 1\nhz 11\nsave 900 1\nsave 300 10\n").unwrap();
    let args = [
        path.to_str().unwrap(),
        "--maxclients",
        "3",
        "--save",
        "5",
        "6",
        "--loglevel=debug",
        "--maxmemory=1mb",
    ];
    let loaded =
        load(&args, &[("RAMEKIN_MAXCLIENTS", "2"), ("RAMEKIN_TIMEOUT", "2"), ("PATH", "x")]).unwrap();
    let config = &loaded.config;
    assert_eq!((config.maxclients(), config.timeout_s(), config.hz()), (3, 2, 11));
    assert_eq!((shown(config, "save"), shown(config, "loglevel")), ("5 6".into(), "debug".into()));
    assert_eq!((config.maxmemory(), config.port()), (1 << 20, 6379));
    assert_eq!(loaded.file, Some(path.canonicalize().unwrap()));
}

#[test]
fn flags_take_values_up_to_the_next_two_dashes() {
    let config = load(&["--save", "", "--bind", "127.0.0.1", "-::1", "--port", "-0"], &[]).unwrap_err();
    assert!(
        config.to_string().starts_with(
            "--port: argument couldn't be parsed into an integer (given '-0'; allowed: 0 to 65535)"
        ),
        "{config}"
    );
    let config =
        load(&["--save", "900 1", "--bind", "127.0.0.1", "-::1", "--requirepass=--odd"], &[]).unwrap().config;
    assert_eq!((shown(&config, "save"), shown(&config, "bind")), ("900 1".into(), "127.0.0.1 -::1".into()));
    assert_eq!(config.requirepass().as_deref(), Some(b"--odd".as_slice()));
    assert_eq!(shown(&load(&["--save"], &[]).unwrap().config, "save"), "");
    assert!(
        load(&["--maxclients"], &[])
            .unwrap_err()
            .to_string()
            .starts_with("--maxclients: wrong number of arguments")
    );
    assert_eq!(
        load(&["--timeout", "1", "--bogus", "x"], &[]).unwrap_err().to_string(),
        "--bogus: unknown directive 'bogus'"
    );
    assert!(load(&["-p", "1"], &[]).unwrap_err().to_string().contains("two dashes"));
}

#[test]
fn mistakes_name_the_place_and_what_would_be_right() {
    assert_eq!(
        refusal("\n# x\nmaxclient 5\n"),
        "3: unknown directive 'maxclient', perhaps 'maxclients' is meant"
    );
    assert_eq!(
        refusal("appendfsync sometimes"),
        "1: appendfsync: argument(s) must be one of the following: everysec, always, no (given 'sometimes')"
    );
    assert_eq!(
        refusal("maxmemory 1zb"),
        "1: maxmemory: argument must be a memory value (given '1zb'; allowed: bytes, or a number with k, kb, m, mb, g or gb)"
    );
    assert_eq!(refusal("maxclients \"abc"), "1: Unbalanced quotes in configuration line");
    assert!(refusal("port 1 2").starts_with("1: port: wrong number of arguments (given '1 2'"));
    assert!(
        load(&["/no/such/ramekin.conf"], &[]).unwrap_err().to_string().contains("can't open config file")
    );
}

#[test]
fn a_password_never_shows_in_a_message() {
    assert_eq!(
        refusal("requirepass secret extra"),
        "1: requirepass: wrong number of arguments (allowed: text)"
    );
}

#[test]
fn what_is_not_supported_is_refused_with_what_to_do() {
    for (line, hint) in [
        ("cluster-enabled yes", "run one Ramekin"),
        ("replicaof 10.0.0.1 6379", "copy data with a client"),
        ("tls-port 6380", "stunnel"),
        ("rename-command FLUSHALL \"\"", "remove the line"),
        ("loadmodule /x.so", "loads no modules"),
        ("user default off", "requirepass"),
        ("aclfile /x", "requirepass"),
        ("daemonize yes", "systemd"),
    ] {
        assert!(refusal(line).contains(hint), "{line}: {}", refusal(line));
    }
    assert!(load_text("cluster-enabled no\ntls-port 0\ndaemonize no\n").unwrap().warnings.is_empty());
}

#[test]
fn what_has_no_effect_is_warned_of_only_when_it_asks_for_something() {
    let loaded = load_text("activedefrag yes\nrdbcompression yes\nio-threads-do-reads no\n").unwrap();
    let [retired, ignored] = &loaded.warnings[..] else { panic!("{:?}", loaded.warnings) };
    assert!(
        retired.ends_with("ramekin.conf:3: io-threads-do-reads: has no meaning any more and is not used"),
        "{retired}"
    );
    assert!(
        ignored.ends_with("ramekin.conf:1: activedefrag: 'activedefrag' is accepted without effect"),
        "{ignored}"
    );
}

#[test]
fn the_environment_warns_of_slips_and_passes_over_what_others_set() {
    assert_eq!(
        load(&[], &[("RAMEKIN_MAXCLIENT", "5")]).unwrap().warnings,
        ["RAMEKIN_MAXCLIENT: unknown directive 'maxclient', perhaps 'maxclients' is meant; it is not used"]
    );
    assert!(load(&[], &[("RAMEKIN_USER", "default")]).is_err());
    assert!(
        load(&[], &[("RAMEKIN_TIMEOUT", "soon")])
            .unwrap_err()
            .to_string()
            .starts_with("RAMEKIN_TIMEOUT: argument")
    );
    let kubernetes = [
        ("RAMEKIN_PORT", "tcp://10.0.0.7:6379"),
        ("RAMEKIN_PORT_6379_TCP_ADDR", "10.0.0.7"),
        ("RAMEKIN_SERVICE_HOST", "10.0.0.7"),
        ("RAMEKIN_BIN", "target/quick/ramekin"),
    ];
    let loaded = load(&[], &kubernetes).unwrap();
    assert_eq!((loaded.config.port(), loaded.warnings.len()), (6379, 0));
    let lists = [("RAMEKIN_SAVE", "900 1 60 5"), ("RAMEKIN_REQUIREPASS", "a b"), ("RAMEKIN_BIND", "")];
    let config = load(&[], &lists).unwrap().config;
    assert_eq!(
        (config.save().len(), config.requirepass(), config.bind().len()),
        (2, Some(b"a b".to_vec()), 0)
    );
}

#[test]
fn includes_are_read_in_place_with_patterns_and_circles_end() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    write("main.conf", "timeout 1\ninclude extra-*.conf\nhz 12\ninclude nothing-*.conf\n");
    write("extra-1.conf", "timeout 2\nhz 50\n");
    write("extra-2.conf", "timeout 3\n");
    write("round.conf", "include round.conf\n");
    write("missing.conf", "include nowhere.conf\n");
    let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let config = load(&[&at("main.conf")], &[]).unwrap().config;
    assert_eq!((config.timeout_s(), config.hz()), (3, 12));
    assert!(load(&[&at("round.conf")], &[]).unwrap_err().to_string().contains("include each other"));
    assert!(load(&[&at("missing.conf")], &[]).unwrap_err().to_string().contains("can't open config file"));
}

/// The directives that the stock files of distributions set, in their forms.
const STOCK: &str = include_str!("stock.conf");

#[test]
fn a_file_as_distributions_ship_it_loads_without_a_word() {
    let loaded = load_text(STOCK).unwrap();
    assert_eq!(loaded.warnings, Vec::<String>::new());
    let config = loaded.config;
    assert_eq!((config.port(), config.bind().len(), config.appendfsync()), (6379, 2, AppendFsync::EverySec));
    assert_eq!(shown(&config, "dir"), "/var/lib/redis");
    assert_eq!(
        shown(&config, "client-output-buffer-limit"),
        "normal 0 0 0 slave 268435456 67108864 60 pubsub 33554432 8388608 60"
    );
    assert_eq!(shown(&config, "save"), "3600 1 300 100 60 10000");
    assert!(STOCK.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).count() >= 60);
}

proptest! {
    #[test]
    fn any_bytes_as_a_file_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let _ = FileReader::default().lines(&bytes, Path::new("x"), 0);
    }

    #[test]
    fn lines_of_known_names_and_any_values_are_taken_or_refused(
        lines in proptest::collection::vec((0..crate::config::directives().len(), "[ -~]{0,30}"), 0..20),
    ) {
        let text: Vec<String> = lines.iter()
            .map(|(row, value)| format!("{} {value}", crate::config::directives()[*row].name)).collect();
        let mut reader = FileReader::default();
        if reader.lines(text.join("\n").as_bytes(), Path::new("x"), 0).is_ok() {
            let _ = super::assign(&mut Config::default(), &reader.assignments);
        }
    }
}
