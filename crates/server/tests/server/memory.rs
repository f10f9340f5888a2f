//! MEMORY and LATENCY.

use super::harness::Server;

#[test]
fn the_memory_of_a_key_grows_with_its_value() {
    let server = Server::start(&[]);
    let mut client = server.client();
    client.ask("SET small v");
    client.ask(&format!("SET large {}", "x".repeat(100_000)));
    client.ask("RPUSH list a b c");
    let small: u64 = client.ask("MEMORY USAGE small").parse().unwrap();
    let large: u64 = client.ask("MEMORY USAGE large SAMPLES 0").parse().unwrap();
    assert!(small < 100 && (100_000..110_000).contains(&large), "{small} {large}");
    assert!(client.ask("MEMORY USAGE list").parse::<u64>().unwrap() > 0);
    assert_eq!(client.ask("MEMORY USAGE none"), "null");
    for wrong in ["SAMPLES -1", "SAMPLES", "x 1"] {
        assert_eq!(client.ask(&format!("MEMORY USAGE small {wrong}")), "-ERR syntax error", "{wrong}");
    }
}

#[test]
fn memory_is_told_by_purpose() {
    let server = Server::start(&[]);
    let mut client = server.client();
    client.ask("SET k v");
    let stats = client.ask("MEMORY STATS");
    for name in
        ["peak.allocated, ", "db.0, [overhead.hashtable.main, ", "keys.count, 1, ", "dataset.percentage, "]
    {
        assert!(stats.contains(name), "{name} is missing in {stats}");
    }
    assert_eq!(client.ask("MEMORY PURGE"), "OK");
    assert!(client.ask("MEMORY DOCTOR").ends_with('\n'));
    assert_eq!(client.ask("MEMORY MALLOC-STATS"), "Stats not supported for the current allocator");
    assert!(client.ask("MEMORY HELP").contains("USAGE <key>"));
    assert_eq!(client.ask("MEMORY x"), "-ERR unknown subcommand 'x'. Try MEMORY HELP.");
}

#[test]
fn the_latency_of_commands_is_a_histogram() {
    let server = Server::start(&["--enable-debug-command", "yes"]);
    let mut client = server.client();
    assert_eq!(client.ask("LATENCY HISTOGRAM set"), "[]");
    client.ask("SET k v");
    client.ask("SET k v");
    client.ask("DEBUG SLEEP 0.02");
    client.ask("CONFIG GET port");
    client.ask("HELLO 3");
    let set = client.ask("LATENCY HISTOGRAM set nothing");
    assert!(set.starts_with("{set: {calls: 2, histogram_usec: {") && set.ends_with(": 2}}}"), "{set}");
    let slept = client.ask("LATENCY HISTOGRAM debug");
    assert!(
        slept.contains("histogram_usec: {33554: 1}") || slept.contains("histogram_usec: {67108: 1}"),
        "{slept}"
    );
    assert!(client.ask("LATENCY HISTOGRAM config").starts_with("{config|get: {calls: 1,"));
    assert!(client.ask("LATENCY HISTOGRAM").contains("hello: {calls: 1,"));
}

#[test]
fn there_are_no_events_of_latency() {
    let server = Server::start(&[]);
    let mut client = server.client();
    assert_eq!([client.ask("LATENCY LATEST"), client.ask("LATENCY HISTORY command")], ["[]", "[]"]);
    assert_eq!([client.ask("LATENCY RESET"), client.ask("LATENCY RESET command")], ["0", "0"]);
    assert_eq!(client.ask("LATENCY GRAPH command"), "-ERR No samples available for event 'command'");
    assert!(client.ask("LATENCY DOCTOR").contains("LATENCY HISTOGRAM"));
    assert!(client.ask("LATENCY HELP").contains("HISTOGRAM [<command> ...]"));
}
