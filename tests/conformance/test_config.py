"""CONFIG: one vocabulary, all or nothing, and a file that keeps what was set."""

import re

from harness.resp import Fault, Map


def test_config_get_takes_patterns_and_several_names(client, client3):
    reply = client("CONFIG", "GET", "maxmemory", "max*-policy")
    assert dict(zip(reply[::2], reply[1::2])) == {b"maxmemory": b"0", b"maxmemory-policy": b"noeviction"}
    assert isinstance(client3("CONFIG", "GET", "timeout"), Map)
    assert client("CONFIG", "GET", "nosuch") == []
    everything = client("CONFIG", "GET", "*")
    assert len(everything) > 60
    names = set(everything[::2])
    assert {
        b"bind",
        b"port",
        b"dir",
        b"save",
        b"appendonly",
        b"appendfsync",
        b"timeout",
        b"tcp-keepalive",
        b"maxclients",
        b"databases",
        b"requirepass",
        b"proto-max-bulk-len",
        b"client-query-buffer-limit",
        b"client-output-buffer-limit",
        b"slowlog-log-slower-than",
        b"slowlog-max-len",
        b"hz",
        b"unixsocket",
        b"protected-mode",
        b"loglevel",
        b"logfile",
        b"daemonize",
        b"maxmemory-samples",
    } <= names


def test_config_set_changes_several_at_once_or_none(client):
    try:
        assert client("CONFIG", "SET", "timeout", 77, "slowlog-max-len", 55) == b"OK"
        assert client("CONFIG", "GET", "timeout") == [b"timeout", b"77"]
        assert isinstance(client("CONFIG", "SET", "timeout", 88, "appendfsync", "perhaps"), Fault)
        assert client("CONFIG", "GET", "timeout") == [b"timeout", b"77"]
        assert client("CONFIG", "SET", "maxmemory", "100mb") == b"OK"
        assert client("CONFIG", "GET", "maxmemory") == [b"maxmemory", b"104857600"]
        assert client("CONFIG", "SET", "save", "") == b"OK"
        assert client("CONFIG", "GET", "save") == [b"save", b""]
    finally:
        client("CONFIG", "SET", "timeout", 0, "slowlog-max-len", 128, "maxmemory", 0)


def test_config_errors_name_the_directive(client):
    assert (
        client("CONFIG", "SET", "nosuch", 1) == b"ERR Unknown option or number of arguments for CONFIG SET - 'nosuch'"
    )
    immutable = b"ERR CONFIG SET failed (possibly related to argument 'databases') - can't set immutable config"
    assert client("CONFIG", "SET", "databases", 4).startswith(immutable)
    assert client("CONFIG", "SET", "appendfsync", "x") == (
        b"ERR CONFIG SET failed (possibly related to argument 'appendfsync') - "
        b"argument(s) must be one of the following: everysec, always, no"
    )
    assert client("CONFIG", "SET", "timeout", "x") == (
        b"ERR CONFIG SET failed (possibly related to argument 'timeout') - argument couldn't be parsed into an integer"
    )
    assert (
        client("CONFIG", "SET", "timeout", 1, "timeout", 2)
        == b"ERR CONFIG SET failed (possibly related to argument 'timeout') - duplicate parameter"
    )


def test_config_rewrite_keeps_what_was_set(start, tmp_path):
    file = tmp_path / "test.conf"
    file.write_text("# a comment that stays\ntimeout 5\n")
    server = start(argv=[str(file)])
    with server.client() as client:
        assert client("CONFIG", "GET", "timeout") == [b"timeout", b"5"]
        client("CONFIG", "SET", "timeout", 99, "maxmemory-samples", 7)
        assert client("CONFIG", "REWRITE") == b"OK"
    text = file.read_text()
    assert (
        "# a comment that stays" in text
        and re.search(r"^timeout 99$", text, re.M)
        and re.search(r"^maxmemory-samples 7$", text, re.M)
    )
    with start(argv=[str(file)]).client() as client:
        assert client("CONFIG", "GET", "timeout") == [b"timeout", b"99"]


def test_config_rewrite_without_a_file_is_an_error(client):
    assert client("CONFIG", "REWRITE") == b"ERR The server is running without a config file"
