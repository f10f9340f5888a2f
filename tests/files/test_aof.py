"""Append-only files of Valkey and Redis: one file, or a base with increments."""

import time

import pytest

from harness.server import Server
from files import dataset
from files.tool import ramekin


@pytest.fixture(scope="module")
def valkey():
    """A Valkey whose data is in a base and in two increments."""
    server = Server("valkey", {"appendonly": "yes", "appendfsync": "always", "auto-aof-rewrite-percentage": 0})
    with server.client() as client:
        dataset.fill(client, everything=False)
        client("SET", "short", "lived", "PX", 30)
        client("SET", "came back", "first", "PX", 30)
        client("BGREWRITEAOF")
        deadline = time.monotonic() + 30
        while b"aof_rewrite_in_progress:1" in client("INFO", "persistence"):
            assert time.monotonic() < deadline
            time.sleep(0.02)
        time.sleep(0.05)
        client("GET", "short")
        client("SET", "came back", "second")
        client("MULTI")
        client("RPUSH", "list:small", "from a transaction")
        client("SELECT", 3)
        client("INCR", "counter")
        client("EXEC")
        client("SELECT", 0)
        client("HSETEX", "hash:times", "PXAT", 4102444800999, "FIELDS", 1, "d", "4")
        client("EXPIRE", "binary", 1_000_000)
    yield server
    server.remove()


@pytest.fixture(scope="module")
def expected(valkey):
    with valkey.client() as client:
        return dataset.digests(client)


def found_in(folder):
    server = Server("ramekin", folder=folder)
    try:
        with server.client() as client:
            return dataset.digests(client)
    finally:
        server.remove()


def test_base_and_increments_come_to_what_the_server_holds(valkey, expected, tmp_path):
    done = ramekin("import", valkey.folder / "appendonlydir", "--dir", tmp_path / "data")
    assert (done.code, done.err) == (0, "")
    assert f"Taken: {len(expected)} keys" in done.out and "commands" in done.out
    assert found_in(tmp_path / "data") == expected


def test_a_single_file_with_an_rdb_before_its_commands_is_read_as_one(valkey, expected, tmp_path):
    folder = valkey.folder / "appendonlydir"
    base = max(folder.glob("*.base.rdb"))
    parts = sorted(folder.glob("*.incr.aof"))
    file = tmp_path / "appendonly.aof"
    file.write_bytes(b"".join(part.read_bytes() for part in (base, *parts)))
    assert ramekin("import", file, "--dir", tmp_path / "data").code == 0
    assert found_in(tmp_path / "data") == expected


def test_commands_without_a_base_are_a_data_set_too(tmp_path):
    server = Server("valkey", {"appendonly": "yes", "aof-use-rdb-preamble": "no", "appendfsync": "always"})
    try:
        with server.client() as client:
            dataset.fill(client, everything=False)
            client("BGREWRITEAOF")
            while b"aof_rewrite_in_progress:1" in client("INFO", "persistence"):
                time.sleep(0.02)
            expected = dataset.digests(client)
        done = ramekin("import", server.folder / "appendonlydir" / "appendonly.aof.manifest", "--dir", tmp_path)
    finally:
        server.remove()
    assert (done.code, done.err) == (0, "")
    assert found_in(tmp_path) == expected


def test_into_a_running_server_goes_what_the_commands_come_to(valkey, expected, start_ramekin):
    server = start_ramekin()
    done = ramekin("import", valkey.folder / "appendonlydir", "--to", f"redis://127.0.0.1:{server.port}")
    assert done.code == 0, done.err
    with server.client() as client:
        assert dataset.digests(client) == expected


def encoded(*commands):
    """Commands as a file has them."""
    words = ([str(word).encode() for word in command] for command in commands)
    return b"".join(
        b"*%d\r\n" % len(command) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in command) for command in words
    )


def test_a_torn_end_is_refused_with_what_to_do_and_then_left_out(tmp_path):
    whole = encoded(("SELECT", 0), ("SET", "a", 1), ("RPUSH", "l", 1, 2))
    torn = encoded(("MULTI",), ("SET", "b", 2), ("SET", "c", 3))
    (tmp_path / "x.aof").write_bytes(whole + torn)
    done = ramekin("import", tmp_path / "x.aof", "--dir", tmp_path / "data")
    assert done.code == 1 and not (tmp_path / "data").exists()
    assert f"x.aof: at byte {len(whole)}: the last command or transaction is cut off. Nothing was taken" in done.err
    assert "--partial takes what stands before that: 0 keys and 3 commands" in done.err
    done = ramekin("import", tmp_path / "x.aof", "--dir", tmp_path / "data", "--partial")
    assert done.code == 2 and "Taken: 2 keys, after 3 commands" in done.out
    assert {key for _, key in found_in(tmp_path / "data")} == {b"a", b"l"}


def test_a_key_lives_until_the_file_removes_it_however_long_ago_its_time_came(tmp_path):
    file = encoded(
        ("SET", "counter", 5, "PXAT", 1000),
        ("INCR", "counter"),
        ("PERSIST", "counter"),
        ("SET", "gone", "x", "PXAT", 1000),
        ("APPEND", "gone", "y"),
        ("HSET", "h", "f", 1, "g", 2),
        ("HPEXPIREAT", "h", 1000, "FIELDS", 1, "f"),
    )
    (tmp_path / "x.aof").write_bytes(b"#TS:1700000000\r\n" + file)
    done = ramekin("import", tmp_path / "x.aof", "--dir", tmp_path / "data")
    assert done.code == 0 and "Left out: 1 key that had expired" in done.out
    server = Server("ramekin", folder=tmp_path / "data")
    try:
        with server.client() as client:
            assert client("GET", "counter") == b"6"
            assert client("EXISTS", "gone") == 0
            assert client("HGETALL", "h") == [b"g", b"2"]
    finally:
        server.remove()


def test_commands_that_ramekin_does_not_have_are_counted_by_name(tmp_path):
    file = encoded(("SADD", "s", 1), ("SADD", "t", 1), ("SET", "a", 1), ("RPUSH", "a", 1), ("ZADD", "z", 1, "m"))
    (tmp_path / "x.aof").write_bytes(file)
    done = ramekin("import", tmp_path / "x.aof", "--dir", tmp_path / "data")
    assert done.code == 2
    assert 'Not taken: 2 refused with "Ramekin has no SADD" (s, t)' in done.out
    assert "RPUSH: WRONGTYPE" in done.out


def test_commands_need_an_empty_folder_and_databases_that_are_there(tmp_path):
    (tmp_path / "x.aof").write_bytes(encoded(("SELECT", 20), ("SET", "a", 1)))
    done = ramekin("import", tmp_path / "x.aof", "--dir", tmp_path / "data")
    assert done.code == 1 and "--databases 21" in done.err and not (tmp_path / "data").exists()
    assert ramekin("import", tmp_path / "x.aof", "--dir", tmp_path / "data", "--databases", 21).code == 0
    done = ramekin("import", tmp_path / "x.aof", "--dir", tmp_path / "data", "--databases", 21, "--replace")
    assert done.code == 1 and "need an empty folder" in done.err
