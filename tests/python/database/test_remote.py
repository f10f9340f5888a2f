"""Commands over a connection: many at once, atomically, watched, from threads, loops and forks."""

import asyncio
import os
import threading

import pytest

from ramekin import errors
from ramekin._remote import Remote


@pytest.fixture
def remote(url):
    remote = Remote(url)
    yield remote
    remote.close()


def test_values_come_back_by_their_kind(remote):
    assert remote.execute("SET", "k", b"\xff\x00") == "OK"
    assert remote.execute("GET", "k") == b"\xff\x00"
    assert remote.execute("GET", "none") is None
    assert remote.execute("HSET", "h", "a", 1, "b", 2.5) == 2
    assert remote.execute("HGETALL", "h") == {b"a": b"1", b"b": b"2.5"}
    with pytest.raises(errors.WrongTypeError):
        remote.execute("INCR", "h")


def test_many_commands_answer_in_order_and_errors_are_items(remote):
    one, two, three = remote.execute_many([["INCR", "n"], ["HGET", "n", "f"], ["GET", "n"]])
    assert (one, three) == (1, b"1") and isinstance(two, errors.WrongTypeError)
    assert remote.execute_many([]) == []


def test_an_atomic_batch_answers_what_exec_answers(remote):
    one, two = remote.execute_many([["INCR", "n"], ["HGET", "n", "f"]], atomic=True)
    assert one == 1 and isinstance(two, errors.WrongTypeError)


def test_a_batch_with_a_command_that_cannot_be_queued_runs_nothing(remote):
    with pytest.raises(errors.CommandError, match="unknown command 'NOSUCH'"):
        remote.execute_many([["INCR", "n"], ["NOSUCH"]], atomic=True)
    assert remote.execute("GET", "n") is None
    assert remote.execute("PING") == "PONG"


def test_a_pipeline_larger_than_all_buffers_does_not_stall(remote):
    value = b"x" * 1000
    assert set(remote.execute_many([["SET", f"k{i}", value] for i in range(30_000)])) == {"OK"}
    assert remote.execute_many([["GET", f"k{i}"] for i in range(30_000)]) == [value] * 30_000


def test_commands_that_would_confuse_a_shared_connection_are_refused(remote):
    for command in ["MULTI", "EXEC", "WATCH", "HELLO", "RESET", "QUIT", "MONITOR", "client reply"]:
        with pytest.raises(errors.CommandError, match="not for connections that are shared"):
            remote.execute(*command.split(), "x")
    assert remote.execute("PING") == "PONG"


def test_a_watched_key_that_changes_stops_the_commit(remote):
    watching = remote.watch(["a"])
    assert watching.execute("GET", "a") is None
    remote.execute("SET", "a", "other")
    assert watching.commit([["SET", "a", "mine"]]) is None
    watching.close()
    watching = remote.watch(["a"])
    assert watching.commit([["APPEND", "a", "!"]]) == [6]
    watching.close()
    with pytest.raises(errors.ClosedError):
        watching.execute("GET", "a")


def test_a_closed_watch_leaves_nothing_watched_behind(remote):
    remote.watch(["a"]).close()
    remote.execute("SET", "a", "1")
    assert remote.execute_many([["GET", "a"]], atomic=True) == [b"1"]


def test_what_sets_a_connection_up_holds_for_all(remote):
    remote.execute("SET", "k", "zero")
    first = remote._idle.pop()
    remote.execute("PING")
    remote._idle.append(first)
    remote.execute("SELECT", 3)
    second = remote._idle.pop()
    assert second is not remote._idle[0] and remote.execute("GET", "k") is None
    remote._idle.append(second)
    found = []
    threads = [threading.Thread(target=lambda: found.append(remote.execute("GET", "k"))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [None] * 8
    assert _in_a_loop(remote, "GET", "k") is None
    remote.execute("SELECT", 0)
    assert _in_a_loop(remote, "GET", "k") == b"zero"
    assert remote.execute("CLIENT", "DURABILITY", "disk") == "OK"
    assert _in_a_loop(remote, "CLIENT", "DURABILITY") == b"disk"


def _in_a_loop(remote, *args):
    async def main():
        return await remote.execute_async(*args)

    return asyncio.run(main())


def test_threads_do_not_mix_replies(remote):
    wrong = []

    def work(n):
        for i in range(300):
            value = f"{n}-{i}".encode()
            remote.execute("SET", f"k{n}", value)
            if remote.execute_many([["GET", f"k{n}"], ["ECHO", value]]) != [value, value]:
                wrong.append(n)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_tasks_share_a_connection_and_get_their_own_replies(remote):
    async def main():
        before = await remote.execute_async("CLIENT", "ID")
        found = await asyncio.gather(*[remote.execute_async("ECHO", str(i)) for i in range(3000)])
        assert found == [str(i).encode() for i in range(3000)]
        assert await remote.execute_async("CLIENT", "ID") == before

    asyncio.run(main())


def test_a_cancelled_task_shifts_no_reply(remote):
    async def main():
        before = await remote.execute_async("CLIENT", "ID")
        for i in range(200):
            tasks = [asyncio.ensure_future(remote.execute_async("ECHO", f"{i}-{j}")) for j in range(5)]
            await asyncio.sleep(0)
            tasks[i % 5].cancel()
            found = await asyncio.gather(*tasks, return_exceptions=True)
            for j, reply in enumerate(found):
                assert isinstance(reply, asyncio.CancelledError) if j == i % 5 else reply == f"{i}-{j}".encode()
        assert await remote.execute_async("CLIENT", "ID") == before

    asyncio.run(main())


def test_a_cancelled_blocking_pop_takes_nothing(remote):
    async def main():
        waiting = asyncio.ensure_future(remote.execute_async("BLPOP", "queue", 0))
        await _until(remote, "blocked_clients:1")
        assert await remote.execute_async("PING") == "PONG"  # nobody stands behind it
        waiting.cancel()
        await _until(remote, "blocked_clients:0")
        await remote.execute_async("RPUSH", "queue", "one")
        assert await remote.execute_async("LLEN", "queue") == 1
        assert await remote.execute_async("BLPOP", "queue", 0) == [b"queue", b"one"]

    asyncio.run(main())


def test_what_is_pushed_after_a_blocking_pop_was_cancelled_stays(remote):
    async def main():
        for i in range(50):
            waiting = asyncio.ensure_future(remote.execute_async("BLPOP", "queue", 0))
            await _until(remote, "blocked_clients:1")
            waiting.cancel()
            await asyncio.gather(waiting, return_exceptions=True)
            assert await remote.execute_async("RPUSH", "queue", i) == 1
            assert await remote.execute_async("LPOP", "queue") == str(i).encode()

    asyncio.run(main())


async def _until(remote, line):
    for _ in range(1000):
        if line.encode() in await remote.execute_async("INFO", "clients"):
            return
        await asyncio.sleep(0.005)
    raise AssertionError(line)


@pytest.mark.filterwarnings("error")
def test_loops_in_threads_have_connections_of_their_own(remote):
    wrong = []

    def work(n):
        async def main():
            for i in range(50):
                words = [f"{n}-{i}-{j}".encode() for j in range(10)]
                if await asyncio.gather(*[remote.execute_async("ECHO", word) for word in words]) != words:
                    wrong.append(n)

        for _ in range(3):
            asyncio.run(main())

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_a_child_of_a_fork_has_connections_of_its_own(remote):
    before = remote.execute("CLIENT", "ID")
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.write(write, b"%d" % remote.execute("CLIENT", "ID"))
        finally:
            os._exit(0)
    os.close(write)
    with os.fdopen(read, "rb") as pipe:
        told = pipe.read()
    os.waitpid(child, 0)
    assert told and int(told) != before
    assert remote.execute("CLIENT", "ID") == before


def test_a_closed_one_says_so_and_wakes_those_who_wait(remote):
    failed = []

    def wait():
        try:
            remote.execute("BLPOP", "queue", 0)
        except errors.RamekinError as error:
            failed.append(error)

    thread = threading.Thread(target=wait)
    thread.start()
    asyncio.run(_until(remote, "blocked_clients:1"))
    remote.close()
    thread.join(10)
    assert [type(error) for error in failed] == [errors.ClosedError]
    with pytest.raises(errors.ClosedError):
        remote.execute("PING")
    with pytest.raises(errors.ClosedError):
        _in_a_loop(remote, "PING")
