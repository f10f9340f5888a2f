"""Tags of keys: TAG.*, which Ramekin alone has."""

import random
import time

import pytest

from harness.resp import NIL_ARRAY

pytestmark = pytest.mark.ours


def test_tags_are_added_removed_and_told(client):
    client("SET", "k", "v")
    assert client("TAG.ADD", "k", "red", "blue", "red") == 2
    assert client("TAG.ADD", "k", "blue", "green") == 1
    assert client("TAG.OF", "k") == [b"blue", b"green", b"red"]
    assert client("TAG.REM", "k", "blue", "none") == 1
    assert client("TAG.SET", "k", "x") == b"OK"
    assert client("TAG.OF", "k") == [b"x"]
    assert client("TAG.SET", "k") == b"OK"
    assert client("TAG.OF", "k") == [] == client("TAG.OF", "none")


def test_a_key_that_is_not_there_has_no_tags(client):
    assert client("TAG.ADD", "none", "a") == b"ERR no such key" == client("TAG.SET", "none", "a")
    assert client("TAG.REM", "none", "a") == 0
    assert client("TAG.ADD", "none") == b"ERR wrong number of arguments for 'tag.add' command"


def test_keys_are_found_by_all_or_any_of_their_tags(client):
    for key, tags in {"a": "1 2", "b": "2 3", "c": "3", "d": ""}.items():
        client("SET", key, "v")
        client("TAG.SET", key, *tags.split())
    assert sorted(client("TAG.KEYS", "ANY", "1", "3")) == [b"a", b"b", b"c"]
    assert client("TAG.KEYS", "ALL", "2", "3") == [b"b"]
    assert client("TAG.KEYS", "all", "2", "none") == []
    assert client("TAG.COUNT", "ANY", "2") == 2
    assert client("TAG.COUNT", "ANY", "1", "2", "3") == 3
    assert client("TAG.COUNT", "ALL", "1", "2") == 1
    assert client("TAG.KEYS", "NONE", "1") == b"ERR say ALL or ANY before the tags"


def test_tags_may_be_any_bytes(client):
    tags = sorted([b"", b"a,b", b"a b", b"\0", b"\r\n", bytes(range(256)), "ä".encode(), b"LIMIT", b"t" * 1024])
    client("SET", "k", "v")
    assert client("TAG.ADD", "k", *tags) == len(tags)
    assert client("TAG.OF", "k") == tags == client("TAG.LIST")
    for tag in tags:
        assert client("TAG.KEYS", "ANY", tag) == [b"k"]
    assert client("TAG.ADD", "k", b"t" * 1025) == b"ERR a tag may have at most 1024 bytes"


def test_limit_counts_from_an_offset_and_may_be_a_tag_itself(client):
    for number in range(20):
        client("SET", number, "v")
        client("TAG.ADD", number, "all", "LIMIT", "0", "5")
    whole = client("TAG.KEYS", "ANY", "all")
    assert len(whole) == 20
    pages = [key for offset in range(0, 24, 5) for key in client("TAG.KEYS", "ANY", "all", "LIMIT", offset, 5)]
    assert pages == whole
    assert client("TAG.KEYS", "ANY", "LIMIT", "0", "5") == whole
    assert client("TAG.KEYS", "ALL", "all", "LIMIT", "0", "5", "LIMIT", 18, -1) == whole[18:]


@pytest.mark.parametrize("resp", [2, 3])
def test_all_tags_are_listed_with_their_counts(client, resp):
    client("HELLO", resp)
    client("MSET", "a", 1, "b", 2)
    client("TAG.ADD", "a", "x", "y")
    client("TAG.ADD", "b", "x")
    assert client("TAG.LIST") == [b"x", b"y"]
    assert client("TAG.LIST", "MATCH", "[y-z]") == [b"y"]
    counts = client("TAG.LIST", "WITHCOUNTS", "MATCH", "*")
    assert counts == ([b"x", 2, b"y", 1] if resp == 2 else [(b"x", 2), (b"y", 1)])
    assert client("TAG.LIST", "NONE") == b"ERR syntax error"


def test_tags_belong_to_a_key_of_one_database(client):
    client("SET", "k", "v")
    client("TAG.ADD", "k", "a")
    client("SELECT", 5)
    assert client("TAG.LIST") == []
    client("SET", "k", "v")
    client("TAG.ADD", "k", "b")
    assert client("TAG.LIST") == [b"b"]
    client("SWAPDB", 0, 5)
    assert client("TAG.LIST") == [b"a"]
    client("FLUSHDB")
    assert client("TAG.LIST") == []
    client("SELECT", 0)
    assert client("TAG.LIST") == [b"b"]


def test_tags_stay_with_the_key_and_go_with_it(client):
    client("SET", "k", "v")
    client("TAG.ADD", "k", "a")
    client("SET", "k", "w", "EX", 100)
    client("RENAME", "k", "l")
    assert client("TAG.KEYS", "ANY", "a") == [b"l"]
    client("COPY", "l", "m")
    assert sorted(client("TAG.KEYS", "ANY", "a")) == [b"l", b"m"]
    client("DEL", "l")
    client("PEXPIRE", "m", 20)
    time.sleep(0.03)
    assert client("TAG.COUNT", "ANY", "a") == 0
    assert client("TAG.LIST") == []
    client("SET", "m", "v")
    assert client("TAG.OF", "m") == []


def test_a_transaction_changes_and_sees_tags(client):
    client("MULTI")
    client("SET", "k", "v")
    client("TAG.ADD", "k", "a")
    client("TAG.KEYS", "ANY", "a")
    client("TAG.LIST")
    assert client("EXEC") == [b"OK", 1, [b"k"], [b"a"]]


def test_a_change_of_tags_is_a_change_to_who_watches_the_key(client, connect):
    client("SET", "k", "v")
    client("WATCH", "k")
    assert connect()("TAG.ADD", "k", "a") == 1
    client("MULTI")
    client("GET", "k")
    assert client("EXEC") is NIL_ARRAY


def test_random_commands_do_what_a_dict_does(client):
    random.seed(7)
    model = {}
    for _ in range(2000):
        key, other, tag = (random.randrange(12) for _ in range(3))
        what = random.choice(["set", "add", "add", "rem", "tags", "rename", "del", "look"])
        if what == "set":
            client("SET", key, "v")
            model.setdefault(key, set())
        elif what == "add":
            answer = client("TAG.ADD", key, tag)
            assert answer == (b"ERR no such key" if key not in model else int(tag not in model[key]))
            if key in model:
                model[key].add(tag)
        elif what == "rem":
            assert client("TAG.REM", key, tag) == int(tag in model.get(key, set()))
            model.get(key, set()).discard(tag)
        elif what == "tags" and key in model:
            client("TAG.SET", key, tag, other)
            model[key] = {tag, other}
        elif what == "rename" and key in model:
            client("RENAME", key, other)
            model[other] = model.pop(key)
        elif what == "del":
            client("DEL", key)
            model.pop(key, None)
        else:
            wanted = {str(key).encode() for key, tags in model.items() if {tag, other} <= tags}
            found = client("TAG.KEYS", "ALL", tag, other)
            assert set(found) == wanted and len(found) == len(wanted) == client("TAG.COUNT", "ALL", tag, other)
    counts = {}
    for tags in model.values():
        for tag in tags:
            counts[str(tag).encode()] = counts.get(str(tag).encode(), 0) + 1
    listed = client("TAG.LIST", "WITHCOUNTS")
    assert dict(zip(listed[::2], listed[1::2])) == counts


@pytest.mark.parametrize("saves", [False, True])
def test_tags_survive_a_kill(start_ramekin, saves):
    server = start_ramekin()
    with server.client() as client:
        for number in range(100):
            client("SET", number, "v")
            client("TAG.ADD", number, "all", number % 3)
        if saves:
            client("SAVE")
        client("TAG.REM", 0, "all")
        client("RENAME", 1, "renamed")
        client("DEL", 2)
    server.kill()
    server.restart()
    with server.client() as client:
        assert client("TAG.COUNT", "ANY", "all") == 98
        assert client("TAG.OF", "renamed") == [b"1", b"all"]
        assert client("TAG.OF", 0) == [b"0"]
        listed = client("TAG.LIST", "WITHCOUNTS")
        assert dict(zip(listed[::2], listed[1::2])) == {b"0": 34, b"1": 33, b"2": 32, b"all": 98}
