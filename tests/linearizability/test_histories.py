"""Concurrent clients on few keys: each object's history has to be linearizable, also across kill -9."""

import contextlib
import os
import random

import pytest

from crash.workload import kept
from linearizability.checker import linearizable, smallest_violation
from linearizability.driver import KINDS, Observer

HISTORIES = int(os.environ.get("TEST_HISTORIES", 4))
SEED = int(os.environ.get("TEST_SEED", 1))
CLIENTS = 8


def objects(prefix):
    """Two objects of each kind."""
    return [(f"{prefix}:{kind.name}:{i}".encode(), kind) for kind in KINDS for i in range(2)]


def check(observer):
    """Fails with the smallest history that cannot be explained."""
    kinds = dict(observer.objects)
    for key, history in observer.history.items():
        kind = kinds[key]
        if not linearizable(history, kind.model, kind.initial):
            lines = "\n".join(str(op) for op in smallest_violation(history, kind.model, kind.initial))
            pytest.fail(f"{key.decode()} is not linearizable:\n{lines}", pytrace=False)


@pytest.mark.parametrize("appendfsync", ["everysec", "always", "no"])
def test_histories_of_concurrent_clients_are_linearizable(start, appendfsync):
    server = start(appendonly="yes", appendfsync=appendfsync)
    for number in range(HISTORIES):
        r = random.Random(f"{SEED}/{appendfsync}/{number}")
        observer = Observer(r, objects(f"{number}"))
        with contextlib.ExitStack() as stack:
            observer.run([stack.enter_context(server.client()) for _ in range(CLIENTS)], 900)
        check(observer)


@pytest.mark.parametrize("appendfsync", ["everysec", "always"])
def test_histories_stay_linearizable_across_kill_9(start, kind, appendfsync):
    server = start(appendonly="yes", appendfsync=kept(kind, appendfsync))
    r = random.Random(f"{SEED}/kill/{appendfsync}")
    for number in range(HISTORIES):
        observer = Observer(r, objects(f"crash{number}"))
        for _ in range(3):
            deadline = observer.now + r.randrange(100, 500)

            def kill_then(observed, deadline=deadline):
                if observed.now >= deadline and server.alive():
                    server.kill()
                return False

            with contextlib.ExitStack() as stack:
                observer.run([stack.enter_context(server.client()) for _ in range(CLIENTS)], 400, kill_then)
            server.kill()
            server.restart()
        with contextlib.ExitStack() as stack:
            observer.run([stack.enter_context(server.client()) for _ in range(CLIENTS)], 150)
        check(observer)
