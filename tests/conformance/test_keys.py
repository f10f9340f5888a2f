"""Keys of any type: names, databases, copies, OBJECT, SORT."""

import time

from harness.resp import NIL, Fault, Set


def test_del_unlink_exists_and_touch_count_what_is_there(client):
    client("MSET", "a", 1, "b", 2, "c", 3)
    assert client("EXISTS", "a", "b", "a", "x") == 3
    assert client("TOUCH", "a", "x") == 1
    assert client("DEL", "a", "x") == 1
    assert client("UNLINK", "b", "c", "c") == 2
    assert client("DBSIZE") == 0


def test_rename_replaces_and_keeps_the_time_to_live(client):
    client("SET", "a", 1, "EX", 100)
    client("RPUSH", "b", 1)
    assert client("RENAME", "a", "b") == b"OK"
    assert client("GET", "b") == b"1"
    assert 90 < client("TTL", "b") <= 100
    assert client("RENAME", "a", "b") == b"ERR no such key"
    assert client("RENAME", "b", "b") == b"OK"
    client("SET", "c", 2)
    assert client("RENAMENX", "b", "c") == 0
    assert client("RENAMENX", "b", "d") == 1


def test_move_and_copy_reach_other_databases(client, connect):
    client("SET", "k", "v", "EX", 100)
    assert client("COPY", "k", "k", "DB", 3) == 1
    assert client("COPY", "k", "k", "DB", 3) == 0
    assert client("COPY", "k", "k", "DB", 3, "REPLACE") == 1
    assert client("MOVE", "k", 3) == 0
    assert client("MOVE", "k", 4) == 1
    assert client("EXISTS", "k") == 0
    other = connect()
    other("SELECT", 4)
    assert other("GET", "k") == b"v"
    assert 90 < other("TTL", "k") <= 100


def test_a_copy_is_independent_of_its_source(client):
    client("RPUSH", "l", 1)
    client("HSET", "h", "f", 1)
    client("COPY", "l", "l2")
    client("COPY", "h", "h2")
    client("RPUSH", "l", 2)
    client("HSET", "h2", "f", 2)
    assert client("LRANGE", "l2", 0, -1) == [b"1"]
    assert client("HGET", "h", "f") == b"1"


def test_swapdb_swaps_for_every_connection(client, connect):
    other = connect()
    other("SELECT", 1)
    client("SET", "k", "zero")
    other("SET", "k", "one")
    assert client("SWAPDB", 0, 1) == b"OK"
    assert client("GET", "k") == b"one"
    assert other("GET", "k") == b"zero"
    assert client("SWAPDB", 0, 0) == b"OK"
    assert client("SWAPDB", 0, 16) == b"ERR DB index is out of range"


def test_flushdb_empties_one_database_and_flushall_all(client):
    client("SET", "k", 0)
    client("SELECT", 1)
    client("SET", "k", 1)
    assert client("FLUSHDB", "ASYNC") == b"OK"
    assert client("DBSIZE") == 0
    client("SELECT", 0)
    assert client("DBSIZE") == 1
    assert client("FLUSHALL", "SYNC") == b"OK"
    assert client("DBSIZE") == 0


def test_keys_matches_globs(client):
    client("MSET", "one", 1, "two", 2, "three", 3, "on[e", 4, "*", 5)
    assert set(client("KEYS", "t*")) == {b"two", b"three"}
    assert set(client("KEYS", "[ot]?[eo]")) == {b"one", b"two"}
    assert client("KEYS", "\\*") == [b"*"]
    assert client("KEYS", "on\\[e") == [b"on[e"]
    assert client("KEYS", "[^o]wo") == [b"two"]


def test_randomkey_gives_each_key_at_times_and_null_when_empty(client):
    assert client("RANDOMKEY") is NIL
    names = {b"k%d" % i for i in range(10)}
    client("MSET", *[x for name in names for x in (name, 1)])
    assert {client("RANDOMKEY") for _ in range(500)} == names


def test_object_idletime_grows_and_reads_reset_it(client, connect):
    client("SET", "k", 1)
    time.sleep(1.6)
    idle = client("OBJECT", "IDLETIME", "k")
    assert 1 <= idle <= 3
    quiet = connect()
    quiet("CLIENT", "NO-TOUCH", "ON")
    quiet("GET", "k")
    assert client("OBJECT", "IDLETIME", "k") >= 1
    client("GET", "k")
    assert client("OBJECT", "IDLETIME", "k") == 0


def test_object_freq_needs_an_lfu_policy(client, server):
    client("SET", "k", 1)
    assert client("OBJECT", "FREQ", "k").startswith(b"ERR An LFU maxmemory policy is not selected")
    assert client("CONFIG", "SET", "maxmemory-policy", "allkeys-lfu") == b"OK"
    try:
        client("SET", "k", 1)
        for _ in range(100):
            client("GET", "k")
        assert client("OBJECT", "FREQ", "k") > 5
        assert client("OBJECT", "IDLETIME", "k").startswith(b"ERR An LFU maxmemory policy is selected")
    finally:
        client("CONFIG", "SET", "maxmemory-policy", "noeviction")


def test_object_help_and_missing_keys(client):
    assert client("OBJECT", "ENCODING", "nokey") is NIL
    assert any(line.startswith(b"ENCODING") for line in client("OBJECT", "HELP"))
    client("SET", "k", "v")
    assert client("OBJECT", "REFCOUNT", "k") == 1


def test_sort_orders_numbers_and_words(client):
    client("RPUSH", "l", 3, 10, 2, -1)
    assert client("SORT", "l") == [b"-1", b"2", b"3", b"10"]
    assert client("SORT", "l", "DESC", "LIMIT", 1, 2) == [b"3", b"2"]
    assert client("SORT", "l", "ALPHA") == [b"-1", b"10", b"2", b"3"]
    client("RPUSH", "words", "pear", "Apple", "fig")
    assert client("SORT", "words") == b"ERR One or more scores can't be converted into double"
    assert client("SORT_RO", "words", "ALPHA") == [b"Apple", b"fig", b"pear"]


def test_sort_reads_weights_and_values_from_other_keys(client):
    client("RPUSH", "ids", 1, 2, 3)
    client("MSET", "w_1", 30, "w_2", 10, "w_3", 20)
    for i in (1, 2, 3):
        client("HSET", f"o_{i}", "name", f"name{i}", "rank", 4 - i)
    assert client("SORT", "ids", "BY", "w_*", "GET", "#", "GET", "o_*->name") == [
        b"2",
        b"name2",
        b"3",
        b"name3",
        b"1",
        b"name1",
    ]
    assert client("SORT", "ids", "BY", "o_*->rank") == [b"3", b"2", b"1"]
    assert client("SORT", "ids", "BY", "o_*->name", "ALPHA", "DESC") == [b"3", b"2", b"1"]
    assert client("SORT", "ids", "BY", "nosort", "DESC") == [b"3", b"2", b"1"]
    assert client("SORT", "ids", "BY", "nosort", "GET", "missing_*") == [NIL, NIL, NIL]


def test_sort_store_writes_a_list_and_an_empty_result_deletes_it(client):
    client("RPUSH", "l", 2, 1)
    client("SET", "dst", "old", "EX", 100)
    assert client("SORT", "l", "STORE", "dst") == 2
    assert client("LRANGE", "dst", 0, -1) == [b"1", b"2"]
    assert client("TTL", "dst") == -1
    assert client("SORT", "nokey", "STORE", "dst") == 0
    assert client("EXISTS", "dst") == 0
    assert isinstance(client("SORT_RO", "l", "STORE", "dst"), Fault)


def test_type_names_each_type(client):
    client("SET", "s", 1)
    client("RPUSH", "l", 1)
    client("HSET", "h", "f", 1)
    assert [client("TYPE", key) for key in ("s", "l", "h", "x")] == [b"string", b"list", b"hash", b"none"]


def test_names_of_commands_are_answered_as_sets_or_arrays_in_resp3(client3):
    info = client3("COMMAND", "INFO", "get")[0]
    assert isinstance(info[2], Set)
