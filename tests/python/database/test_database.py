"""`Database` and `AsyncDatabase`: every command has a method, the three ways to call it agree, and what is more than one command."""

import asyncio
import pathlib
import re
import threading

import pytest

import ramekin
from python.database import calls
from ramekin import errors
from ramekin._commands import FAMILIES
from ramekin.database import Pipeline

COMMANDS = pathlib.Path(__file__).parents[3] / "docs" / "COMMANDS.md"

# Commands without a method, and why.
WITHOUT = {
    **dict.fromkeys(("MULTI", "EXEC", "DISCARD", "WATCH", "UNWATCH"), "pipeline(), transaction() and watch()"),
    **dict.fromkeys(("HELLO", "QUIT", "RESET", "MONITOR"), "they are about a connection that nobody shares"),
    **dict.fromkeys(
        ("CLIENT CACHING", "CLIENT CAPA", "CLIENT GETREDIR", "CLIENT REPLY", "CLIENT TRACKING", "CLIENT IMPORT-SOURCE"),
        "they are about a connection that nobody shares",
    ),
    "CHANGES": "subscribe()",
    "DEBUG": "for tests of the server",
    "RESTORE-ASKING": "for servers among each other",
    "DECR": "decr() sends DECRBY",
    "INCR": "incr() sends INCRBY",
}


class Recorder:
    """A backend that answers nothing, and knows what it was asked."""

    def __init__(self):
        self.asked = []

    def execute(self, *args):
        self.asked.append(args)


@pytest.fixture
def db(url):
    db = ramekin.Database(url)
    yield db
    db.close()


def listed():
    """The commands that the list of commands has, subcommands by both words."""
    for line in COMMANDS.read_text().splitlines():
        found = re.match(r"\| `([A-Z][A-Z.-]*)((?: [A-Z-]+)?)[ `]", line)
        if found:
            containers = ("CLIENT", "CONFIG", "COMMAND", "COMMANDLOG", "LATENCY", "MEMORY", "NAMESPACE", "OBJECT", "QUARANTINE", "SLOWLOG")
            yield (found[1] + found[2]) if found[1] in containers else found[1]


def test_each_command_has_a_method_or_a_reason_why_not():
    sent = set()
    for text in [*calls.FAMILIES.values(), calls.OURS, 'db.shutdown()\ndb.object("freq", "k")']:
        for line in calls.lines(text):
            recorder = Recorder()
            calls.run(ramekin.Database(recorder), line)
            for args in recorder.asked:
                words = [str(word).upper() for word in args[:2]]
                sent |= {words[0], " ".join(words)}
    missing = [name for name in listed() if name not in sent and name not in WITHOUT and not name.endswith(" HELP")]
    assert missing == []
    assert [name for name in WITHOUT if name in sent] == []


def test_each_method_is_called_by_some_line():
    methods = {name for family in FAMILIES for name in vars(family) if not name.startswith("_")}
    assert methods - calls.called() == set()


# Lines whose reply is of the moment, or that change what all lines stand on.
UNSTEADY = re.compile(
    r"ttl|commandlog_|expiretime|histogram|randomkey|hrandfield|idletime|scan|_iter|dump|explain|memory"
    r"|command\(\)|bgsave|bgrewriteaof|client_|select|namespace_use|auth"
)


@pytest.mark.parametrize("family", ["strings", "lists", "hashes", "keys", "ours"])
def test_tasks_get_what_threads_get(db, family):
    lines = calls.lines(calls.OURS if family == "ours" else calls.FAMILIES[family])
    expected = [(line, calls.run(db, line)) for line in lines if not UNSTEADY.search(line)]
    db.flushall()
    for table in db.table_list():
        db.table_drop(table)

    async def main():
        found = []
        async with ramekin.AsyncDatabase(db.backend) as other:
            for line, _ in expected:
                found.append((line, await _awaited(other, line)))
            await other.flushall()
        return found

    # Closing the one closed the other: it is the same backend.
    assert asyncio.run(main()) == expected


async def _awaited(db, line):
    """A line with its call awaited; what is made of the reply afterwards stays."""
    call, rest = _split(line)
    try:
        value = await eval(call, {**calls.NAMES, "db": db})  # noqa: S307
        return eval(line.replace(call, "value"), {**calls.NAMES, "value": value}) if rest else value  # noqa: S307
    except Exception as error:
        if type(error) is TypeError:
            return "no argument"
        return ("raised", str(error).removeprefix("ERR ").removeprefix("WRONGTYPE "))


def _split(line):
    """The first call on `db` in a line, and whether there is more around it."""
    start = line.index("db.")
    depth = 0
    for end in range(start, len(line)):
        depth += {"(": 1, ")": -1}.get(line[end], 0)
        if depth == 0 and line[end] == ")":
            return line[start : end + 1], line[start : end + 1] != line
    raise AssertionError(line)


@pytest.mark.parametrize("family", ["strings", "lists", "hashes", "keys"])
def test_pipelines_answer_what_calls_answer(db, family):
    lines = [line for line in calls.lines(calls.FAMILIES[family]) if not UNSTEADY.search(line) and not _split(line)[1]]
    lines = [line for line in lines if "none" not in line or "b" != line[3]]  # blocking ones do not block within a transaction
    expected = [calls.run(db, line) for line in lines]
    for transaction in (True, False):
        db.flushall()
        pipe = db.pipeline(transaction)
        for line in lines:
            assert calls.run(pipe, line) is pipe, line
        assert len(pipe) == len(lines) == len(pipe.command_stack)
        found = []
        for reply in pipe.execute(raise_on_error=False):
            failed = isinstance(reply, Exception)
            found.append(("raised", str(reply).removeprefix("ERR ").removeprefix("WRONGTYPE ")) if failed else reply)
        assert found == expected
        assert len(pipe) == 0 and pipe.execute() == []


def test_the_first_error_of_a_pipeline_is_raised_and_names_its_command(db):
    with pytest.raises(errors.WrongTypeError, match=r"command 2 of the pipeline: HGET n f") as raised:
        db.pipeline().incr("n").hget("n", "f").incr("n").execute()
    assert raised.value.code == "WRONGTYPE"
    assert db.get("n") == b"2"


def test_a_pipeline_that_is_left_is_empty(db):
    with db.pipeline() as pipe:
        pipe.incr("n")
        assert bool(pipe) and len(pipe) == 1
    assert len(pipe) == 0
    assert db.get("n") is None


def test_a_watched_pipeline_reads_at_once_and_is_run_if_nothing_changed(db):
    with db.watch("n") as pipe:
        assert isinstance(pipe, Pipeline)
        value = int(pipe.get("n") or 0)
        pipe.multi()
        assert pipe.set("n", value + 1) is pipe
        assert pipe.execute() == [True]
    with db.pipeline() as pipe:
        pipe.watch("m")
        pipe.watch("n")
        db.set("n", 9)
        pipe.multi()
        pipe.set("n", 1)
        with pytest.raises(errors.WatchError):
            pipe.execute()
    assert db.get("n") == b"9"


def test_what_cannot_be_meant_of_a_pipeline_is_refused(db):
    with db.pipeline() as pipe:
        pipe.incr("n")
        with pytest.raises(errors.RamekinError):
            pipe.multi()
    with db.watch("n") as pipe:
        pipe.multi()
        with pytest.raises(errors.RamekinError):
            pipe.watch("m")
        with pytest.raises(errors.RamekinError):
            pipe.multi()


def test_transactions_of_many_threads_lose_no_update(db):
    def add(pipe):
        value = int(pipe.get("n") or 0)
        pipe.multi()
        pipe.set("n", value + 1)
        return value

    def work():
        for _ in range(25):
            assert db.transaction(add, "n") == [True]

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert db.get("n") == b"100"
    assert db.transaction(add, "n", value_from_callable=True) == 100


def test_transactions_of_many_tasks_lose_no_update(url):
    async def main():
        async with ramekin.AsyncDatabase(url) as db:

            async def add(pipe):
                value = int(await pipe.get("n") or 0)
                pipe.multi()
                pipe.set("n", value + 1)

            await asyncio.gather(*[db.transaction(add, "n") for _ in range(20)])
            assert await db.get("n") == b"20"
            async with await db.watch("n") as pipe:
                await db.set("n", 5)
                pipe.multi()
                with pytest.raises(errors.WatchError):
                    await pipe.incr("n").execute()
            assert await (await db.pipeline()).incr("n").get("n").execute() == [6, b"6"]

    asyncio.run(main())


def test_walks_of_tasks_tell_all(url):
    async def main():
        async with ramekin.AsyncDatabase(url, decode_responses=True) as db:
            await db.mset({f"k{i}": i for i in range(300)})
            await db.hset("h", mapping={f"f{i}": i for i in range(300)})
            await db.execute_many([["TABLE.PUT", "t", f"r{i}", "{}"] for i in range(30)])
            assert {key async for key in db.scan_iter("k*", count=7)} == {f"k{i}" for i in range(300)}
            assert {f: v async for f, v in db.hscan_iter("h")} == {f"f{i}": str(i) for i in range(300)}
            assert {f async for f in db.hscan_iter("h", no_values=True)} == {f"f{i}" for i in range(300)}
            assert {r["_key"] async for r in db.query_iter("t", batch=4)} == {f"r{i}" for i in range(30)}
            await db.table_drop("t")

    asyncio.run(main())


def test_a_database_is_a_mapping_of_strings(db):
    db["a"] = "1"
    assert db["a"] == b"1" and "a" in db
    del db["a"]
    assert "a" not in db
    with pytest.raises(KeyError):
        db["a"]


def test_decoding_leaves_dumps_and_records_alone(url):
    with ramekin.Database(url, decode_responses=True) as db:
        db.set("k", "\u00e9")
        assert isinstance(db.dump("k"), bytes)
        assert db.pipeline().dump("k").get("k").execute()[1] == "\u00e9"
        db.table_put("t", "r", {"a": "\u00e9"})
        assert db.table_get("t", "r") == {"a": "\u00e9"}
        assert db.query("t") == [{"a": "\u00e9", "_key": "r"}]
        assert db.execute_many([["GET", "k"], ["TYPE", "k"]]) == ["\u00e9", "string"]
        db.table_drop("t")


def test_the_keywords_and_urls_of_redis_py_name_a_server(server, url):
    for db in (
        ramekin.Database(host="127.0.0.1", port=server.port, db=3, socket_timeout=5, client_name="c", health_check_interval=3),
        ramekin.Database.from_url(f"redis://127.0.0.1:{server.port}/3"),
        ramekin.Database.from_url(f"ramekin://127.0.0.1:{server.port}?db=3"),
    ):
        with db:
            assert db.client_info()["db"] == 3
    with pytest.raises(errors.OpenError, match="no_such_option"):
        ramekin.Database(host="127.0.0.1", no_such_option=1)


def test_a_lock_is_held_by_one(db):
    lock, other = db.lock("l", timeout=10), db.lock("l", timeout=10, blocking=False)
    with lock:
        assert lock.owned() and lock.locked() and not other.owned()
        assert not other.acquire()
        assert not db.lock("l", sleep=0.01).acquire(blocking_timeout=0.03)
        assert lock.extend(10) and 10_000 < db.pttl("l") <= 20_000
        assert lock.extend(5, replace_ttl=True) and db.pttl("l") <= 5_000
        assert lock.reacquire() and db.pttl("l") > 5_000
        with pytest.raises(errors.LockError):
            other.release()
    assert not lock.locked()
    with other:
        pass


def test_who_does_not_hold_a_lock_any_more_cannot_give_it_back(db):
    lock = db.lock("l", timeout=10)
    lock.acquire()
    db.set("l", "another")
    with pytest.raises(errors.LockNotOwnedError):
        lock.extend(1)
    with pytest.raises(errors.LockNotOwnedError):
        lock.release()
    assert db.get("l") == b"another"
    with pytest.raises(errors.LockError):
        with db.lock("l", blocking=False):
            pass


def test_a_lock_lets_one_thread_in_at_a_time(db):
    inside, most = [], []

    def work():
        for _ in range(10):
            with db.lock("l", timeout=10, sleep=0.001):
                inside.append(1)
                most.append(len(inside))
                inside.pop()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert max(most) == 1 and len(most) == 40


def test_a_lock_lets_one_task_in_at_a_time(url):
    async def main():
        inside, most = [], []
        async with ramekin.AsyncDatabase(url) as db:

            async def work():
                for _ in range(5):
                    async with db.lock("l", timeout=10, sleep=0.001) as lock:
                        assert await lock.owned() and await lock.locked()
                        inside.append(1)
                        await lock.extend(1)
                        most.append(len(inside))
                        inside.pop()

            await asyncio.gather(*[work() for _ in range(4)])
            lock = db.lock("l", timeout=10, blocking=False)
            await db.set("l", "another")
            assert not await lock.acquire()
            with pytest.raises(errors.LockError):
                await lock.release()
        assert max(most) == 1 and len(most) == 20

    asyncio.run(main())


def test_an_end_by_shutdown_is_no_error(own):
    with ramekin.Database(f"ramekin://127.0.0.1:{own.port}") as db:
        assert db.set("k", "v")
        db.shutdown()
        own.process.wait(10)
        with pytest.raises(errors.ServerConnectionError):
            db.get("k")
