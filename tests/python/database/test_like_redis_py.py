"""Methods that redis-py has as well: the same arguments, the same replies, on the same server."""

import random

import pytest
import redis

import ramekin
from python.database import calls
from ramekin._remote import Remote


@pytest.fixture(params=["bytes", "str", "bytes in this process", "str in this process"])
def clients(server, request):
    """redis-py, and ours on the same server or in this process; all databases are empty."""
    decode = request.param.startswith("str")
    theirs = redis.Redis(port=server.port, db=1, decode_responses=decode)
    here = "process" in request.param
    ours = ramekin.Database("memory:" if here else f"ramekin://127.0.0.1:{server.port}/2", decode_responses=decode)
    theirs.flushall()
    yield theirs, ours
    theirs.close()
    ours.close()


# redis-py has no method for it.
NOT_THEIRS = ("sort_ro(",)
# What a server has and a program has not: clients of its own, a file, a checkpoint where nothing is kept.
OF_A_SERVER = ("client_", "config_rewrite", "save()", "bgrewriteaof", "config_get(\"save\"", "waitaof", "sorted(db.info(", "memory_stats")
# What depends on the moment, on the other database, or on chance.
OF_THE_MOMENT = ("ttl", "expiretime", "randomkey", "flush", "rand", "idletime", "sort_ro", "db.b", "db.move(", "db.scan(", "db.keys(")


@pytest.mark.parametrize("family", calls.FAMILIES)
@pytest.mark.filterwarnings("ignore")
def test_each_call_answers_what_redis_py_answers(clients, family):
    theirs, ours = clients
    words = NOT_THEIRS if isinstance(ours.backend, Remote) else NOT_THEIRS + OF_A_SERVER
    lines = [line for line in calls.lines(calls.FAMILIES[family]) if not any(word in line for word in words)]
    expected = [calls.run(theirs, line) for line in lines]
    theirs.flushall()
    found = [calls.run(ours, line) for line in lines]
    wrong = [
        f"{line}\n    theirs {one!r:.200}\n    ours   {two!r:.200}"
        for line, one, two in zip(lines, expected, found)
        if repr(one) != repr(two)
    ]
    assert not wrong, "\n".join(wrong)


@pytest.mark.filterwarnings("ignore")
def test_random_sequences_answer_what_redis_py_answers(clients):
    theirs, ours = clients
    rng = random.Random(11)
    lines = [line for family in ("strings", "lists", "hashes", "keys") for line in calls.lines(calls.FAMILIES[family])]
    lines = [line for line in lines if not any(word in line for word in OF_THE_MOMENT)]
    for number in range(1500):
        line = rng.choice(lines)
        expected, found = calls.run(theirs, line), calls.run(ours, line)
        assert repr(expected) == repr(found), f"call {number}: {line}"
