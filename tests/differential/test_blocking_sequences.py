"""Random sequences over several connections, blocking commands among them, step by step on Ramekin and Valkey.

Valkey goes first and says which connections have a reply after each step; Ramekin has to bring the same replies, and none
where Valkey brought none.
"""

import os
import random
import time

import pytest

from differential.normal import normal, shown
from harness.resp import as_line
from harness.server import Server

SEQUENCES = int(os.environ.get("TEST_SEQUENCES", 200)) // 4
SEED = int(os.environ.get("TEST_SEED", 1))
CONNECTIONS = 4
KEYS = ["a", "b", "c"]


@pytest.fixture(scope="module")
def pair():
    """Valkey and Ramekin, side by side."""
    servers = []
    try:
        servers.append(Server("valkey"))
        servers.append(Server("ramekin"))
        yield servers
    finally:
        for server in servers:
            server.remove()


def step(r):
    """A command; the blocking ones wait for ever."""
    k, other = r.choice(KEYS), r.choice(KEYS)
    side, end = r.choice(["LEFT", "RIGHT"]), r.choice(["LEFT", "RIGHT"])
    value = str(r.randrange(100))
    blocking = [
        ["BLPOP", k, 0],
        ["BRPOP", k, other, 0],
        ["BLMOVE", k, other, side, end, 0],
        ["BRPOPLPUSH", k, other, 0],
        ["BLMPOP", 0, 2, k, other, side, "COUNT", r.randrange(1, 3)],
    ]
    pushing = [
        ["RPUSH", k, value],
        ["LPUSH", k, value, value + "x"],
        ["RPUSH", k, value, "y", "z"],
        ["SET", k, value],
        ["DEL", k],
        ["LPOP", k],
        ["RENAME", k, other],
        ["LMOVE", k, other, side, end],
        ["LTRIM", k, 1, -1],
        ["MULTI"],
        ["EXEC"],
        ["LRANGE", k, 0, -1],
        ["COPY", k, other, "REPLACE"],
    ]
    return r.choice(blocking if r.random() < 0.4 else pushing)


def run(server, steps, expected=None):
    """For each step the (connection, reply) that came after it, and at the end the lists. A busy connection is passed over."""
    with server.client() as control:
        control("FLUSHALL")
    connections = [server.client() for _ in range(CONNECTIONS)]
    waiting, log = set(), []
    try:
        for number, (who, command) in enumerate(steps):
            arrived = []
            if who not in waiting:
                connections[who].send(*command)
                waiting.add(who)
                connections_due = None if expected is None else {w for w, _ in expected[number]}
                arrived = collect(server, connections, waiting, connections_due)
            log.append(sorted(arrived, key=lambda item: item[0]))
        with server.client() as control:
            end = [(k, control("TYPE", k), control("LRANGE", k, 0, -1)) for k in KEYS]
    finally:
        for connection in connections:
            connection.close()
    deadline = time.monotonic() + 5
    with server.client() as control:
        while b"blocked_clients:0\r\n" not in control("INFO", "clients") and time.monotonic() < deadline:
            time.sleep(0.001)
    return log, end


def collect(server, connections, waiting, due):
    """The replies that have come: those that are due, waited for, and then whatever else is there."""
    arrived = []
    deadline = time.monotonic() + 5
    quiet_since = time.monotonic()
    while True:
        for who in sorted(waiting):
            if connections[who].readable(0):
                arrived.append((who, connections[who].read()))
                waiting.discard(who)
                quiet_since = time.monotonic()
        quiet = time.monotonic() - quiet_since > 0.004
        missing = due and due - {w for w, _ in arrived}
        if quiet and (not missing or time.monotonic() > deadline):
            return arrived
        time.sleep(0.0002)


def difference(pair, steps):
    """Where the two first differ, as text, or None."""
    expected, expected_end = run(pair[0], steps)
    got, got_end = run(pair[1], steps, expected)
    lines = []
    for (who, command), want, have in zip(steps, expected, got):
        lines.append(f"  {who}> {as_line(command)}")
        if [(w, normal(["X"], reply)) for w, reply in want] != [(w, normal(["X"], reply)) for w, reply in have]:
            return "\n".join(
                [
                    *lines,
                    f"  expected: {[(w, shown(x)) for w, x in want]}",
                    f"  got:      {[(w, shown(x)) for w, x in have]}",
                ]
            )
    if expected_end != got_end:
        return "\n".join([*lines, f"  expected at the end: {expected_end}", f"  got at the end:      {got_end}"])
    return None


def shrunk(pair, steps):
    """Fewer steps that still differ."""
    size = max(1, len(steps) // 2)
    while size:
        start = 0
        while start < len(steps):
            candidate = steps[:start] + steps[start + size :]
            if candidate and difference(pair, candidate):
                steps = candidate
            else:
                start += size
        size //= 2
    return steps


def test_random_sequences_that_wait_are_served_as_in_valkey(pair):
    for number in range(SEQUENCES):
        r = random.Random(f"{SEED}/blocking/{number}")
        steps = [(r.randrange(CONNECTIONS), step(r)) for _ in range(30)]
        if difference(pair, steps) and all(difference(pair, steps) for _ in range(2)):
            small = shrunk(pair, steps)
            pytest.fail(
                f"seed {SEED}/blocking/{number}\n{difference(pair, small) or 'differs at times only'}", pytrace=False
            )
