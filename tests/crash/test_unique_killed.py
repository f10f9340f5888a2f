"""A server killed with -9 while many put the same values: each value is there once, and what was acknowledged is there."""

import json
import os
import random
import threading

import pytest

from harness.resp import Closed

CRASHES = int(os.environ.get("TEST_CRASHES", 5))
SEED = int(os.environ.get("TEST_SEED", 1))
CLIENTS = 4
VALUES = 400

pytestmark = pytest.mark.ours


def test_values_stay_unique_over_kill_9(start_ramekin):
    server = start_ramekin(appendonly="yes")
    with server.client() as client:
        client("TABLE.CREATE", "t")
        assert client("INDEX.CREATE", "i", "ON", "t", "(v)", "UNIQUE") == b"OK"
    for crash in range(CRASHES):
        # Of each client, what its keys hold, and what its last command may have made of one.
        known = [{} for _ in range(CLIENTS)]
        doubtful = [None] * CLIENTS
        with server.client() as client:
            for key, record in client("QUERY", "t"):
                known[int(key.split(b"-")[0])][key.decode()] = json.loads(record)["v"]

        def work(mine):
            r = random.Random(f"{SEED}/{crash}/{mine}")
            try:
                with server.client() as client:
                    while True:
                        key, value = f"{mine}-{r.randrange(200)}", r.randrange(VALUES)
                        doubtful[mine] = key
                        if r.random() < 0.2:
                            client("TABLE.DEL", "t", key)
                            known[mine].pop(key, None)
                        elif client("TABLE.PUT", "t", key, json.dumps({"v": value})) == b"OK":
                            known[mine][key] = value
                        doubtful[mine] = None
            except (OSError, Closed):
                pass

        threads = [threading.Thread(target=work, args=(mine,)) for mine in range(CLIENTS)]
        for thread in threads:
            thread.start()
        threads[0].join(random.Random(f"{SEED}/{crash}").uniform(0.1, 0.6))
        server.kill()
        for thread in threads:
            thread.join()
        server.restart()
        with server.client() as client:
            there = {key.decode(): json.loads(record)["v"] for key, record in client("QUERY", "t")}
            assert len(set(there.values())) == len(there), "a value is there twice"
            for mine in range(CLIENTS):
                expected = {key: value for key, value in known[mine].items() if key != doubtful[mine]}
                own = {k: v for k, v in there.items() if k.startswith(f"{mine}-") and k != doubtful[mine]}
                assert own == expected
            for key, value in list(there.items())[:50]:
                assert client("TABLE.PUT", "t", "0-new", json.dumps({"v": value})).startswith(b"DUPLICATE"), key
