"""DUMP and RESTORE: options, errors, times, and payloads that are wrong."""

import struct
import time

import pytest

from harness.resp import NIL, NIL_ARRAY

VALKEY_HELLO = b"\x00\x05helloP\x00\xacX\x16\xe7\xfbfG\xfe"
REDIS_7_HELLO = b"\x00\x05hello\x0b\x00\n\xadb\x05\x98\xab\xc9\x83"
WRONG = b"ERR DUMP payload version or checksum are wrong"


def payload(body, version=80):
    """A payload with the right checksum, whatever is in it."""
    data = body + struct.pack("<H", version)
    crc = 0
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ 0x95AC9329AC4BC9B5 if crc & 1 else crc >> 1
    return data + struct.pack("<Q", crc)


def test_a_dump_is_to_the_byte_what_valkey_makes_of_a_short_value(client):
    client("SET", "text", "hello")
    client("SET", "number", 12345)
    client("RPUSH", "list", "a", "b", 1)
    client("HSET", "hash", "f", "v")
    assert client("DUMP", "text") == VALKEY_HELLO
    assert client("DUMP", "number") == payload(b"\x00\xc1\x39\x30")
    assert client("DUMP", "list") == payload(b"\x12\x01\x02\x0f\x0f\0\0\0\x03\0\x81a\x02\x81b\x02\x01\x01\xff")
    assert client("DUMP", "hash") == payload(b"\x10\x0d\x0d\0\0\0\x02\0\x81f\x02\x81v\x02\xff")
    assert client("DUMP", "nothing") == NIL


@pytest.mark.parametrize("data", [VALKEY_HELLO, REDIS_7_HELLO, payload(b"\0\5hello", 1)])
def test_payloads_of_every_version_are_restored(client, data):
    assert client("RESTORE", "k", 0, data) == b"OK"
    assert client("GET", "k") == b"hello"
    assert client("TTL", "k") == -1


def test_what_was_dumped_comes_back_for_every_type(client):
    client("SET", "text", "x" * 1000)
    client("RPUSH", "list", *(f"element {n}" for n in range(2000)), "y" * 20_000)
    client("HSET", "small", "f", 1, "g", "")
    client("HSET", "large", *range(2000))
    client("HSET", "times", "f", 1, "g", 2)
    client("HPEXPIRE", "times", 100_000, "FIELDS", 1, "f")
    for key in ("text", "list", "small", "large", "times"):
        data = client("DUMP", key)
        assert client("RESTORE", key + ":copy", 0, data) == b"OK"
        digest = client("DEBUG", "DIGEST-VALUE", key, key + ":copy")
        assert digest[0] == digest[1]
    assert 90_000 < client("HPTTL", "times:copy", "FIELDS", 1, "f")[0] <= 100_000


def test_the_time_to_live_counts_from_now_or_is_absolute(client):
    assert client("RESTORE", "a", 5000, VALKEY_HELLO) == b"OK"
    assert 4000 < client("PTTL", "a") <= 5000
    at = int(time.time() * 1000) + 60_000
    assert client("RESTORE", "a", at, VALKEY_HELLO, "REPLACE", "ABSTTL") == b"OK"
    assert client("PEXPIRETIME", "a") == at
    assert client("RESTORE", "a", 1000, VALKEY_HELLO, "absttl", "replace") == b"OK"
    assert client("EXISTS", "a") == 0
    assert client("RESTORE", "b", 2**63 - 1, VALKEY_HELLO) == b"OK"
    assert client("EXISTS", "b") == 0


def test_a_key_that_is_there_stays_unless_it_is_to_be_replaced(client):
    client("RPUSH", "k", 1)
    assert client("RESTORE", "k", 0, VALKEY_HELLO) == b"BUSYKEY Target key name already exists."
    assert client("TYPE", "k") == b"list"
    assert client("RESTORE", "k", 0, VALKEY_HELLO, "REPLACE") == b"OK"
    assert client("GET", "k") == b"hello"


def test_idle_time_and_frequency_come_with_a_key(client):
    assert client("RESTORE", "a", 0, VALKEY_HELLO, "IDLETIME", 100) == b"OK"
    assert 100 <= client("OBJECT", "IDLETIME", "a") <= 102
    assert client("RESTORE", "b", 0, VALKEY_HELLO, "FREQ", 77) == b"OK"
    assert client("OBJECT", "IDLETIME", "b") <= 2
    client("CONFIG", "SET", "maxmemory-policy", "allkeys-lfu")
    assert client("RESTORE", "c", 0, VALKEY_HELLO, "FREQ", 77) == b"OK"
    assert client("OBJECT", "FREQ", "c") == 77
    assert client("RESTORE", "c", 0, VALKEY_HELLO, "REPLACE", "IDLETIME", 9) == b"OK"
    assert client("OBJECT", "FREQ", "c") == 5
    client("CONFIG", "SET", "maxmemory-policy", "noeviction")


@pytest.mark.parametrize(
    "words, error",
    [
        (["FOO"], b"ERR syntax error"),
        (["IDLETIME"], b"ERR syntax error"),
        (["IDLETIME", -1], b"ERR Invalid IDLETIME value, must be >= 0"),
        (["IDLETIME", "x"], b"ERR value is not an integer or out of range"),
        (["FREQ", 256], b"ERR Invalid FREQ value, must be >= 0 and <= 255"),
        (["FREQ", -1], b"ERR Invalid FREQ value, must be >= 0 and <= 255"),
        (["IDLETIME", 1, "FREQ", 1], b"ERR syntax error"),
        (["FREQ", 1, "IDLETIME", 1], b"ERR syntax error"),
        (["IDLETIME", 1, "IDLETIME", 1], b"OK"),
        (["REPLACE", "REPLACE", "ABSTTL"], b"OK"),
    ],
)
def test_options_are_checked_one_after_the_other(client, words, error):
    assert client("RESTORE", "k", 0, VALKEY_HELLO, *words) == error


def test_mistakes_are_told_in_the_order_of_valkey(client):
    client("SET", "k", "v")
    assert client("RESTORE", "k", "x", b"junk", "FOO") == b"ERR syntax error"
    assert client("RESTORE", "k", "x", b"junk") == b"BUSYKEY Target key name already exists."
    assert client("RESTORE", "n", "x", b"junk") == b"ERR value is not an integer or out of range"
    assert client("RESTORE", "n", -1, b"junk") == b"ERR Invalid TTL value, must be >= 0"
    assert client("RESTORE", "n", 0, b"junk") == WRONG
    assert client("RESTORE", "n", 0) == b"ERR wrong number of arguments for 'restore' command"
    assert client("RESTORE-ASKING", "n", 0, VALKEY_HELLO) == b"OK"


def test_a_payload_that_is_cut_or_changed_is_refused_and_changes_nothing(client):
    client("RPUSH", "l", *range(20), "text", "x" * 100)
    data = client("DUMP", "l")
    for place in range(len(data)):
        assert client("RESTORE", "k", 0, data[:place]) == WRONG
        changed = bytearray(data)
        changed[place] ^= 4
        assert client("RESTORE", "k", 0, bytes(changed)) == WRONG
    assert client("EXISTS", "k") == 0


@pytest.mark.parametrize(
    "body",
    [
        b"\x01\x00",  # A list without elements.
        b"\x04\x00",
        b"\x04\x02\x01a\x011\x01a\x012",  # A field that stands twice.
        b"\x08\x00",  # No such type.
        b"\x12\x01\x03\x01a",  # No such node.
        b"\x12\x01\x02\x04\x07\0\0\0\0\0\xff",  # A listpack that is cut.
        b"\x16\x01\x01a\x011" + struct.pack("<q", -5),  # A time before time.
        b"\x63\x00",
        b"\x00\x20hell",
        b"\x00\xc3\x02\x20\x00a",  # A compressed string that is too short.
        b"\x01\x81\x7f\xff\xff\xff\xff\xff\xff\xff\x01a",  # An endless list.
    ],
)
def test_a_payload_with_the_right_checksum_and_wrong_contents_is_refused(client, body):
    client("SET", "k", "v")
    assert client("RESTORE", "k", 0, payload(body), "REPLACE") == b"ERR Bad data format"
    assert client("GET", "k") == b"v"
    assert client("PING") == b"PONG"


@pytest.mark.parametrize("version", [12, 13, 79, 81, 100])
def test_versions_of_others_are_refused(client, version, server):
    expected = b"OK" if version == 12 and not server.is_valkey else WRONG
    assert client("RESTORE", "k", 0, payload(b"\0\5hello", version)) == expected


def test_fields_of_a_hash_that_have_expired_do_not_come_back(client):
    now = int(time.time() * 1000)
    past, later, never = (struct.pack("<q", at) for at in (now - 10_000, now + 100_000, -1))
    body = b"\x16\x03\x01a\x011" + past + b"\x01b\x012" + later + b"\x01c\x013" + never
    assert client("RESTORE", "h", 0, payload(body)) == b"OK"
    assert sorted(client("HKEYS", "h")) == [b"b", b"c"]
    assert client("HPEXPIRETIME", "h", "FIELDS", 2, "b", "c") == [now + 100_000, -1]


@pytest.mark.ours
def test_dumps_can_be_written_for_redis(client):
    client("CONFIG", "SET", "dump-dialect", "redis")
    client("SET", "text", "hello")
    client("HSET", "hash", "f", "v", "g", "w")
    assert client("DUMP", "text") == payload(b"\0\5hello", 9)
    assert client("DUMP", "hash")[-10:-8] == b"\x0a\x00"
    client("HPEXPIREAT", "hash", 4102444800000, "FIELDS", 1, "f")
    data = client("DUMP", "hash")
    earliest = struct.pack("<q", 4102444800000)
    assert data in (
        payload(b"\x18" + earliest + b"\x02\x01\x01f\x01v\x00\x01g\x01w", 12),
        payload(b"\x18" + earliest + b"\x02\x00\x01g\x01w\x01\x01f\x01v", 12),
    )
    assert client("RESTORE", "copy", 0, data) == b"OK"
    assert client("HPEXPIRETIME", "copy", "FIELDS", 2, "f", "g") == [4102444800000, -1]
    client("CONFIG", "SET", "dump-dialect", "valkey")


@pytest.mark.ours
def test_what_was_restored_is_there_after_a_kill(start_ramekin):
    server = start_ramekin()
    with server.client() as client:
        client("RPUSH", "l", *range(1000))
        client("HSET", "h", "f", "v")
        for key in ("l", "h"):
            assert client("RESTORE", key + "2", 4102444800000, client("DUMP", key), "ABSTTL") == b"OK"
        digest = client("DEBUG", "DIGEST-VALUE", "l2", "h2")
    server.restart()
    with server.client() as client:
        assert client("DEBUG", "DIGEST-VALUE", "l2", "h2") == digest
        assert client("PEXPIRETIME", "l2") == 4102444800000


@pytest.mark.ours
def test_who_waits_for_a_key_or_watches_it_is_told_of_a_restore(client, connect):
    other = connect()
    client("RPUSH", "l", 1)
    data = client("DUMP", "l")
    client("WATCH", "k")
    assert other("RESTORE", "k", 0, data) == b"OK"
    client("MULTI")
    client("PING")
    assert client("EXEC") == NIL_ARRAY
    client.send("BLPOP", "list", 5)
    time.sleep(0.1)
    assert other("RESTORE", "list", 0, data) == b"OK"
    assert client.read() == [b"list", b"1"]
