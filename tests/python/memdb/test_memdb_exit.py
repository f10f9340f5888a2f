"""How a program that holds a MemDB may end: nothing acknowledged is lost, and an orderly end settles."""

import asyncio
import signal
import sqlite3
import subprocess
import sys
import time

import pytest

from harness.server import Server
from python.memdb.session import eventually
from ramekin import MemDB
from ramekin.errors import StoreDownError

PROGRAM = """
import asyncio, os, sys
from ramekin import MemDB

async def main():
    db = MemDB(sys.argv[1], flush_interval=3600, evict_interval=3600)
    await db.start()
    for n in range(50):
        await db.insert("t", f"k{n}", {"n": n})
    print("ready", flush=True)
    if sys.argv[2] == "wait":
        await asyncio.sleep(600)
    elif sys.argv[2] == "stop":
        await db.stop()
    elif sys.argv[2] == "raise":
        raise RuntimeError("the program is wrong")
    # Else it ends here, without a stop.

asyncio.run(main())
"""


def run(address, how, folder, number=None):
    """Runs the program until it ends; gives its exit code."""
    process = subprocess.Popen([sys.executable, "-c", PROGRAM, address, how], cwd=folder, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout.readline() == "ready\n"
        if number is not None:
            process.send_signal(number)
        return process.wait(60)
    finally:
        process.kill()
        process.wait()


def settled(folder):
    """How many rows the database has."""
    connection = sqlite3.connect(f"file:{folder / 'data' / 'store.db'}?mode=ro", uri=True)
    try:
        return connection.execute("SELECT count(*) FROM t").fetchone()[0]
    finally:
        connection.close()


ENDS = [("stop", None), ("end", None), ("raise", None), ("wait", signal.SIGTERM), ("wait", signal.SIGINT)]


@pytest.mark.parametrize(("how", "number"), ENDS)
def test_an_orderly_end_settles_what_is_unsettled(tmp_path, how, number):
    code = run("sqlite:", how, tmp_path, number)
    assert (code == 0) == (how in ("stop", "end")), code
    assert settled(tmp_path) == 50


@pytest.mark.parametrize(("how", "number"), [*ENDS, ("wait", signal.SIGKILL)])
def test_however_a_program_ends_all_is_there_at_the_next_start(address, tmp_path, how, number):
    run(address, how, tmp_path, number)

    async def body():
        async with MemDB(address) as db:
            assert len(await db.query("t")) == 50
            assert await db.get("t", "k49") == {"n": 49}

    asyncio.run(body())


def test_a_program_that_ends_while_the_database_hangs_ends_in_bounded_time(behind_proxy, tmp_path):
    async def prepare():
        async with behind_proxy.open() as db:
            await db.insert("t", "first", {})

    asyncio.run(prepare())
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, behind_proxy.address, "wait"], cwd=tmp_path, stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout.readline() == "ready\n"
        behind_proxy.proxy.holds.set()
        process.send_signal(signal.SIGTERM)
        process.wait(30)
    finally:
        behind_proxy.proxy.holds.clear()
        process.kill()
        process.wait()

    async def look():
        async with behind_proxy.open() as db:

            async def asked():
                # A statement may take a second here, and no more.
                try:
                    return [await db.query("t", limit=None)]
                except StoreDownError:
                    return None

            [rows] = await eventually(asked)
            assert len(rows) == 51

    asyncio.run(look())


def test_a_stop_while_the_database_hangs_ends_in_bounded_time_and_loses_nothing(behind_proxy, monkeypatch):
    monkeypatch.setattr("ramekin.memdb.memdb.STOP_SECONDS", 1.0)
    own = {"shutdown_timeout": 2} if behind_proxy.server is None else {}

    async def body():
        db = behind_proxy.open(**own)
        await db.start()
        await db.insert("t", "first", {"n": 1})
        await db.flush()
        behind_proxy.proxy.holds.set()
        try:
            for n in range(20):
                await db.insert("t", f"k{n}", {"n": n})
            begun = time.monotonic()
            await db.stop()
            assert time.monotonic() - begun < 15
        finally:
            behind_proxy.proxy.holds.clear()
        async with behind_proxy.open() as db:
            assert len(await db.query("t")) == 21
            await db.flush()
        assert (await behind_proxy.rows_beside("SELECT count(*) FROM t"))[0][0] == 21

    asyncio.run(body())


def test_a_stop_whose_server_is_gone_says_so_and_claims_nothing_about_the_data(caplog):
    server = Server("ramekin")

    async def body():
        async with MemDB(f"ramekin://127.0.0.1:{server.port}") as db:
            await db.insert("t", "k", {"n": 1})
            await asyncio.to_thread(server.kill)

    try:
        asyncio.run(body())
    finally:
        server.remove()
    warned = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert len(warned) == 1 and warned[0].startswith("the server cannot say whether everything has settled: 127.0.0.1")
