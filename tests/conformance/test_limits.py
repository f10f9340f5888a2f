"""Limits: a client that asks too much, reads nothing or never speaks hurts nobody but itself."""

import contextlib
import os
import resource
import socket
import time

import pytest

from harness.resp import Client, Closed, Fault, Silent, encode
from harness.server import parse_info


def gone(client, seconds=5.0):
    """Whether the server has cut the connection."""
    return client.closed(seconds)


def connected(client):
    return int(parse_info(client("INFO", "clients"))["connected_clients"])


def test_maxclients_refuses_the_next_and_lets_go_later(start):
    server = start(maxclients=10)
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(server.client())]
        # The connection that found the server ready may not be gone yet.
        while b"connected_clients:1\r\n" not in clients[0]("INFO", "clients"):
            time.sleep(0.01)
        clients += [stack.enter_context(server.client()) for _ in range(9)]
        for client in clients:
            assert client("PING") == b"PONG"
        late = stack.enter_context(Client(server.address))
        assert late.read() == b"ERR max number of clients reached"
        assert late.closed()
        clients[0].close()
        deadline = time.monotonic() + 5
        while True:
            with Client(server.address) as again:
                try:
                    if again("PING") == b"PONG":
                        break
                except (Closed, OSError):
                    pass
            assert time.monotonic() < deadline
            time.sleep(0.02)
        assert int(clients[1]("INFO", "stats").split(b"rejected_connections:")[1].split(b"\r\n")[0]) >= 1


def test_ten_thousand_connections_work_at_once(start):
    count = 10_000
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < count + 200:
        pytest.skip(
            f"at most {hard} files may be open here: run with `ulimit -Hn` of {count + 200} or more to test 10,000 connections"
        )
    server = start(maxclients=count + 50)
    request, sockets = encode(["PING"]), []
    try:
        for _ in range(count):
            sockets.append(socket.create_connection(server.address, timeout=20))
        for _ in range(2):
            for s in sockets:
                s.sendall(request)
            for s in sockets:
                assert s.recv(7) == b"+PONG\r\n"
        with server.client() as client:
            assert int(client("INFO", "clients").split(b"connected_clients:")[1].split(b"\r\n")[0]) == count + 1
    finally:
        for s in sockets:
            s.close()
    deadline = time.monotonic() + 20
    while int(server.info("clients")["connected_clients"]) > 1:
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_an_idle_client_is_cut_after_the_timeout_and_a_waiting_one_is_not(start):
    server = start(timeout=1)
    with server.client() as idle, server.client() as waiter, server.client() as active:
        idle("PING")
        waiter.send("BLPOP", "k", 0)
        deadline = time.monotonic() + 3.5
        while time.monotonic() < deadline:
            assert active("PING") == b"PONG"
            time.sleep(0.05)
        assert gone(idle, 1)
        assert b"cmd=blpop" in active("CLIENT", "LIST")
        active("RPUSH", "k", 1)
        # Valkey takes a client whom it has just answered for idle since he began to wait, until it has written the answer.
        if server.kind == "ramekin":
            assert waiter.read() == [b"k", b"1"]
            deadline = time.monotonic() + 0.5
            while time.monotonic() < deadline:
                assert active("PING") == b"PONG"
            assert waiter("PING") == b"PONG"


def test_a_client_that_never_reads_is_cut_at_the_output_limit(start):
    server = start({"client-output-buffer-limit": "normal 20mb 0 0"})
    with server.client() as client, server.client() as lazy:
        client("RPUSH", "l", *["x" * 1000] * 1000)
        base = server.memory_bytes()
        lazy.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        lazy.socket.settimeout(5)
        with contextlib.suppress(OSError):
            for _ in range(60):
                lazy.raw(b"".join(encode(["LRANGE", "l", 0, -1]) for _ in range(10)))
                assert client("PING") == b"PONG"
        # Asked by a connection that is counted already: one that has just ended may still be.
        deadline = time.monotonic() + 10
        while connected(client) > 1:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        assert server.memory_bytes() - base < 150 << 20
        assert client("LLEN", "l") == 1000


def test_a_client_that_reads_slowly_blocks_nobody(start):
    server = start()
    with server.client() as client, server.client() as slow:
        client("SET", "big", "x" * (1 << 20))
        slow.raw(b"".join(encode(["GET", "big"]) for _ in range(50)))
        worst = 0.0
        for _ in range(200):
            began = time.monotonic()
            client("PING")
            worst = max(worst, time.monotonic() - began)
        assert worst < 0.5
        assert all(len(slow.read()) == 1 << 20 for _ in range(50))


def test_the_query_buffer_limit_cuts_off_who_sends_too_much_at_once(start):
    server = start({"client-query-buffer-limit": "1mb"})
    with server.client() as client, server.client() as other:
        with contextlib.suppress(OSError, Closed):
            client.raw(b"*2\r\n$4\r\nECHO\r\n$5000000\r\n" + b"x" * 4_000_000)
        assert gone(client)
        assert other("SET", "k", "x" * 100_000) == b"OK"


def test_the_bulk_limit_is_the_configured_one(start):
    server = start({"proto-max-bulk-len": "1mb"})
    with server.client() as client, server.client() as other:
        assert other("SET", "k", "x" * (1 << 20)) == b"OK"
        client.raw(b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1048577\r\n")
        assert client.read() == b"ERR Protocol error: invalid bulk length"
        assert client.closed()
        assert other("APPEND", "k", "y") == b"ERR string exceeds maximum allowed size (proto-max-bulk-len)"
        assert other("STRLEN", "k") == 1 << 20


def test_who_announces_much_and_sends_nothing_costs_no_memory(start):
    server = start()
    with contextlib.ExitStack() as stack:
        admin = stack.enter_context(server.client())
        base = server.memory_bytes()
        for _ in range(50):
            client = stack.enter_context(server.client())
            client.raw(b"*1000000\r\n$3\r\nSET\r\n$400000000\r\nabc")
        assert admin("PING") == b"PONG"
        assert server.memory_bytes() - base < 400 << 20


def test_unauthenticated_clients_may_announce_little(start):
    server = start(requirepass="x")
    for announced, error in (
        (b"*100\r\n", b"ERR Protocol error: unauthenticated multibulk length"),
        (b"*2\r\n$4\r\nAUTH\r\n$20000\r\n", b"ERR Protocol error: unauthenticated bulk length"),
    ):
        with server.client(password=None) as client:
            client.raw(announced)
            assert client.read() == error
            assert client.closed()


def test_protected_mode_is_on_and_can_be_turned_off(start):
    server = start()
    with server.client() as client:
        assert client("CONFIG", "GET", "protected-mode") == [b"protected-mode", b"yes"]
        assert client("CONFIG", "SET", "protected-mode", "no") == b"OK"
        assert client("CONFIG", "GET", "protected-mode") == [b"protected-mode", b"no"]


def test_a_unix_socket_serves_as_tcp_does(start, tmp_path):
    path = str(tmp_path / "server.sock")
    server = start(unixsocket=path, unixsocketperm="700")
    with Client(path) as client, server.client() as tcp:
        assert client("SET", "k", "v") == b"OK"
        assert tcp("GET", "k") == b"v"
        info = client("CLIENT", "INFO")
        assert b"addr=" + path.encode() + b":0" in info.replace(b"[", b"") and b"flags=U" in info
    assert os.stat(path).st_mode & 0o777 == 0o700
    assert server.terminate() == 0
    assert not os.path.exists(path)


def test_the_path_of_the_unix_socket_cannot_change_while_running(start, tmp_path):
    with start(unixsocket=str(tmp_path / "one.sock")).client() as client:
        assert isinstance(client("CONFIG", "SET", "unixsocket", "/other"), Fault)


def test_many_connections_come_and_go_without_a_leak(start):
    server = start()
    with server.client() as client:
        client("PING")
        files = len(os.listdir(f"/proc/{server.pid}/fd"))
        for _ in range(2000):
            s = socket.create_connection(server.address)
            s.sendall(b"PI")
            s.close()
        deadline = time.monotonic() + 5
        while len(os.listdir(f"/proc/{server.pid}/fd")) > files and time.monotonic() < deadline:
            time.sleep(0.02)
        assert len(os.listdir(f"/proc/{server.pid}/fd")) <= files
        assert client("PING") == b"PONG"


def test_running_out_of_files_refuses_the_newcomer_and_recovers(start):
    def few_files():
        resource.setrlimit(resource.RLIMIT_NOFILE, (120, 120))

    server = start({"maxclients": 60}, preexec=few_files)
    sockets = []
    try:
        with server.client() as client:
            for _ in range(300):
                s = socket.create_connection(server.address, timeout=5)
                sockets.append(s)
            assert client("PING") == b"PONG"
            for s in sockets:
                s.close()
            deadline = time.monotonic() + 10
            while True:
                try:
                    with server.client(timeout=1) as again:
                        if again("PING") == b"PONG":
                            break
                except (OSError, Closed, Silent):
                    pass
                assert time.monotonic() < deadline
                time.sleep(0.05)
    finally:
        for s in sockets:
            s.close()


@pytest.mark.parametrize("kind_of_value", ["string", "list", "hash"])
def test_what_was_left_of_a_large_reply_is_freed_with_the_connection(start, kind_of_value):
    server = start()
    megabyte = b"x" * (1 << 20)

    def used():
        return int(server.info("memory")["used_memory"])

    with server.client() as client, Client(server.address) as lazy:
        for number in range(64):
            client(*{
                "string": ["APPEND", "big", megabyte],
                "list": ["RPUSH", "big", *[megabyte[:1000]] * 1000],
                "hash": ["HSET", "big", *[b"%d:%d" % (number, half // 2) if half % 2 == 0 else megabyte[:1000] for half in range(2000)]],
            }[kind_of_value])
        filled = used()
        assert filled > 60 << 20
        lazy.send(*{"string": ["GET", "big"], "list": ["LRANGE", "big", 0, -1], "hash": ["HGETALL", "big"]}[kind_of_value])
        assert lazy.readable(20)
        assert client("DEL", "big") == 1
        lazy.close()
        deadline = time.monotonic() + 20
        while used() > filled - (50 << 20):
            assert time.monotonic() < deadline
            time.sleep(0.02)
        assert client("PING") == b"PONG"


def queue(client, megabytes):
    """Begins a transaction whose commands take so much in the server."""
    client("MULTI")
    for i in range(megabytes * 10):
        client("SET", f"k{i}", "x" * 100_000)


def evicted(server):
    return int(server.info("stats")["evicted_clients"])


def wait_for_evictions(server, count):
    deadline = time.monotonic() + 5
    while evicted(server) < count and time.monotonic() < deadline:
        time.sleep(0.02)
    assert evicted(server) == count


def test_the_largest_clients_are_closed_when_all_together_take_more_than_the_limit(start):
    server = start({"maxmemory-clients": "10mb"})
    with server.client() as small, server.client() as middle, server.client() as large, server.client() as spared:
        assert small("PING") == b"PONG"
        queue(middle, 2)
        queue(large, 4)
        assert evicted(server) == 0
        assert spared("CLIENT", "NO-EVICT", "ON") == b"OK"
        queue(spared, 6)
        wait_for_evictions(server, 1)
        # Valkey knows sizes roughly, and may take the other.
        assert gone(large, 0.5) or (server.is_valkey and gone(middle, 0.5))
        assert not (gone(middle, 0.1) and gone(large, 0.1)) and not gone(spared, 0.1)
        assert small("PING") == b"PONG" and small("DBSIZE") == 0


def test_a_client_that_leaves_replies_unread_is_closed_at_the_share_of_maxmemory(start):
    server = start({"maxmemory": "200mb", "maxmemory-clients": "5%"})
    with server.client() as client, server.client() as lazy:
        client("SET", "k", "x" * 1_000_000)
        lazy.raw(encode(["GET", "k"]) * 60)
        wait_for_evictions(server, 1)
        assert client("PING") == b"PONG"
        client("CONFIG", "SET", "maxmemory-clients", 0)
        with server.client() as again:
            again.raw(encode(["GET", "k"]) * 30)
            time.sleep(0.3)
            assert all(len(again.read()) == 1_000_000 for _ in range(30))
        assert evicted(server) == 1
