"""The engine in this process: what it has in common with a server, and what only it can do wrong."""

import asyncio
import enum
import os
import signal
import subprocess
import sys
import textwrap

import pytest

import ramekin
from ramekin import AsyncDatabase, Database


class Colour(enum.IntEnum):
    RED = 1


class Loud(float):
    def __repr__(self):
        return "loud"


def test_a_number_is_written_by_its_value_whatever_a_subclass_shows(tmp_path):
    with Database(tmp_path / "data") as db:
        for value, written in ((Colour.RED, b"1"), (Loud(1.5), b"1.5"), (10**30, str(10**30).encode()), (0.1, b"0.1")):
            db.set("k", value)
            assert db.get("k") == written
        db.expire("k", Colour.RED)
        assert db.pttl("k") > 0
        with pytest.raises(TypeError, match="bool"):
            db.set("k", True)


def test_a_folder_is_one_database_by_whichever_path_and_order_it_is_opened(tmp_path):
    folder, link = tmp_path / "data", tmp_path / "link"
    with Database(folder, maxmemory="1gb", appendfsync="always") as one:
        link.symlink_to(folder)
        one.set("a", "1")
        same = {"appendfsync": "always", "maxmemory": "1gb"}
        with Database(link, **same) as other, Database(folder / ".." / "data", **same) as third:
            assert other.get("a") == third.get("a") == b"1"
        with pytest.raises(ramekin.OpenError, match="other settings"):
            Database(folder)
        assert one.get("a") == b"1"


def test_a_closed_handle_answers_no_more_though_another_one_is_open(tmp_path):
    one, other = Database(tmp_path / "data"), Database(tmp_path / "data")
    one.set("a", "1")
    one.close()
    for call in (lambda: one.get("a"), lambda: one.set("a", "2"), lambda: one.incr("n"), lambda: one.pipeline().get("a").execute()):
        with pytest.raises(ramekin.ClosedError):
            call()
    assert other.get("a") == b"1"
    other.close()


def test_an_argument_that_a_server_would_not_take_is_refused(tmp_path):
    with Database(tmp_path / "data", proto_max_bulk_len="2mb") as db:
        with pytest.raises(ramekin.CommandError, match="proto-max-bulk-len"):
            db.set("big", b"x" * (3 << 20))
        assert db.set("big", b"x" * (1 << 20)) is True
        assert len(db.get("big")) == 1 << 20


@pytest.mark.parametrize("wrong", [["GET"], ["TABLE.DROP", "t"], ["NOSUCH"]])
def test_a_transaction_with_a_command_that_cannot_be_in_it_runs_nothing(tmp_path, wrong):
    with Database(tmp_path / "data") as db:
        db.table_put("t", "k", {})
        with pytest.raises(ramekin.CommandError):
            db.execute_many([["SET", "a", 1], wrong, ["SET", "b", 1]], atomic=True)
        with db.watch("a") as pipe:
            pipe.multi()
            pipe.set("a", 1)
            pipe.execute_command(*wrong)
            with pytest.raises(ramekin.CommandError):
                pipe.execute()
        assert db.exists("a", "b") == 0
        assert db.table_get("t", "k") == {}


def test_what_is_wrong_is_raised_where_it_is_awaited(tmp_path):
    async def run():
        async with AsyncDatabase(tmp_path / "data") as db:
            await db.rpush("list", "1")
            await db.set("a", "1")
            results = await asyncio.gather(db.get("list"), db.get("a"), db.set("\ud800", "1"), return_exceptions=True)
            assert isinstance(results[0], ramekin.WrongTypeError) and results[1] == b"1"
            assert isinstance(results[2], UnicodeEncodeError)

    asyncio.run(run())


def test_a_result_that_is_there_is_awaited_once_and_made_a_task(tmp_path):
    async def run():
        async with AsyncDatabase(tmp_path / "data") as db:
            await db.set("a", "1")
            assert await asyncio.create_task(db.get("a")) == b"1"
            assert await asyncio.wait_for(db.get("a"), 1) == b"1"
            found = db.get("a")
            assert await found == b"1"
            with pytest.raises(RuntimeError, match="already awaited"):
                await found
            db.get("a").close()
            with pytest.raises(KeyError):
                db.get("a").throw(KeyError("thrown"))

    asyncio.run(run())


def test_a_program_that_waits_for_a_store_that_hangs_hears_sigterm(tmp_path):
    script = textwrap.dedent("""
        import sys, threading, time
        from ramekin import Database

        class Hangs:
            hangs = False
            def __init__(self): self.values = {}
            def load(self, keys): return [self.values.get(key) for key in keys]
            def save(self, changes):
                while self.hangs: time.sleep(0.05)
                self.values.update(changes)
            def scan(self, prefix, after, limit): return []

        store = Hangs()
        db = Database(sys.argv[1], store=store, shutdown_timeout=2)
        db.set("a", "1")
        db.execute("FLUSH")
        store.hangs = True
        db.set("a", "2")
        print("waiting", flush=True)
        db.execute("WAITSTORE", 0)
    """)
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    program = subprocess.Popen([sys.executable, "-c", script, str(tmp_path / "data")], stdout=subprocess.PIPE, env=env)
    try:
        assert program.stdout.readline() == b"waiting\n"
        program.send_signal(signal.SIGTERM)
        assert program.wait(timeout=30) == -signal.SIGTERM
    finally:
        program.kill()
        program.wait()
