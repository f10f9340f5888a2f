"""Where MemDB's settings come from, and which of them counts."""

import asyncio
import inspect

import pytest

from python.memdb.session import eventually, on
from ramekin import MemDB
from ramekin.errors import CommandError
from ramekin.memdb import PRESETS
from ramekin.memdb.dotenv import parse_dotenv


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A working folder of the test's own."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def said(db):
    return db.db_url, db.flush_interval, db.evict_interval, db.max_connections


def test_the_defaults_are_those_of_the_contract(folder):
    assert said(MemDB()) == (None, 30, 60, 10)
    assert said(MemDB("x", 1, 2, 3)) == ("x", 1, 2, 3)
    assert said(MemDB(db_url="x", flush_interval=0.5, evict_interval=1.5, max_connections=7)) == ("x", 0.5, 1.5, 7)
    assert list(inspect.signature(MemDB).parameters)[:4] == ["db_url", "flush_interval", "evict_interval", "max_connections"]


def test_an_argument_wins_over_the_environment_and_that_over_the_file(folder, monkeypatch):
    (folder / ".env").write_text("PG_DSN=postgresql://file/x\nFLUSH_INTERVAL=1\nEVICT_INTERVAL=2\nMAX_CONNECTIONS=11\n")
    assert said(MemDB()) == ("postgresql://file/x", 1, 2, 11)
    monkeypatch.setenv("PG_DSN", "postgresql://environment/x")
    monkeypatch.setenv("FLUSH_INTERVAL", "3.5")
    monkeypatch.setenv("EVICT_INTERVAL", "")
    assert said(MemDB()) == ("postgresql://environment/x", 3.5, 2, 11)
    assert said(MemDB("./data", flush_interval=0, max_connections=12)) == ("./data", 0, 2, 12)


def test_the_newer_name_of_a_setting_wins_over_the_older(folder, monkeypatch):
    monkeypatch.setenv("IDLE_TTL", "7")
    assert MemDB().evict_interval == 7
    monkeypatch.setenv("EVICT_INTERVAL", "8")
    assert MemDB().evict_interval == 8
    monkeypatch.delenv("IDLE_TTL")
    monkeypatch.delenv("EVICT_INTERVAL")
    (folder / ".env").write_text("EVICT_INTERVAL=9\nIDLE_TTL=10\n")
    assert MemDB().evict_interval == 9


@pytest.mark.parametrize(
    ("name", "value"),
    [("FLUSH_INTERVAL", "soon"), ("FLUSH_INTERVAL", "-1"), ("EVICT_INTERVAL", "nan"), ("MAX_CONNECTIONS", "0"), ("MAX_CONNECTIONS", "1.5")],
)
def test_a_wrong_value_is_refused_by_its_name(folder, monkeypatch, name, value):
    monkeypatch.setenv(name, value)
    with pytest.raises(ValueError, match=name):
        MemDB()


def test_a_wrong_argument_is_refused_by_its_name(folder):
    for name, wrong in (("flush_interval", -1), ("evict_interval", float("inf")), ("max_connections", 0)):
        with pytest.raises(ValueError, match=name):
            MemDB(**{name: wrong})
    for name, wrong in (("flush_interval", "5"), ("max_connections", True)):
        with pytest.raises((TypeError, ValueError), match=name):
            MemDB(**{name: wrong})
    for wrong in ("memdb_", "{}{}"):
        with pytest.raises(ValueError, match="stored_as"):
            MemDB(stored_as=wrong)


def test_the_file_is_read_as_shells_write_it():
    text = """
    # A comment
    PG_DSN="postgresql://me:pa#ss@host/db"   # behind it another
    export FLUSH_INTERVAL=5 # five
    EVICT_INTERVAL = '6'
    MAX_CONNECTIONS=
    URL=postgresql://me:a#b@host/db
    MAX_CONNECTIONS=7
    LINES="a\\nb\\"c\\\\"
    not a line
    =5
    """
    assert parse_dotenv(text) == {
        "PG_DSN": "postgresql://me:pa#ss@host/db",
        "FLUSH_INTERVAL": "5",
        "EVICT_INTERVAL": "6",
        "MAX_CONNECTIONS": "7",
        "URL": "postgresql://me:a#b@host/db",
        "LINES": 'a\nb"c\\',
    }


def test_a_file_that_is_no_utf8_is_read_as_far_as_it_is_asked_for(folder):
    (folder / ".env").write_bytes(b"# gr\xfc\xdfe\nOTHER=\xff\nFLUSH_INTERVAL=7\n")
    assert MemDB().flush_interval == 7
    (folder / ".env").write_bytes(b"PG_DSN=postgresql://me:p\xe4ss@host/name\n")
    with pytest.raises(ValueError, match="PG_DSN is no UTF-8 text"):
        MemDB()


def test_an_address_may_be_a_path(folder):
    async def body(db):
        await db.insert("t", "k", {})

    on(folder / "elsewhere", body)
    assert (folder / "elsewhere" / "LOCK").exists()
    assert said(MemDB.preset("iot", folder))[0] == str(folder)


def test_presets_have_their_intervals_and_may_be_changed(folder):
    assert {name: tuple(preset) for name, preset in PRESETS.items()} == {
        "telephony": (10, 120, 20),
        "iot": (5, 30, 50),
        "gaming": (30, 300, 15),
        "high_safety": (5, 30, 15),
    }
    assert said(MemDB.preset("iot", "sqlite:")) == ("sqlite:", 5, 30, 50)
    assert said(MemDB.preset("gaming", evict_interval=10)) == (None, 30, 10, 15)
    with pytest.raises(ValueError, match="telephony, iot, gaming, high_safety"):
        MemDB.preset("fast")


def test_a_password_is_not_logged(folder, caplog):
    db = MemDB("postgresql://me:secret@host:5432/name")
    assert "secret" not in db._where() and "host:5432/name" in db._where()


def test_without_an_address_the_data_is_in_the_folder_data(folder):
    async def body(db):
        await db.insert("t", "k", {"n": 1})

    on(None, body)
    assert (folder / "data").is_dir()

    async def again(db):
        assert await db.get("t", "k") == {"n": 1}

    on("file:./data", again)


def test_intervals_change_while_it_runs(behind):
    async def body():
        async with behind.open() as db:
            await db.insert("t", "k", {"n": 1})
            assert db.stats()["dirty_records"] == 1
            db.flush_interval = 0.05
            assert db.flush_interval == 0.05

            async def settled():
                return db.stats()["dirty_records"] == 0

            await eventually(settled)
            assert db.stats()["cached_records"] == 1
            db.evict_interval = 0.05

            async def left():
                return db.stats()["cached_records"] == 0

            await eventually(left)
            assert await db.get("t", "k") == {"n": 1}
            with pytest.raises(ValueError, match="flush_interval"):
                db.flush_interval = -1
            assert db.flush_interval == 0.05

    asyncio.run(body())


def test_the_number_of_connections_may_be_changed_at_any_time(behind):
    async def body():
        async with behind.open(max_connections=7) as db:
            db.max_connections = 12
            assert db.max_connections == 12 and db.stats()["pool"]["max_connections"] == 12
            with pytest.raises(ValueError, match="max_connections"):
                db.max_connections = 0
            await db.insert("t", "k", {"n": 1})
            await db.flush()
            await db.stop()
            await db.start()
            assert await db.get("t", "k") == {"n": 1} and db.max_connections == 12
        # As few as the documents of the original have.
        async with behind.open(max_connections=1) as db:
            assert await db.get("t", "k") == {"n": 1}

    asyncio.run(body())


@pytest.mark.parametrize("store_kind", ["postgres", "server over postgres"])
def test_a_changed_number_of_connections_counts_at_once(behind):
    async def body():
        async with behind.open(max_connections=5) as db:
            for n in range(200):
                await db.insert("t", f"k{n}", {"n": n})
            await db.flush()

            async def connections():
                await db._run("EVICT")
                rows = await asyncio.gather(*(db.get("t", f"k{n}") for n in range(200)))
                assert [row["n"] for row in rows] == list(range(200))
                others = "pid <> pg_backend_pid() AND backend_type = 'client backend'"
                return (await behind.rows_beside(f"SELECT count(*) FROM pg_stat_activity WHERE {others}"))[0][0]

            few = await connections()
            assert few <= 6
            db.max_connections = 20

            async def more():
                return await connections() >= few + 3

            await eventually(more)
            db.max_connections = 5

            async def few_again():
                return await connections() <= 6

            await eventually(few_again)

    asyncio.run(body())


@pytest.mark.places("server")
def test_a_server_keeps_its_settings_unless_others_are_said(address):
    async def body(db):
        return await db._run("CONFIG", "GET", "flush-interval"), await db._run("CONFIG", "GET", "evict-interval")

    def values(**keywords):
        return [float(value) for reply in on(address, body, **keywords) for value in reply.values()]

    assert values() == [30, 60]
    assert values(flush_interval=7) == [7, 60]
    assert values() == [7, 60]
    with pytest.raises(CommandError):
        values(nonsense=1)
