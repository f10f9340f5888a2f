"""Hashes, and the expiry of their fields."""

import time

from harness.resp import NIL, NIL_ARRAY, Map


def as_dict(reply):
    """HGETALL's reply of RESP2 as a dictionary."""
    return dict(zip(reply[::2], reply[1::2]))


def test_fields_are_set_read_and_deleted(client):
    assert client("HSET", "h", "a", 1, "b", 2, "a", 3) == 2
    assert client("HSET", "h", "a", 4) == 0
    assert client("HMGET", "h", "a", "x", "b") == [b"4", NIL, b"2"]
    assert client("HMSET", "h", "c", "5") == b"OK"
    assert client("HSETNX", "h", "c", 6) == 0
    assert client("HSTRLEN", "h", "c") == 1
    assert client("HEXISTS", "h", "c") == 1
    assert as_dict(client("HGETALL", "h")) == {b"a": b"4", b"b": b"2", b"c": b"5"}
    assert client("HDEL", "h", "a", "b", "nope") == 2
    assert client("HKEYS", "h") == [b"c"] and client("HVALS", "h") == [b"5"]
    assert client("HDEL", "h", "c") == 1
    assert client("EXISTS", "h") == 0


def test_hgetall_is_a_map_in_resp3(client3):
    client3("HSET", "h", "a", 1)
    reply = client3("HGETALL", "h")
    assert isinstance(reply, Map) and reply == [(b"a", b"1")]
    assert client3("HRANDFIELD", "h", 5, "WITHVALUES") == [[b"a", b"1"]]
    assert isinstance(client3("HGETALL", "nokey"), Map)


def test_a_small_hash_is_packed_and_a_large_one_a_table(client):
    client("HSET", "h", "a", "x" * 64)
    assert client("OBJECT", "ENCODING", "h") == b"listpack"
    client("HSET", "h", "a", "x" * 65)
    assert client("OBJECT", "ENCODING", "h") == b"hashtable"
    client("HSET", "many", *[x for i in range(600) for x in (i, i)])
    assert client("OBJECT", "ENCODING", "many") == b"hashtable"


def test_a_hash_of_a_hundred_thousand_fields_answers_as_a_dictionary(client):
    model = {b"f%d" % i: b"v%d" % i for i in range(100_000)}
    flat = [x for item in model.items() for x in item]
    for start in range(0, len(flat), 20_000):
        client("HSET", "h", *flat[start : start + 20_000])
    assert client("HLEN", "h") == len(model)
    assert as_dict(client("HGETALL", "h")) == model
    cursor, seen = b"0", set()
    while True:
        cursor, items = client("HSCAN", "h", cursor, "COUNT", 1000, "NOVALUES")
        seen.update(items)
        if cursor == b"0":
            break
    assert seen == set(model)


def test_hincrby_and_hincrbyfloat_check_before_they_write(client):
    assert client("HINCRBY", "h", "n", 5) == 5
    assert client("HINCRBYFLOAT", "h", "n", "0.5") == b"5.5"
    assert client("HINCRBY", "h", "n", 1) == b"ERR hash value is not an integer"
    client("HSET", "h", "n", 9223372036854775807)
    assert client("HINCRBY", "h", "n", 1) == b"ERR increment or decrement would overflow"
    assert client("HGET", "h", "n") == b"9223372036854775807"


def test_a_field_expires_alone_and_the_last_one_takes_the_key_along(client):
    client("HSET", "h", "stay", 1, "go", 2)
    assert client("HPEXPIRE", "h", 60, "FIELDS", 2, "go", "nope") == [1, -2]
    assert 0 < client("HPTTL", "h", "FIELDS", 1, "go")[0] <= 60
    time.sleep(0.1)
    assert client("HGET", "h", "go") is NIL
    assert as_dict(client("HGETALL", "h")) == {b"stay": b"1"}
    assert client("HEXISTS", "h", "go") == 0
    assert client("HTTL", "h", "FIELDS", 2, "go", "stay") == [-2, -1]
    client("HPEXPIRE", "h", 40, "FIELDS", 1, "stay")
    deadline = time.monotonic() + 5
    while client("DBSIZE") and time.monotonic() < deadline:
        time.sleep(0.02)
    assert client("DBSIZE") == 0 and client("EXISTS", "h") == 0


def test_an_expired_field_is_never_scanned_counted_in_random_or_incremented(client):
    client("DEBUG", "SET-ACTIVE-EXPIRE", 0)
    try:
        client("HSET", "h", "stay", 1, "go", 41)
        client("HPEXPIRE", "h", 20, "FIELDS", 1, "go")
        time.sleep(0.05)
        assert client("HSCAN", "h", 0)[1] == [b"stay", b"1"]
        assert client("HKEYS", "h") == [b"stay"] and client("HVALS", "h") == [b"1"]
        assert client("HRANDFIELD", "h", 10) == [b"stay"]
        assert client("HINCRBY", "h", "go", 1) == 1
        assert client("HTTL", "h", "FIELDS", 1, "go") == [-1]
    finally:
        client("DEBUG", "SET-ACTIVE-EXPIRE", 1)


def test_hset_drops_the_expiry_of_a_field_and_hincrby_keeps_it(client):
    client("HSET", "h", "a", 1, "b", 1)
    client("HEXPIRE", "h", 100, "FIELDS", 2, "a", "b")
    client("HSET", "h", "a", 2)
    client("HINCRBY", "h", "b", 2)
    ttl = client("HTTL", "h", "FIELDS", 2, "a", "b")
    assert ttl[0] == -1 and 90 < ttl[1] <= 100


def test_conditions_of_hexpire(client):
    client("HSET", "h", "a", 1)
    assert client("HEXPIRE", "h", 100, "XX", "FIELDS", 1, "a") == [0]
    assert client("HEXPIRE", "h", 100, "NX", "FIELDS", 1, "a") == [1]
    assert client("HEXPIRE", "h", 50, "GT", "FIELDS", 1, "a") == [0]
    assert client("HEXPIRE", "h", 50, "LT", "FIELDS", 1, "a") == [1]
    assert client("HPERSIST", "h", "FIELDS", 2, "a", "b") == [1, -2]
    assert client("HPERSIST", "h", "FIELDS", 1, "a") == [-1]
    assert client("HEXPIREAT", "h", 1, "FIELDS", 1, "a") == [2]
    assert client("EXISTS", "h") == 0
    assert client("HEXPIRE", "nokey", 10, "FIELDS", 1, "a") == [-2]
    assert client("HTTL", "nokey", "FIELDS", 2, "a", "b") == [-2, -2]


def test_absolute_times_of_fields_read_back_as_given(client):
    client("HSET", "h", "a", 1, "b", 1)
    assert client("HPEXPIREAT", "h", 4102444800123, "FIELDS", 1, "a") == [1]
    assert client("HEXPIREAT", "h", 4102444800, "FIELDS", 1, "b") == [1]
    assert client("HPEXPIRETIME", "h", "FIELDS", 2, "a", "b") == [4102444800123, 4102444800000]
    assert client("HEXPIRETIME", "h", "FIELDS", 1, "b") == [4102444800]


def test_hsetex_hgetex_and_hgetdel(client):
    assert client("HSETEX", "h", "EX", 100, "FIELDS", 2, "a", 1, "b", 2) == 1
    assert client("HSETEX", "h", "FNX", "FIELDS", 2, "a", 9, "c", 9) == 0
    assert client("HSETEX", "h", "FXX", "KEEPTTL", "FIELDS", 1, "a", 3) == 1
    assert all(90 < ttl <= 100 for ttl in client("HTTL", "h", "FIELDS", 2, "a", "b"))
    assert client("HGETEX", "h", "PERSIST", "FIELDS", 2, "a", "x") == [b"3", NIL]
    assert client("HTTL", "h", "FIELDS", 1, "a") == [-1]
    assert client("HGETEX", "h", "PX", 50000, "FIELDS", 1, "a") == [b"3"]
    assert client("HGETDEL", "h", "FIELDS", 3, "a", "b", "x") == [b"3", b"2", NIL]
    assert client("EXISTS", "h") == 0


def test_field_expiry_travels_with_copy_and_rename(client):
    client("HSET", "h", "a", 1, "b", 2)
    client("HPEXPIREAT", "h", 4102444800123, "FIELDS", 1, "a")
    assert client("COPY", "h", "copy") == 1
    assert client("RENAME", "h", "renamed") == b"OK"
    for key in ("copy", "renamed"):
        assert client("HPEXPIRETIME", key, "FIELDS", 2, "a", "b") == [4102444800123, -1]


def test_many_fields_expire_actively(client):
    client("HSET", "h", "stay", 1, *[x for i in range(2000) for x in (f"f{i}", i)])
    for start in range(0, 2000, 500):
        client("HPEXPIRE", "h", 50, "FIELDS", 500, *[f"f{i}" for i in range(start, start + 500)])
    deadline = time.monotonic() + 10
    while client("HLEN", "h") > 1 and time.monotonic() < deadline:
        time.sleep(0.05)
    assert client("HLEN", "h") == 1


def test_a_missing_hash_answers_empty_or_null(client):
    assert client("HGETALL", "h") == [] and client("HKEYS", "h") == [] and client("HLEN", "h") == 0
    assert client("HRANDFIELD", "h") is NIL and client("HRANDFIELD", "h", 3) == []
    assert client("HSCAN", "h", 0) == [b"0", []]
    assert client("HGETDEL", "h", "FIELDS", 1, "a") in ([NIL], NIL_ARRAY)


def test_hrandfield_is_random_and_repeats_only_when_asked(client):
    client("HSET", "h", *[x for i in range(50) for x in (i, i)])
    assert len(set(client("HRANDFIELD", "h", 20))) == 20
    assert len(client("HRANDFIELD", "h", -80)) == 80
    assert len({client("HRANDFIELD", "h") for _ in range(200)}) > 10
