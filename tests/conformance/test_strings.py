"""Strings: what random sequences do not reach, and the examples that people know."""

import pytest

from harness.resp import NIL, NULL, Fault


def test_set_and_get_give_back_any_bytes(client):
    value = bytes(range(256)) * 5
    assert client("SET", b"key\x00\r\n", value) == b"OK"
    assert client("GET", b"key\x00\r\n") == value
    assert client("STRLEN", b"key\x00\r\n") == len(value)


@pytest.mark.parametrize("size", [0, 1, 44, 45, 511, 512, 4096, 65535, 65536, 1 << 20, 20 << 20])
def test_values_of_any_size_come_back_whole(client, size):
    value = (b"0123456789abcdef" * (size // 16 + 1))[:size]
    assert client("SET", "k", value) == b"OK"
    assert client("GET", "k") == value
    assert client("GETRANGE", "k", -3, -1) == value[-3:]


def test_a_key_of_a_megabyte_is_a_key(client):
    key = b"k" * (1 << 20)
    assert client("SET", key, 1) == b"OK"
    assert client("INCR", key) == 2
    assert client("KEYS", "k*") == [key]


def test_a_missing_key_is_the_null_of_the_protocol(client, client3):
    assert client("GET", "nokey") is NIL
    assert client3("GET", "nokey") is NULL


def test_incr_keeps_the_time_to_live(client):
    client("SET", "n", 1, "EX", 100)
    assert client("INCR", "n") == 2
    assert 90 < client("TTL", "n") <= 100
    client("APPEND", "n", "0")
    client("SETRANGE", "n", 0, "9")
    assert client("GET", "n") == b"90"
    assert 90 < client("TTL", "n") <= 100


def test_set_drops_the_time_to_live_unless_told_to_keep_it(client):
    client("SET", "k", 1, "EX", 100)
    client("SET", "k", 2, "KEEPTTL")
    assert 90 < client("TTL", "k") <= 100
    client("SET", "k", 3)
    assert client("TTL", "k") == -1


def test_incr_refuses_to_overflow_and_changes_nothing(client):
    client("SET", "n", 9223372036854775807)
    assert client("INCR", "n") == b"ERR increment or decrement would overflow"
    assert client("GET", "n") == b"9223372036854775807"
    client("SET", "n", -9223372036854775808)
    assert client("DECRBY", "n", 1) == b"ERR increment or decrement would overflow"
    assert client("DECRBY", "n", -9223372036854775808) == b"ERR decrement would overflow"


def test_incrbyfloat_writes_decimals_without_noise(client):
    client("SET", "f", "10.50")
    assert client("INCRBYFLOAT", "f", "0.1") == b"10.6"
    assert client("INCRBYFLOAT", "f", "-5") == b"5.6"
    client("SET", "f", "5.0e3")
    assert client("INCRBYFLOAT", "f", "2.0e2") == b"5200"
    assert client("OBJECT", "ENCODING", "f") in (b"embstr", b"int")


def test_set_ifeq_swaps_only_when_equal(client):
    client("SET", "k", "one")
    assert client("SET", "k", "two", "IFEQ", "other") is NIL
    assert client("GET", "k") == b"one"
    assert client("SET", "k", "two", "IFEQ", "one") == b"OK"
    assert client("SET", "k", "three", "IFEQ", "two", "GET") == b"two"
    assert client("SET", "nokey", "x", "IFEQ", "") is NIL
    assert client("EXISTS", "nokey") == 0
    client("RPUSH", "l", 1)
    assert client("SET", "l", "x", "IFEQ", "1") == b"WRONGTYPE Operation against a key holding the wrong kind of value"


def test_delifeq_deletes_only_when_equal(client):
    client("SET", "k", "one")
    assert client("DELIFEQ", "k", "two") == 0
    assert client("DELIFEQ", "k", "one") == 1
    assert client("DELIFEQ", "k", "one") == 0
    assert client("EXISTS", "k") == 0


def test_set_get_returns_the_old_value_even_when_the_condition_fails(client):
    assert client("SET", "k", "one", "NX", "GET") is NIL
    assert client("SET", "k", "two", "NX", "GET") == b"one"
    assert client("GET", "k") == b"one"


def test_msetex_sets_all_or_nothing_with_one_expiry(client):
    assert client("MSETEX", 2, "a", 1, "b", 2, "EX", 100) == 1
    assert 90 < client("TTL", "a") <= 100 and 90 < client("TTL", "b") <= 100
    assert client("MSETEX", 2, "a", 9, "c", 9, "NX", "EX", 100) == 0
    assert client("MGET", "a", "b", "c") == [b"1", b"2", NIL]
    assert client("MSETEX", 2, "a", 7, "c", 7, "XX") == 0
    assert client("MSETEX", 2, "a", 7, "b", 7, "XX", "KEEPTTL") == 1
    assert 90 < client("TTL", "a") <= 100
    assert client("MSETEX", 2, "a", 7, "b", 7) == 1
    assert client("TTL", "a") == -1


def test_msetnx_with_the_same_key_twice_keeps_the_last(client):
    assert client("MSETNX", "a", 1, "a", 2) == 1
    assert client("GET", "a") == b"2"
    assert client("MSETNX", "b", 1, "a", 3) == 0
    assert client("EXISTS", "b") == 0


def test_getex_and_getdel_read_before_they_change(client):
    client("SET", "k", "v")
    assert client("GETEX", "k", "EX", 100) == b"v"
    assert 90 < client("TTL", "k") <= 100
    assert client("GETEX", "k", "PERSIST") == b"v"
    assert client("TTL", "k") == -1
    assert client("GETEX", "k", "EXAT", 1) == b"v"
    assert client("EXISTS", "k") == 0
    client("SET", "k", "v")
    assert client("GETDEL", "k") == b"v"
    assert client("GETDEL", "k") is NIL


def test_setrange_pads_with_zero_bytes(client):
    assert client("SETRANGE", "k", 5, "x") == 6
    assert client("GET", "k") == b"\x00" * 5 + b"x"
    assert client("SETRANGE", "nokey", 3, "") == 0
    assert client("EXISTS", "nokey") == 0
    assert client("SETRANGE", "k", 536870912, "x") == b"ERR string exceeds maximum allowed size (proto-max-bulk-len)"


def test_lcs_finds_the_common_subsequence_with_its_matches(client):
    client("MSET", "a", "ohmytext", "b", "mynewtext")
    assert client("LCS", "a", "b") == b"mytext"
    assert client("LCS", "a", "b", "LEN") == 6
    assert client("LCS", "a", "b", "IDX", "MINMATCHLEN", 4, "WITHMATCHLEN") == [
        b"matches",
        [[[4, 7], [5, 8], 4]],
        b"len",
        6,
    ]


def test_encodings_of_strings_are_named_as_clients_know_them(client):
    for value, encoding in (
        ("12", b"int"),
        ("9223372036854775807", b"int"),
        ("012", b"embstr"),
        ("a" * 44, b"embstr"),
        ("a" * 500, b"raw"),
    ):
        client("SET", "k", value)
        assert client("OBJECT", "ENCODING", "k") == encoding, value


def test_setnx_psetex_setex_and_getset_keep_their_old_ways(client):
    assert client("SETNX", "k", 1) == 1
    assert client("SETNX", "k", 2) == 0
    assert client("GETSET", "k", 3) == b"1"
    assert client("SETEX", "k", 100, "v") == b"OK"
    assert 90 < client("TTL", "k") <= 100
    assert client("PSETEX", "k", 100000, "w") == b"OK"
    assert client("SUBSTR", "k", 0, -1) == b"w"
    assert client("SETEX", "k", 0, "v") == b"ERR invalid expire time in 'setex' command"
    assert client("SET", "k", "v", "EX", -1) == b"ERR invalid expire time in 'set' command"
    assert client("MSET", "a", 1, "b") == b"ERR wrong number of arguments for 'mset' command"
    assert isinstance(client("SET", "k", "v", "NX", "XX"), Fault)
