"""Lists: sizes, encodings and edges."""

import random

import pytest

from harness.resp import NIL, NIL_ARRAY, NULL


def test_pushes_and_pops_work_at_both_ends(client):
    assert client("RPUSH", "l", "a", "b", "c") == 3
    assert client("LPUSH", "l", "z", "y") == 5
    assert client("LRANGE", "l", 0, -1) == [b"y", b"z", b"a", b"b", b"c"]
    assert client("LPOP", "l") == b"y"
    assert client("RPOP", "l", 2) == [b"c", b"b"]
    assert client("LPOP", "l", 0) == []
    assert client("LLEN", "l") == 2


def test_a_list_emptied_by_pops_is_gone(client):
    client("RPUSH", "l", 1)
    client("LPOP", "l")
    assert client("EXISTS", "l") == 0
    assert client("TYPE", "l") == b"none"
    assert client("LPOP", "l") is NIL
    assert client("LPOP", "l", 3) is NIL_ARRAY
    assert client("LRANGE", "l", 0, -1) == []


def test_a_missing_list_is_null_in_resp3(client3):
    assert client3("LPOP", "l") is NULL
    assert client3("LPOP", "l", 3) is NULL
    assert client3("LMPOP", 1, "l", "LEFT") is NULL


def test_a_long_list_answers_as_a_plain_list_would(client):
    r = random.Random(7)
    model = [b"%d" % i if i % 3 else b"v" * (i % 90) for i in range(3000)]
    client("RPUSH", "l", *model)
    assert client("OBJECT", "ENCODING", "l") == b"quicklist"
    for _ in range(300):
        step = r.randrange(6)
        at = r.randrange(-len(model), len(model))
        if step == 0:
            assert client("LINDEX", "l", at) == model[at]
        elif step == 1:
            client("LSET", "l", at, "new")
            model[at] = b"new"
        elif step == 2:
            pivot = model[at]
            first = model.index(pivot)
            client("LINSERT", "l", "BEFORE", pivot, "ins")
            model.insert(first, b"ins")
        elif step == 3:
            victim = model[at]
            assert client("LREM", "l", 1, victim) == 1
            model.remove(victim)
        elif step == 4:
            low = r.randrange(len(model))
            assert client("LRANGE", "l", low, low + 10) == model[low : low + 11]
        else:
            assert client("LPOP", "l") == model.pop(0)
            client("RPUSH", "l", "tail")
            model.append(b"tail")
    assert client("LRANGE", "l", 0, -1) == model
    client("LTRIM", "l", 100, -101)
    assert client("LRANGE", "l", 0, -1) == model[100:-100]


def test_elements_of_megabytes_live_in_lists(client):
    big = [bytes([65 + i]) * (1 << 20) for i in range(4)]
    client("RPUSH", "l", "small", *big)
    assert client("LINDEX", "l", 2) == big[1]
    assert client("LSET", "l", 0, big[3]) == b"OK"
    assert client("LRANGE", "l", 0, 0) == [big[3]]
    assert client("LREM", "l", 0, big[3]) == 2
    assert client("LLEN", "l") == 3


def test_small_lists_are_packed_and_large_ones_are_not(client):
    client("RPUSH", "small", *range(10))
    client("RPUSH", "wide", "x" * 9000)
    assert client("OBJECT", "ENCODING", "small") == b"listpack"
    assert client("OBJECT", "ENCODING", "wide") == b"quicklist"


def test_lmove_rotates_a_list_onto_itself(client):
    client("RPUSH", "l", "a", "b", "c")
    assert client("LMOVE", "l", "l", "LEFT", "RIGHT") == b"a"
    assert client("RPOPLPUSH", "l", "l") == b"a"
    assert client("LRANGE", "l", 0, -1) == [b"a", b"b", b"c"]
    assert client("LMOVE", "l", "m", "RIGHT", "LEFT") == b"c"
    assert client("LRANGE", "m", 0, -1) == [b"c"]


def test_lmove_to_a_key_of_another_type_moves_nothing(client):
    client("RPUSH", "l", "a")
    client("SET", "s", 1)
    assert client("LMOVE", "l", "s", "LEFT", "LEFT").startswith(b"WRONGTYPE")
    assert client("LRANGE", "l", 0, -1) == [b"a"]


def test_lpos_counts_from_either_end(client):
    client("RPUSH", "l", *"abcabcabc")
    assert client("LPOS", "l", "b") == 1
    assert client("LPOS", "l", "b", "RANK", -1) == 7
    assert client("LPOS", "l", "b", "RANK", 2, "COUNT", 0) == [4, 7]
    assert client("LPOS", "l", "b", "RANK", -1, "COUNT", 2) == [7, 4]
    assert client("LPOS", "l", "b", "MAXLEN", 1) is NIL
    assert client("LPOS", "l", "x", "COUNT", 0) == []
    assert client("LPOS", "l", "b", "RANK", 0).startswith(b"ERR RANK can't be zero")


def test_lmpop_takes_from_the_first_list_that_has_something(client):
    client("RPUSH", "b", 1, 2, 3)
    assert client("LMPOP", 2, "a", "b", "RIGHT", "COUNT", 2) == [b"b", [b"3", b"2"]]
    assert client("LMPOP", 2, "a", "b", "LEFT") == [b"b", [b"1"]]
    assert client("LMPOP", 2, "a", "b", "LEFT") is NIL_ARRAY


def test_pushx_needs_a_list_and_linsert_a_pivot(client):
    assert client("LPUSHX", "l", 1) == 0
    assert client("RPUSHX", "l", 1) == 0
    client("RPUSH", "l", "a", "c")
    assert client("LPUSHX", "l", 0) == 3
    assert client("RPUSHX", "l", "d") == 4
    assert client("LINSERT", "l", "BEFORE", "c", "b") == 5
    assert client("LINSERT", "l", "AFTER", "nopivot", "b") == -1
    assert client("LINSERT", "nokey", "AFTER", "x", "b") == 0
    assert client("LRANGE", "l", 0, -1) == [b"0", b"a", b"b", b"c", b"d"]
    assert client("LSET", "l", 99, "x") == b"ERR index out of range"
    assert client("LSET", "nokey", 0, "x") == b"ERR no such key"


def test_a_push_of_a_million_elements_is_one_command(client):
    assert client("RPUSH", "l", *range(1_000_000)) == 1_000_000
    assert client("LINDEX", "l", 765_432) == b"765432"
    assert client("LTRIM", "l", -2, -1) == b"OK"
    assert client("LRANGE", "l", 0, -1) == [b"999998", b"999999"]


@pytest.mark.ours
def test_lsize_is_llen(client):
    client("RPUSH", "l", 1, 2)
    assert client("LSIZE", "l") == 2
    assert client("LSIZE", "nokey") == 0
