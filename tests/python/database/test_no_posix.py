"""What the package needs of a system is what every system has. These tests need no server: they run on Windows as well."""

import asyncio
import pathlib
import socket
import subprocess
import sys
import threading
import time

import pytest
from fake import Fake, bulk

import ramekin

OK = b"+OK\r\n"
ROOT = pathlib.Path(__file__).parents[3]


def dictionary():
    """A stand-in of a server that has strings only."""
    kept, lock = {}, threading.Lock()

    def answer(peer, command):
        name, *args = command
        with lock:
            if name == b"SET":
                kept[args[0]] = args[1]
                peer.say(OK)
            elif name == b"GET":
                peer.say(bulk(kept[args[0]]) if args[0] in kept else b"_\r\n")
            elif name == b"INCRBY":
                kept[args[0]] = b"%d" % (int(kept.get(args[0], b"0")) + int(args[1]))
                peer.say(b":%s\r\n" % kept[args[0]])
            else:
                peer.say(b"-ERR unknown command\r\n")

    return Fake(answer)


def test_threads_share_a_database():
    with dictionary() as fake, ramekin.Database(fake.url) as db:
        def work():
            for _ in range(50):
                db.incr("count")

        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        assert db.get("count") == b"200" and db.get("nothing") is None


def test_a_pipeline_larger_than_what_sockets_take_is_sent_while_replies_are_read():
    with dictionary() as fake, ramekin.Database(fake.url) as db:
        pipeline = db.pipeline(transaction=False)
        for number in range(5000):
            pipeline.set(f"key:{number}", b"x" * 1000)
            pipeline.get(f"key:{number}")
        assert pipeline.execute() == [True, b"x" * 1000] * 5000


def test_tasks_share_a_connection():
    async def main(url):
        async with ramekin.AsyncDatabase(url) as db:
            assert sorted(await asyncio.gather(*[db.incr("count") for _ in range(200)])) == list(range(1, 201))
            await db.set("key", b"x" * 3_000_000)
            assert len(await db.get("key")) == 3_000_000

    with dictionary() as fake:
        asyncio.run(main(fake.url))
        assert len(fake.peers) == 1


def test_a_connection_that_the_server_has_ended_is_replaced_before_it_is_used():
    async def main(fake):
        async with ramekin.AsyncDatabase(fake.url) as db:
            await db.set("key", "async")
            fake.peers[-1].end()
            assert await db.get("key") == b"async"

    with dictionary() as fake:
        with ramekin.Database(fake.url) as db:
            assert db.incr("count") == 1
            fake.peers[0].end()
            (connection,) = db._backend._idle
            ends = time.monotonic() + 10
            while connection.is_idle():
                assert time.monotonic() < ends
            # A change is never sent twice, so it is sent by a connection that is known to be there.
            assert db.incr("count") == 2
        asyncio.run(main(fake))


def test_a_server_that_does_not_answer_is_given_up():
    with Fake(lambda peer, command: None) as fake, ramekin.Database(fake.url, timeout=0.2) as db:
        with pytest.raises(ramekin.errors.ServerTimeoutError):
            db.get("key")


def test_a_socket_in_a_folder_is_refused_where_there_are_none(monkeypatch):
    monkeypatch.delattr(socket, "AF_UNIX", raising=False)
    with pytest.raises(ramekin.errors.OpenError, match="has no Unix sockets, use ramekin://host:port"):
        ramekin.Database("ramekin+unix:///run/ramekin.sock")


def test_every_module_is_imported_without_what_only_posix_has():
    package = pathlib.Path(ramekin.__file__).parent
    names = [".".join(path.relative_to(package.parent).with_suffix("").parts) for path in package.rglob("*.py")]
    needing_more = ("ramekin._embedded", "ramekin.contrib")  # the engine, and frameworks
    names = [name for name in names if not name.startswith(needing_more)]
    program = f"import harness.elsewhere, importlib\nfor name in {names}: importlib.import_module(name)\nprint('all')"
    ran = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path[:0] = [{str(ROOT / 'tests')!r}, {str(package.parent)!r}]\n{program}"],
        capture_output=True, text=True, timeout=60,
    )
    assert (ran.stdout, ran.stderr) == ("all\n", "")
