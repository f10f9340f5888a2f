"""Data of Valkey by file, in and out: `ramekin import` and `ramekin export` beside a real Valkey."""

import struct
import time

import pytest

from harness.server import Server
from files import dataset
from files.tool import ramekin

HERE = {key.encode() for key in dataset.ELSEWHERE}


@pytest.fixture(scope="module")
def valkey():
    """A Valkey with everything in it, saved."""
    server = Server("valkey")
    with server.client() as client:
        dataset.fill(client, everything=True)
        assert client("SAVE") == b"OK"
    yield server
    server.remove()


@pytest.fixture(scope="module")
def expected(valkey):
    """What of it Ramekin has to have."""
    with valkey.client() as client:
        return dataset.digests(client, without=dataset.ELSEWHERE)


def digests_of(kind, folder, **directives):
    """What a server finds in a folder when it starts there."""
    server = Server(kind, directives, folder=folder)
    try:
        with server.client() as client:
            return dataset.digests(client)
    finally:
        server.remove()


def test_a_dump_of_valkey_with_every_type_and_encoding_loads(valkey, expected, tmp_path):
    done = ramekin("import", valkey.folder / "dump.rdb", "--dir", tmp_path / "data")
    assert done.code == 2, "sets, sorted sets and streams are left, and that is said"
    assert f"Taken: {len(expected)} keys" in done.out
    for line in ("3 keys of type set", "2 keys of type zset", "1 key of type stream", "1 × library of functions"):
        assert f"Not taken: {line}, which Ramekin does not have yet" in done.out
    assert digests_of("ramekin", tmp_path / "data") == expected


def test_a_dump_without_other_types_loads_with_success(tmp_path):
    server = Server("valkey")
    try:
        with server.client() as client:
            dataset.fill(client, everything=False)
            client("SAVE")
            expected = dataset.digests(client)
        done = ramekin("import", server.folder / "dump.rdb", "--dir", tmp_path / "data")
    finally:
        server.remove()
    assert (done.code, done.err) == (0, "")
    assert digests_of("ramekin", tmp_path / "data") == expected


@pytest.mark.parametrize("words", [(), ("--no-compression",)])
def test_what_ramekin_writes_loads_in_valkey(valkey, expected, tmp_path, words):
    ramekin("import", valkey.folder / "dump.rdb", "--dir", tmp_path / "data")
    (tmp_path / "valkey").mkdir()
    done = ramekin("export", tmp_path / "valkey" / "dump.rdb", "--dir", tmp_path / "data", *words)
    assert (done.code, done.err) == (0, "")
    assert f"Written: {len(expected)} keys" in done.out
    assert digests_of("valkey", tmp_path / "valkey") == expected


def test_what_is_written_for_redis_loads_wherever_it_can_be_read(valkey, expected, tmp_path):
    ramekin("import", valkey.folder / "dump.rdb", "--dir", tmp_path / "data")
    (tmp_path / "valkey").mkdir()
    file = tmp_path / "valkey" / "dump.rdb"
    assert ramekin("export", file, "--dir", tmp_path / "data", "--dialect", "redis").code == 0
    assert file.read_bytes()[:9] == b"REDIS0012", "a field that expires needs Redis 7.4"
    done = ramekin("import", file, "--dir", tmp_path / "again")
    assert done.code == 0
    assert digests_of("ramekin", tmp_path / "again") == expected
    server = Server("ramekin", folder=tmp_path / "data")
    try:
        with server.client() as client:
            client("DEL", "hash:times")
        assert ramekin("export", file, "--from", f"redis://127.0.0.1:{server.port}", "--dialect", "redis").code == 1
        words = ("--from", f"redis://127.0.0.1:{server.port}", "--dialect", "redis", "--overwrite")
        assert ramekin("export", file, *words).code == 0
    finally:
        server.remove()
    assert file.read_bytes()[:9] == b"REDIS0010"
    left = {key: facts for key, facts in expected.items() if key[1] != b"hash:times"}
    assert digests_of("valkey", tmp_path / "valkey") == left


def test_a_running_valkey_is_exported_with_types_that_ramekin_does_not_have(valkey, tmp_path):
    done = ramekin("export", tmp_path / "dump.rdb", "--from", f"redis://127.0.0.1:{valkey.port}")
    assert done.code == 2 and "1 × library of functions" in done.out
    with valkey.client() as client:
        assert digests_of("valkey", tmp_path) == dataset.digests(client)


def test_a_running_server_is_a_target_too(valkey, expected, start_ramekin, tmp_path):
    server = start_ramekin()
    url = f"redis://127.0.0.1:{server.port}"
    done = ramekin("import", valkey.folder / "dump.rdb", "--to", url)
    assert done.code == 2
    with server.client() as client:
        assert dataset.digests(client) == expected
    other = Server("valkey")
    try:
        done = ramekin("import", valkey.folder / "dump.rdb", "--to", f"redis://127.0.0.1:{other.port}")
        assert done.code == 2 and "of type" not in done.out, "Valkey has all types; functions are no keys"
        with other.client() as client, valkey.client() as original:
            assert dataset.digests(client) == dataset.digests(original)
    finally:
        other.remove()


def test_keys_that_are_there_are_refused_replaced_or_kept(start_ramekin, tmp_path):
    server = start_ramekin()
    url = f"redis://127.0.0.1:{server.port}"
    with server.client() as client:
        client("MSET", "a", 1, "b", 2)
        assert ramekin("export", tmp_path / "x.rdb", "--from", url).code == 0
        client("MSET", "a", "new", "c", 3)
        client("DEL", "b")
        done = ramekin("import", tmp_path / "x.rdb", "--to", url)
        assert done.code == 1 and "holds 2 keys already" in done.err
        done = ramekin("import", tmp_path / "x.rdb", "--to", url, "--keep")
        assert done.code == 2 and "Not taken: 1 key that the target held already" in done.out
        assert client("MGET", "a", "b", "c") == [b"new", b"2", b"3"]
        assert ramekin("import", tmp_path / "x.rdb", "--to", url, "--replace").code == 0
        assert client("MGET", "a", "b", "c") == [b"1", b"2", b"3"]


def test_a_damaged_file_says_where_and_loads_nothing_unless_part_of_it_is_wanted(valkey, tmp_path):
    whole = (valkey.folder / "dump.rdb").read_bytes()
    cut, changed = tmp_path / "cut.rdb", tmp_path / "changed.rdb"
    cut.write_bytes(whole[: len(whole) // 2])
    done = ramekin("import", cut, "--dir", tmp_path / "data")
    assert done.code == 1 and done.out == ""
    assert f"cut.rdb: at byte {len(whole) // 2}: it ends too early. Nothing was taken" in done.err
    assert not (tmp_path / "data").exists()
    flipped = bytearray(whole)
    flipped[len(whole) - 20] ^= 1
    changed.write_bytes(flipped)
    done = ramekin("import", changed, "--dir", tmp_path / "data")
    assert done.code == 1 and "at byte" in done.err and not (tmp_path / "data").exists()
    done = ramekin("import", cut, "--dir", tmp_path / "data", "--partial")
    assert done.code == 2 and "Taken: " in done.out and "nothing behind that was taken" in done.err


@pytest.mark.parametrize(
    "content, expected",
    [
        (b"", "Taken: 0 keys"),
        (b"REDIS0099\xff", "Redis's version 99"),
        (b"VALKEY081\xff", "Valkey's version 81"),
        (b"hello world", "neither an RDB nor"),
        (b"REDIS0011\xfe\x14\x00\x01a\x01b\xff" + bytes(8), "--databases 21"),
        (b"REDIS0011\xff" + bytes(8) + b"junk", "bytes after the end"),
    ],
)
def test_a_file_that_cannot_be_taken_is_refused_in_a_line(tmp_path, content, expected):
    (tmp_path / "x").write_bytes(content)
    done = ramekin("import", tmp_path / "x", "--dir", tmp_path / "data")
    assert expected in done.out + done.err
    assert done.code == (0 if not content else 1)
    assert len((done.out + done.err).splitlines()) == 1


def test_what_cannot_be_reached_is_said_in_a_line(tmp_path, start_ramekin):
    server = start_ramekin(requirepass="secret")
    for words, expected in [
        (("import", tmp_path / "missing"), "missing"),
        (("import", "--from", "redis://127.0.0.1:1"), "cannot connect to 127.0.0.1:1"),
        (("import", "--from", f"redis://:wrong@127.0.0.1:{server.port}"), "refuses AUTH"),
        (("export", tmp_path / "x", "--dir", tmp_path / "nothing"), "nothing"),
        (("export", tmp_path / "x", "--dir", tmp_path), "holds no data"),
        (("export", tmp_path / "x", "--dir", server.folder), "redis:// address"),
        (("export", tmp_path / "no" / "x", "--dir", server.folder), "cannot write"),
    ]:
        done = ramekin(*words)
        assert done.code == 1 and expected in done.err and len(done.err.splitlines()) == 1, done.err
    assert not list(tmp_path.iterdir()), "an export that fails leaves nothing behind"


def test_a_target_that_is_full_says_how_much_it_took(valkey, start_ramekin):
    server = start_ramekin()
    with server.client() as client:
        assert client("SET", "filling", "x" * 2_500_000) == b"OK"
        assert client("CONFIG", "SET", "maxmemory", "2mb") == b"OK"
        assert client("SET", "more", 1).startswith(b"OOM")
        done = ramekin("import", valkey.folder / "dump.rdb", "--to", f"redis://127.0.0.1:{server.port}", "--keep")
    assert done.code == 1 and "OOM" in done.err
    assert "Before that 0 keys were taken: the target holds only a part" in done.err


def test_times_idle_times_and_frequencies_come_with_the_keys(tmp_path):
    now = int(time.time() * 1000)
    later, past = (struct.pack("<q", at) for at in (now + 1_000_000, now - 1000))
    file = b"REDIS0009\xfe\x00\xfb\x03\x01"
    file += b"\xfc" + later + b"\x00\x05later\x01v" + b"\xfc" + past + b"\x00\x04past\x01v"
    file += b"\xf8\x40\xc8\x00\x04idle\x01v" + b"\xf9\x4d\x00\x04freq\x01v"
    file += b"\xfd" + struct.pack("<i", now // 1000 + 500) + b"\x00\x07seconds\x01v\xff" + bytes(8)
    (tmp_path / "x.rdb").write_bytes(file)
    server = Server("ramekin")
    try:
        with server.client() as client:
            url = f"redis://127.0.0.1:{server.port}"
            done = ramekin("import", tmp_path / "x.rdb", "--to", url)
            assert done.code == 0 and "Left out: 1 key that had expired" in done.out
            assert abs(client("PEXPIRETIME", "later") - now - 1_000_000) < 50
            assert abs(client("PEXPIRETIME", "seconds") - (now // 1000 + 500) * 1000) < 50
            assert client("EXISTS", "past") == 0
            assert 200 <= client("OBJECT", "IDLETIME", "idle") < 210
            client("CONFIG", "SET", "maxmemory-policy", "allkeys-lfu")
            assert ramekin("import", tmp_path / "x.rdb", "--to", url, "--replace").code == 0
            assert client("OBJECT", "FREQ", "freq") == 77
    finally:
        server.remove()
