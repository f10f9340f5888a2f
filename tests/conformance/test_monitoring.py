"""What an operator looks at: SLOWLOG, COMMANDLOG, MONITOR, LATENCY, MEMORY."""

import re
import time

from harness.resp import NIL


def test_slowlog_keeps_what_was_slow(client, connect):
    client("CONFIG", "SET", "slowlog-log-slower-than", 0)
    try:
        assert client("SLOWLOG", "RESET") == b"OK"
        named = connect()
        named("CLIENT", "SETNAME", "slow one")
        named("CLIENT", "SETNAME", "slowone")
        named("SET", "k", "x" * 500)
        named("RPUSH", "l", *range(60))
        entries = client("SLOWLOG", "GET", -1)
        by_name = {entry[3][0].upper(): entry for entry in entries}
        entry = by_name[b"SET"]
        assert len(entry) == 6 and entry[0] >= 0 and abs(entry[1] - time.time()) < 5 and entry[2] >= 0
        assert entry[3][2] == b"x" * 128 + b"... (372 more bytes)"
        assert entry[4].startswith(b"127.0.0.1:") and entry[5] == b"slowone"
        assert len(by_name[b"RPUSH"][3]) == 32 and by_name[b"RPUSH"][3][-1] == b"... (31 more arguments)"
        assert client("SLOWLOG", "LEN") >= 3
        assert len(client("SLOWLOG", "GET", 2)) == 2
        client("CONFIG", "SET", "slowlog-max-len", 2)
        client("PING")
        assert client("SLOWLOG", "LEN") == 2
    finally:
        client("CONFIG", "SET", "slowlog-log-slower-than", 10000, "slowlog-max-len", 128)
    client("DEBUG", "SLEEP", "0.02")
    assert any(entry[3][0].upper() == b"DEBUG" and entry[2] >= 20000 for entry in client("SLOWLOG", "GET"))


def test_commandlog_is_the_slowlog_under_its_new_name(client):
    reply = client("COMMANDLOG", "LEN", "slow")
    assert isinstance(reply, int)
    assert isinstance(client("COMMANDLOG", "GET", 1, "slow"), list)


def test_monitor_shows_what_others_send(client, connect):
    watcher, other = connect(), connect()
    assert watcher("MONITOR") == b"OK"
    other("SELECT", 3)
    other("SET", b"k\x00", 'a "quoted" \n value')
    other("CONFIG", "SET", "timeout", 0)
    lines = []
    while (
        not any(b'"timeout"' in line or b'"config"' in line.lower() for line in lines)
        and len(lines) < 10
        and watcher.readable(1)
    ):
        lines.append(watcher.read_any(2))
    line = next(line for line in lines if b"\\x00" in line)
    assert re.fullmatch(rb'\d+\.\d{6} \[3 127\.0\.0\.1:\d+\] "SET" "k\\x00" "a \\"quoted\\" \\n value"', line)


def test_monitor_hides_passwords_and_ends_with_reset(client, connect):
    watcher = connect()
    watcher("MONITOR")
    client("AUTH", "topsecret")
    client("PING", "seen")
    first = watcher.read_any(2)
    assert b"topsecret" not in first
    while b"seen" not in first:
        first = watcher.read_any(2)
        assert b"topsecret" not in first
    assert watcher("RESET") == b"RESET"
    client("PING", "unseen")
    assert watcher("PING") == b"PONG"


def test_commandlog_resets_and_explains_itself(client):
    assert client("COMMANDLOG", "RESET", "slow") == b"OK"
    assert client("COMMANDLOG", "LEN", "slow") == 0
    assert client("COMMANDLOG", "HELP")[0].startswith(b"COMMANDLOG <subcommand>")


def test_latency_histogram_counts_the_calls_of_a_command(client):
    client("CONFIG", "RESETSTAT")
    for i in range(10):
        client("SET", f"k{i}", i)
    name, histogram = client("LATENCY", "HISTOGRAM", "set")
    facts = dict(zip(histogram[::2], histogram[1::2]))
    assert name == b"set" and facts[b"calls"] == 10
    assert facts[b"histogram_usec"][1::2][-1] == 10


def test_latency_events_are_empty_where_nothing_was_slow(client):
    client("LATENCY", "RESET")
    assert client("LATENCY", "LATEST") == [] and client("LATENCY", "HISTORY", "command") == []
    assert client("LATENCY", "RESET") == 0
    assert client("LATENCY", "GRAPH", "command") == b"ERR No samples available for event 'command'"
    assert client("LATENCY", "DOCTOR") and client("LATENCY", "HELP")[0].startswith(b"LATENCY <subcommand>")


def test_memory_usage_follows_the_size_of_a_value(client):
    client("SET", "small", "v")
    client("SET", "large", "v" * 100_000)
    client("RPUSH", "list", *["v" * 100] * 1000)
    assert 8 <= client("MEMORY", "USAGE", "small") < 500
    assert 100_000 <= client("MEMORY", "USAGE", "large") < 250_000
    assert 100_000 <= client("MEMORY", "USAGE", "list", "SAMPLES", 0) < 250_000
    assert client("MEMORY", "USAGE", "nokey") is NIL


def test_memory_stats_doctor_and_purge_answer_in_shape(client):
    client("SET", "k", "v")
    reply = client("MEMORY", "STATS")
    stats = dict(zip(reply[::2], reply[1::2]))
    assert {b"peak.allocated", b"total.allocated", b"keys.count", b"dataset.bytes"} <= set(stats)
    assert stats[b"keys.count"] == 1
    assert client("MEMORY", "PURGE") == b"OK"
    assert isinstance(client("MEMORY", "DOCTOR"), bytes) and isinstance(client("MEMORY", "MALLOC-STATS"), bytes)
    assert client("MEMORY", "HELP")[0].startswith(b"MEMORY <subcommand>")
