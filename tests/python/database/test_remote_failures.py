"""What goes wrong on the way to a server: it ends, hangs, answers halves, wants a password. Nothing is run twice, no reply is another's."""

import asyncio
import contextlib
import importlib
import os
import threading
import time

import pytest

from harness.server import Server, free_port
from python.database.fake import Fake, bulk
from ramekin import errors
from ramekin._remote import Remote


@contextlib.contextmanager
def remote(url, **options):
    one = Remote(url, **options)
    try:
        yield one
    finally:
        one.close()


LOOPS = {"tasks": asyncio.new_event_loop, "tasks of uvloop": lambda: importlib.import_module("uvloop").new_event_loop()}


class Calls:
    """The same calls for threads and for tasks."""

    def __init__(self, kind, one):
        self.kind = kind
        self.one = one
        self.loop = LOOPS[kind]() if kind in LOOPS else None

    def execute(self, *args):
        if self.loop is None:
            return self.one.execute(*args)

        async def main():
            return await self.one.execute_async(*args)

        return self.loop.run_until_complete(main())

    def execute_many(self, commands, atomic=False):
        if self.loop is None:
            return self.one.execute_many(commands, atomic)

        async def main():
            return await self.one.execute_many_async(commands, atomic)

        return self.loop.run_until_complete(main())


@pytest.fixture(params=["threads", *LOOPS])
def calls(request):
    """Makes calls of a remote, and closes what they leave."""
    made = []

    def make(url, **options):
        made.append(Calls(request.param, Remote(url, **options)))
        return made[-1]

    yield make
    for one in made:
        one.one.close()
        if one.loop is not None:
            one.loop.run_until_complete(asyncio.sleep(0))
            one.loop.close()


def test_an_idle_connection_that_was_lost_is_replaced_unseen(calls, own):
    one = calls(f"ramekin://127.0.0.1:{own.port}")
    assert one.execute("SET", "n", 1) == "OK"
    own.kill()
    own.start()
    assert one.execute("INCR", "n") == 2


def test_a_write_whose_reply_was_lost_is_reported_and_not_repeated(calls):
    with Fake(lambda peer, command: peer.reset()) as fake:
        one = calls(fake.url)
        with pytest.raises(errors.ServerConnectionError, match="INCR may have been run"):
            one.execute("INCR", "n")
        with pytest.raises(ConnectionError, match="the commands may have been run"):
            one.execute_many([["GET", "n"], ["INCR", "n"]])
        with pytest.raises(errors.ServerConnectionError, match="the transaction may have been run"):
            one.execute_many([["INCR", "n"]], atomic=True)
        assert [command for command in fake.commands if command[0] == b"INCR"][:1] == [[b"INCR", b"n"]]
        assert len([command for command in fake.commands if command == [b"INCR", b"n"]]) <= 3


def test_a_read_whose_reply_was_lost_is_asked_again_once(calls):
    def answer(peer, command):
        peer.say(bulk("value")) if peer.number else peer.reset()

    with Fake(answer) as fake:
        assert calls(fake.url).execute("GET", "k") == b"value"
        assert fake.commands == [[b"GET", b"k"]] * 2
    with Fake(lambda peer, command: peer.reset()) as fake:
        with pytest.raises(errors.ServerConnectionError):
            calls(fake.url).execute("GET", "k")
        assert len(fake.commands) == 2
    with Fake(answer) as fake:
        assert calls(fake.url).execute_many([["GET", "k"], ["HGET", "h", "f"]]) == [b"value"] * 2


def test_half_a_reply_and_then_the_end_is_a_lost_connection(calls):
    def answer(peer, command):
        peer.say(b"$100\r\nhalf")
        peer.reset()

    with Fake(answer) as fake:
        with pytest.raises(errors.ServerConnectionError):
            calls(fake.url).execute("GETDEL", "k")


def test_a_server_that_is_killed_in_a_pipeline_is_found_again(calls, own):
    one = calls(f"ramekin://127.0.0.1:{own.port}")
    assert one.execute("SET", "n", 0) == "OK"
    ended = threading.Event()

    def end():
        while int(own_client("GET", "n") or 0) < 1:
            pass
        own.kill()
        ended.set()

    own_client = own.client()
    killer = threading.Thread(target=end)
    killer.start()
    with pytest.raises(errors.ServerConnectionError):
        while not ended.is_set():
            one.execute_many([["INCR", "n"]] * 1000)
        one.execute_many([["INCR", "n"]] * 1000)
    killer.join()
    own.start()
    before = int(one.execute("GET", "n"))
    assert one.execute("INCR", "n") == before + 1


def test_a_server_that_is_not_there_is_named(calls):
    port = free_port()
    with pytest.raises(errors.ServerConnectionError, match=f"127.0.0.1:{port} cannot be reached: "):
        calls(f"ramekin://127.0.0.1:{port}").execute("PING")
    with pytest.raises(errors.ServerConnectionError, match="cannot be reached"):
        calls("ramekin://no-such-host.invalid").execute("PING")
    with pytest.raises(errors.ServerConnectionError, match="/no/such/socket cannot be reached"):
        calls("ramekin+unix:///no/such/socket").execute("PING")


def test_a_server_that_answers_before_it_reads_on_does_not_stall_a_long_pipeline(calls):
    with Fake(lambda peer, command: peer.say(bulk(command[1]))) as fake:
        value = b"v" * 4000
        assert calls(fake.url).execute_many([["ECHO", value]] * 5000) == [value] * 5000


def test_what_is_no_redis_server_is_said_so(calls):
    with Fake(lambda peer, command: peer.say(b"HTTP/1.1 400 Bad Request\r\n\r\n")) as fake:
        with pytest.raises(errors.RamekinError, match="not the Redis protocol|lost before the reply"):
            calls(fake.url).execute("SET", "k", "v")


def test_a_wrong_password_is_refused_and_the_right_one_is_not(calls):
    server = Server("ramekin", requirepass="sesame")
    try:
        with pytest.raises(errors.AuthenticationError):
            calls(f"ramekin://127.0.0.1:{server.port}").execute("PING")
        with pytest.raises(errors.AuthenticationError):
            calls(f"ramekin://:wrong@127.0.0.1:{server.port}").execute("PING")
        assert calls(f"ramekin://:sesame@127.0.0.1:{server.port}").execute("PING") == "PONG"
        assert calls(f"ramekin://default:sesame@127.0.0.1:{server.port}").execute("PING") == "PONG"
        assert calls(f"ramekin://127.0.0.1:{server.port}", password="sesame").execute("PING") == "PONG"
        assert calls(f"ramekin://:sesame@127.0.0.1:{server.port}?protocol=2").execute("PING") == "PONG"
    finally:
        server.remove()


def test_a_unix_socket_is_as_good(calls, tmp_path):
    path = tmp_path / "s.sock"
    server = Server("ramekin", unixsocket=str(path))
    try:
        one = calls(f"ramekin+unix://{path}?db=2")
        assert one.execute("SET", "k", "v") == "OK"
        assert one.execute("GET", "k") == b"v"
        assert calls(f"ramekin://127.0.0.1:{server.port}/2").execute("GET", "k") == b"v"
    finally:
        server.remove()


def test_a_server_that_does_not_answer_in_time_is_given_up(calls):
    release = threading.Event()

    def answer(peer, command):
        if command[0] == b"GET" and command[1] == b"slow":
            release.wait(20)
        peer.say(bulk(command[1]))

    with Fake(answer) as fake:
        one = calls(fake.url, timeout=0.1)
        assert one.execute("GET", "quick") == b"quick"
        began = time.monotonic()
        with pytest.raises(errors.ServerTimeoutError):
            one.execute("GET", "slow")
        assert time.monotonic() - began < 15
        release.set()
        # The late reply goes to nobody.
        assert [one.execute("GET", str(i)) for i in range(5)] == [b"0", b"1", b"2", b"3", b"4"]


def test_a_blocking_command_may_take_its_own_time(calls, url):
    one = calls(url, timeout=0.1)
    began = time.monotonic()
    assert one.execute("BLPOP", "none", 0.4) is None
    assert time.monotonic() - began >= 0.4


def test_connecting_takes_no_longer_than_asked(calls):
    import socket

    # A listener whose queue is full answers nobody.
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        fill = [socket.socket() for _ in range(3)]
        for one in fill:
            one.setblocking(False)
            one.connect_ex(full.getsockname())
        began = time.monotonic()
        with pytest.raises(errors.ServerTimeoutError):
            calls(f"ramekin://127.0.0.1:{full.getsockname()[1]}", connect_timeout=0.2).execute("PING")
        assert time.monotonic() - began < 15
        for one in fill:
            one.close()


def test_an_interrupted_call_leaves_no_reply_behind():
    class Interrupted(BaseException):
        pass

    def answer(peer, command):
        peer.say(bulk(command[1]))

    with Fake(answer) as fake, remote(fake.url) as one:
        assert one.execute("GET", "a") == b"a"
        connection = one._idle[-1]
        receive = connection._receive

        def interrupt(count):
            receive(count)
            raise Interrupted

        type(connection)._receive, original = lambda self, count: interrupt(count), type(connection)._receive
        try:
            with pytest.raises(Interrupted):
                one.execute("GET", "b")
        finally:
            type(connection)._receive = original
        assert one.execute("GET", "c") == b"c"
        assert len(fake.peers) == 2


def test_tasks_that_wait_when_the_connection_ends_are_all_told():
    def answer(peer, command):
        if len(fake.commands) == 50:
            peer.reset()

    async def main(one):
        found = await asyncio.gather(*[one.execute_async("INCR", "n") for _ in range(50)], return_exceptions=True)
        assert [type(error) for error in found] == [errors.ServerConnectionError] * 50
        assert len(fake.commands) == 50

    with Fake(answer) as fake, remote(fake.url) as one:
        asyncio.run(main(one))


def test_a_task_that_is_cancelled_while_connecting_does_not_cancel_the_others(url):
    async def main(one):
        first = asyncio.ensure_future(one.execute_async("PING"))
        second = asyncio.ensure_future(one.execute_async("PING"))
        await asyncio.sleep(0)
        first.cancel()
        assert await second == "PONG"

    with remote(url) as one:
        asyncio.run(main(one))


def test_a_fork_in_a_running_loop_gives_the_child_a_loop_of_its_own(url):
    async def main(one):
        before = await one.execute_async("CLIENT", "ID")
        read, write = os.pipe()
        child = os.fork()
        if child == 0:
            try:
                asyncio._set_running_loop(None)
                asyncio.set_event_loop(None)
                os.write(write, b"%d" % asyncio.new_event_loop().run_until_complete(_client_id(one)))
            finally:
                os._exit(0)
        os.close(write)
        with os.fdopen(read, "rb") as pipe:
            told = pipe.read()
        os.waitpid(child, 0)
        assert told and int(told) != before
        assert await one.execute_async("CLIENT", "ID") == before

    with remote(url) as one:
        asyncio.run(main(one))


async def _client_id(one):
    return await one.execute_async("CLIENT", "ID")


def test_no_more_connections_than_allowed_are_made(url):
    with remote(url, max_connections=2, name="few") as one:
        threads = [threading.Thread(target=lambda: [one.execute("PING") for _ in range(50)]) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert one.execute("CLIENT", "LIST").count(b"name=few") <= 2


@pytest.mark.parametrize(
    "bad",
    ["ramekin://h:port", "ramekin://h/nodb", "ramekin://h?timeout=soon", "ramekin://h?nonsense=1", "ramekin+unix://"],
)
def test_an_address_that_cannot_be_meant_is_refused(bad):
    with pytest.raises(errors.OpenError):
        Remote(bad)


def test_addresses_say_what_they_say():
    target = Remote("ramekins://me:p%40ss@h:7000/3?timeout=1.5&connect_timeout=2&tls_verify=no", name="x").target
    assert (target.host, target.port, target.user, target.password, target.db) == ("h", 7000, "me", "p@ss", 3)
    assert (target.timeout, target.connect_timeout, target.tls, target.tls_verify, target.name) == (1.5, 2.0, True, False, "x")
    assert Remote("ramekin://[::1]:7000").target.host == "::1"
    assert str(Remote("ramekin://[::1]:7000").target) == "[::1]:7000"
    assert Remote("ramekin://h?timeout=0").target.timeout is None


# Waiting for what was written.


@pytest.fixture(scope="module")
def settling():
    """A server with a store that settles when asked."""
    server = Server("ramekin", store="sqlite:", flush_interval=3600)
    yield server
    server.remove()


def test_waitaof_and_waitstore_are_about_what_was_written_by_whatever_connection(settling):
    url = f"ramekin://127.0.0.1:{settling.port}"
    with remote(url) as one, settling.client() as client:
        client("FLUSH")
        one.execute("SET", "k", "v")
        # Another thread takes the connection that wrote, and a blocking command one of its own.
        other = threading.Thread(target=one.execute, args=("BLPOP", "none", 0.2))
        other.start()
        assert one.execute("WAITAOF", 1, 0, 0) == [1, 0]
        assert one.execute("WAITSTORE", 5000) == 1
        assert b"k" in client("KEYS", "k")

        async def main():
            await asyncio.gather(*[one.execute_async("SET", f"k{i}", "v") for i in range(100)])
            waiting = asyncio.ensure_future(one.execute_async("WAITSTORE", 5000))
            assert await one.execute_async("SET", "later", "v") == "OK"
            assert await waiting == 1
            assert await one.execute_async("WAITSTORE", 5000) == 1
            assert await one.execute_async("WAITAOF", 1, 0, 0) == [1, 0]

        asyncio.run(main())
        other.join()


def fencing(peer, command):
    """Answers WAITSTORE with whether this connection has written."""
    if command[0] == b"WAITSTORE":
        peer.say(b":%d\r\n" % (1 if peer.wrote else 0))
    elif command[0] == b"WAITAOF":
        peer.say(b"*2\r\n:%d\r\n:0\r\n" % (1 if peer.wrote else 0))
    else:
        peer.wrote = peer.wrote or command[0] == b"SET"
        peer.say(b"+OK\r\n")


def test_a_thread_waits_on_each_connection_by_which_it_has_written():
    with Fake(fencing) as fake, remote(fake.url) as one:
        one.execute("SET", "a", 1)
        first = one._idle.pop()
        one.execute("SET", "b", 2)
        one._idle.append(first)
        assert len(fake.peers) == 2
        assert one.execute("WAITSTORE", 1000) == 1
        assert len([command for command in fake.commands if command[0] == b"WAITSTORE"]) == 2
        # Nothing was written since: any connection may answer.
        one.execute("WAITSTORE", 1000)
        assert len([command for command in fake.commands if command[0] == b"WAITSTORE"]) == 3


def test_a_lost_connection_that_had_written_is_not_taken_for_settled(calls):
    with Fake(fencing) as fake:
        one = calls(fake.url)
        one.execute("SET", "a", 1)
        fake.peers[0].end()
        _until_lost(one)
        assert one.execute("WAITSTORE", 1000) == 1
        assert fake.commands[-1] == [b"FLUSH"]
        one.execute("SET", "a", 1)
        [peer for peer in fake.peers if peer.wrote][-1].end()
        _until_lost(one)
        one.execute("GET", "a")  # by a new connection
        with pytest.raises(errors.ServerConnectionError, match="a connection that had written was lost"):
            one.execute("WAITAOF", 1, 0, 1000)


def _until_lost(one):
    """Until the client has seen the end of its connections."""
    for _ in range(1000):
        if one.kind == "threads":
            assert one.one._idle[-1]._poll.poll(5000)
            return
        one.loop.run_until_complete(asyncio.sleep(0.005))
        if all(lane._shared is None or lane._shared.lost for lane in one.one._loops.values()):
            return
    raise AssertionError("the connection is still there")


def test_a_loop_that_ends_leaves_no_connection_open(url):
    import gc
    import warnings

    async def main(one):
        await asyncio.gather(one.execute_async("PING"), one.execute_async("BLPOP", "none", 0.01))

    with remote(url, name="counted") as one, warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        for _ in range(3):
            asyncio.run(main(one))
        gc.collect()
        assert [str(warning.message) for warning in warned] == []
        for _ in range(1000):
            if one.execute("CLIENT", "LIST").count(b"name=counted") == 1:
                break
            time.sleep(0.005)
        assert one.execute("CLIENT", "LIST").count(b"name=counted") == 1


def test_what_nobody_closes_is_closed_when_it_is_gone(url):
    import gc
    import warnings

    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        one = Remote(url, name="dropped")
        one.execute("PING")
        asyncio.run(_client_id(one))
        del one
        gc.collect()
        assert [str(warning.message) for warning in warned] == []
    with remote(url) as one:
        for _ in range(1000):
            if b"name=dropped" not in one.execute("CLIENT", "LIST"):
                return
            time.sleep(0.005)
    raise AssertionError("the connection is still there")


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A key and a certificate for 127.0.0.1, signed by itself."""
    import subprocess

    folder = tmp_path_factory.mktemp("tls")
    words = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=127.0.0.1 -addext subjectAltName=IP:127.0.0.1"
    subprocess.run([*words.split(), "-keyout", folder / "key.pem", "-out", folder / "cert.pem"], check=True, capture_output=True)
    return folder


def test_tls_checks_the_certificate_and_carries_long_pipelines(calls, certificate):
    import ssl

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate / "cert.pem", certificate / "key.pem")

    def answer(peer, command):
        peer.say(bulk(command[1]))

    with Fake(answer, context) as fake:
        url = f"ramekins://127.0.0.1:{fake.port}"
        one = calls(url, tls_ca_cert_file=str(certificate / "cert.pem"))
        assert one.execute("ECHO", "x") == b"x"
        value = b"v" * 1000
        assert one.execute_many([["ECHO", value]] * 3000) == [value] * 3000
        assert calls(f"{url}?tls_verify=no").execute("ECHO", "x") == b"x"
        with pytest.raises(errors.ServerConnectionError, match="certificate"):
            calls(url).execute("ECHO", "x")


def test_of_writes_while_a_server_dies_again_and_again_each_is_there_once_or_was_reported(own):
    ended = threading.Event()
    counts = {}  # by key: acknowledged, and unknown

    def thread(one, key):
        while not ended.is_set():
            try:
                one.execute("INCR", key)
                counts[key][0] += 1
            except errors.ServerConnectionError as lost:
                counts[key][1] += "may have been run" in str(lost)

    async def task(one, key):
        while not ended.is_set():
            try:
                await one.execute_async("INCR", key)
                counts[key][0] += 1
            except errors.ServerConnectionError as lost:
                counts[key][1] += "may have been run" in str(lost)
                await asyncio.sleep(0.001)

    async def tasks(one, keys):
        await asyncio.gather(*[task(one, key) for key in keys])

    with remote(f"ramekin://127.0.0.1:{own.port}") as one:
        keys, loop_keys = [f"thread{n}" for n in range(3)], [f"task{n}" for n in range(10)]
        counts.update({key: [0, 0] for key in keys + loop_keys})
        threads = [threading.Thread(target=thread, args=(one, key)) for key in keys]
        threads.append(threading.Thread(target=lambda: asyncio.run(tasks(one, loop_keys))))
        for each in threads:
            each.start()
        for _ in range(3):
            before = sum(acknowledged for acknowledged, _ in counts.values())
            while sum(acknowledged for acknowledged, _ in counts.values()) < before + 500:
                time.sleep(0.001)
            own.kill()
            own.start()
        ended.set()
        for each in threads:
            each.join()
        for key, (acknowledged, unknown) in counts.items():
            value = int(one.execute("GET", key) or 0)
            assert acknowledged <= value <= acknowledged + unknown, (key, acknowledged, unknown, value)
        assert sum(unknown for _, unknown in counts.values()) > 0
