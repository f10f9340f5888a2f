"""PostgreSQL is gone while clients go on: memory stays within bounds, who may wait waits, and nothing acknowledged is lost.

`TEST_OUTAGE_SECONDS=600` makes the outage under load one of ten minutes.
"""

import os
import signal
import threading
import time

import pytest

from harness.resp import Client, Fault
from store.behind import FAST, record, resident_bytes, settle, until
from store.proxy import Proxy

OUTAGE_SECONDS = float(os.environ.get("TEST_OUTAGE_SECONDS", 4))
MIB = 1 << 20
VALUE_BYTES = 2000

pytestmark = pytest.mark.ours


class Writer(threading.Thread):
    """Writes to keys of its own, one batch after the other, and notes what was acknowledged."""

    def __init__(self, number, server, stop):
        super().__init__(daemon=True)
        self.number, self.server, self.stop = number, server, stop
        self.acknowledged, self.refused, self.failure = {}, set(), None

    def run(self):
        try:
            with Client(self.server.address, timeout=OUTAGE_SECONDS + 300) as client:
                at = 0
                while not self.stop.is_set():
                    keys = [f"w{self.number}-{(at + n) % 30_000}" for n in range(50)]
                    at += 50
                    value = b"%d " % at + b"v" * VALUE_BYTES
                    replies = client.pipeline([("SET", key, value) for key in keys])
                    for key, reply in zip(keys, replies, strict=True):
                        if isinstance(reply, Fault):
                            self.refused.add(bytes(reply))
                        else:
                            self.acknowledged[key] = at
                    if isinstance(replies[-1], Fault):
                        time.sleep(0.02)
        except Exception as error:  # noqa: BLE001 - the test reports whatever it was
            self.failure = error


def fill(server):
    """Twice as much as memory holds, settled: the first of it is cold, the last is here."""
    with server.client() as client:
        for start in range(0, 150_000, 5000):
            # However quickly it can be written, no more of it waits than may.
            client("FLUSH")
            replies = client.pipeline([("SET", f"old{n}", b"o" * VALUE_BYTES) for n in range(start, start + 5000)])
            assert not any(isinstance(reply, Fault) for reply in replies), replies[-1]
    return settle(server)


@pytest.mark.parametrize("policy", ["wait", "refuse"])
def test_memory_is_bounded_and_nothing_is_lost_however_long_the_store_is_gone(start_ramekin, postgres, url, policy):
    limits = {"maxmemory": "256mb", "store-unsettled-max": "128mb", "store-unsettled-policy": policy}
    server = start_ramekin(store=url, **{**FAST, "evict-interval": "0", **limits})
    assert int(fill(server)["store_evictions"]) > 10_000
    stop, highest, waits = threading.Event(), [0, 0], []
    writers = [Writer(number, server, stop) for number in range(4)]
    with server.client() as client:
        resident = ["old149999", "old149990"]
        assert all(client("GET", key) for key in resident)
        postgres.stop(signal.SIGQUIT)
        for writer in writers:
            writer.start()
        deadline = time.monotonic() + OUTAGE_SECONDS
        while time.monotonic() < deadline or int(server.info("store")["store_unsettled_bytes"]) < 128 * MIB:
            assert time.monotonic() < deadline + 120, server.info("store")
            begun = time.monotonic()
            assert all(client("GET", key) for key in resident)
            waits.append(time.monotonic() - begun)
            highest = [max(pair) for pair in zip(highest, resident_bytes(server.pid), strict=True)]
            time.sleep(0.05)
        while_gone = highest[0]
        # Both bounds, and what the allocator has in pages that eviction has left half empty.
        assert while_gone < 512 * MIB, highest
        cold = client("GET", "old0")
        info = server.info("store")
        assert cold.startswith(b"STOREDOWN"), cold
        assert info["store_state"] == "down" and "onnect" in info["store_last_error"], info
        # Beyond the bound lies what lanes have in hand and has changed again.
        assert 128 * MIB <= int(info["store_unsettled_bytes"]) < 140 * MIB, info
        postgres.start()
        until(lambda: server.info("store")["store_state"] == "up", 30)
        time.sleep(1)
        stop.set()
        for writer in writers:
            writer.join(120)
            assert not writer.is_alive() and writer.failure is None, writer.failure
        highest = [max(pair) for pair in zip(highest, resident_bytes(server.pid), strict=True)]
        settled = settle(server)
        waits.sort()
        acknowledged = {key: at for writer in writers for key, at in writer.acknowledged.items()}
        print(
            f"{policy}: {OUTAGE_SECONDS:.0f} s without the store, {len(acknowledged)} keys written, "
            f"{settled['store_flushed_records']} rows settled, highest RSS {while_gone >> 20} MiB meanwhile and "
            f"{highest[0] >> 20} MiB afterwards, {highest[1] >> 20} MiB of it no file's; slowest reads {waits[-1] * 1000:.1f} ms"
        )
        # What is evicted all at once when the store is back goes back to the system a second or two later.
        assert highest[0] < 512 * MIB, highest
        refused = set().union(*(writer.refused for writer in writers))
        if policy == "wait":
            assert not refused
        else:
            assert len(refused) == 1 and all(text.startswith(b"STOREFULL") for text in refused), refused
            assert all(b"store-unsettled-max" in text and b"INFO store" in text for text in refused)
        # All of it comes from the store.
        client("EVICT")
        keys = list(acknowledged)
        for start in range(0, len(keys), 1000):
            part = keys[start : start + 1000]
            for key, reply in zip(part, client("MGET", *part), strict=True):
                assert reply and int(reply.split()[0]) == acknowledged[key], (key, bytes(reply or b"")[:20])
        assert len(client("GET", "old0")) == VALUE_BYTES


@pytest.mark.parametrize("how", ["gone", "silent"])
def test_a_stop_ends_in_time_without_an_answer_of_the_store_and_says_what_has_not_settled(start_ramekin, postgres, url, how):
    with Proxy(postgres.port) as proxy:
        server = start_ramekin(store=proxy.url(url), **{**FAST, "shutdown-timeout": "2"})
        with server.client() as client:
            client("SET", "a", "1")
            client("TABLE.PUT", "t", "r", '{"n": 1}')
            settle(server)
            if how == "gone":
                proxy.close()
            else:
                proxy.holds.set()
            client("SET", "a", "2")
            client("DEL", "t:r")
            client.pipeline([("SET", f"key{n}", "x") for n in range(1000)])
            # A lane waits for an answer already.
            time.sleep(0.5)
        begun = time.monotonic()
        code = server.terminate(60)
        took = time.monotonic() - begun
        assert code == 0 and took < 10, (code, took, server.log())
        assert "1002 changes have not settled" in server.log(), server.log()
    server.directives["store"] = url
    server.start()
    settle(server)
    with server.client() as client:
        client("EVICT")
        assert (client("GET", "a"), record(client, "t", "r"), client("GET", "key999")) == (b"2", None, b"x")
