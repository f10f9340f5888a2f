"""Namespaces over kill -9 and clean stops: none is half there, and each has all that was acknowledged in it."""

import random
import threading
import time

import pytest

from harness.resp import Closed, Fault

pytestmark = pytest.mark.ours


class Tenant(threading.Thread):
    """Makes and drops namespaces of its own, counts in them, and notes what was acknowledged."""

    def __init__(self, number, server):
        super().__init__(daemon=True)
        self.number, self.server = number, server
        # By name: what its counter was acknowledged to be; None: dropped; absent: it is not known.
        self.known, self.failure = {}, None

    def run(self):
        r = random.Random(self.number)
        try:
            with self.server.client() as client:
                while True:
                    name = f"t{self.number}-{r.randrange(3)}"
                    known = self.known.pop(name, "unknown")
                    if known in (None, "unknown"):
                        reply = client("NAMESPACE", "CREATE", name)
                        if reply != b"OK" and not (known == "unknown" and b"already" in reply):
                            raise AssertionError((name, known, reply))
                        self.known[name] = 0 if reply == b"OK" else self.known.get(name, "unknown")
                        continue
                    if r.random() < 0.2:
                        assert client("NAMESPACE", "DROP", name) == b"OK"
                        self.known[name] = None
                        continue
                    assert client("NAMESPACE", "USE", name) == b"OK"
                    replies = client.pipeline([("INCR", "count")] * 10)
                    assert replies == list(range(known + 1, known + 11)), (name, known, replies)
                    assert client("NAMESPACE", "USE", "default") == b"OK"
                    self.known[name] = replies[-1]
        except (OSError, Closed):
            pass
        except AssertionError as error:
            self.failure = error


def test_kill_9_while_namespaces_are_made_written_and_dropped(start_ramekin):
    server = start_ramekin(appendonly="yes")
    known = {}
    for turn in range(4):
        tenants = [Tenant(f"{turn}{number}", server) for number in range(4)]
        for tenant in tenants:
            tenant.start()
        time.sleep(0.7)
        server.kill()
        for tenant in tenants:
            tenant.join()
            assert tenant.failure is None, tenant.failure
            known.update(tenant.known)
        server.start()
        with server.client() as client:
            listed = {entry[1].decode() for entry in client("NAMESPACE", "LIST")}
            for name, count in known.items():
                assert (name in listed) == (count is not None), name
                if count is not None:
                    assert client("NAMESPACE", "USE", name) == b"OK"
                    assert int(client("GET", "count") or 0) == count, name
            # Those of which it is not known what became of them are there or not, and whole.
            for name in listed:
                assert client("NAMESPACE", "USE", name) == b"OK"
                assert not isinstance(client("GET", "count"), Fault)
            folders = {path.name for path in (server.folder / "namespaces").iterdir()}
            assert len(folders) == len(listed)
    assert any(known.values()) and len(known) > 10


def test_many_namespaces_cost_disk_and_no_threads_and_all_are_closed_in_time(start_ramekin):
    server = start_ramekin(appendonly="yes", namespace_idle_timeout="0.5")
    threads, count = server.threads(), 200
    with server.client() as client:
        for number in range(count):
            assert client("NAMESPACE", "CREATE", f"n{number}") == b"OK"
            assert client("NAMESPACE", "USE", f"n{number}") == b"OK"
            assert client("SET", "key", number) == b"OK"
        assert client("NAMESPACE", "USE", "default") == b"OK"
        assert server.threads() < threads + 10
        deadline = time.monotonic() + 30
        while server.info("namespaces")["namespaces_open"] != "0":
            assert time.monotonic() < deadline, "they are closed when nobody is in them"
            time.sleep(0.1)
        # Half of them are open again when the server is told to end.
        client("CONFIG", "SET", "namespace-idle-timeout", 600)
        for number in range(0, count, 2):
            assert client("NAMESPACE", "USE", f"n{number}") == b"OK"
            assert client("GET", "key") == b"%d" % number
            client("SET", "key", number + 1)
    assert server.terminate(20) == 0
    server.start()
    with server.client() as client:
        for number in range(count):
            client("NAMESPACE", "USE", f"n{number}")
            assert client("GET", "key") == b"%d" % (number + (number % 2 == 0))
