"""The rest of the commands about the server itself."""

import pathlib
import time

import pytest


def test_time_is_now_in_seconds_and_microseconds(client):
    seconds, micros = client("TIME")
    assert abs(int(seconds) - time.time()) < 2 and 0 <= int(micros) < 1_000_000


def test_dbsize_counts_this_database(client):
    client.pipeline([["SET", f"k{i}", i] for i in range(1000)])
    assert client("DBSIZE") == 1000
    client("SELECT", 5)
    assert client("DBSIZE") == 0


def test_lolwut_ends_with_the_version(client):
    assert client("LOLWUT").strip().split(b"\n")[-1].split(b" ver. ")[1][:1].isdigit()
    assert isinstance(client("LOLWUT", "VERSION", "5"), bytes)


def test_shutdown_ends_the_process(start):
    server = start()
    with server.client() as client:
        client("SET", "k", 1)
        client.send("SHUTDOWN")
        assert client.closed()
    assert server.process.wait(20) == 0


def test_waitaof_and_wait_answer_with_what_is_there(client):
    assert client("WAIT", 0, 10) == 0
    assert client("WAITAOF", 0, 0, 10) in ([0, 0], [1, 0])


def test_what_a_single_primary_answers_about_itself(client):
    assert client("ROLE")[0] == b"master"
    assert abs(client("LASTSAVE") - time.time()) < 3600
    assert client("READONLY") == b"OK" and client("READWRITE") == b"OK"
    assert client("CLIENT", "CAPA", "redirect") == b"OK"


def test_client_tracking_can_be_turned_off_and_caching_needs_it(client):
    assert client("CLIENT", "TRACKING", "OFF") == b"OK"
    assert client("CLIENT", "CACHING", "YES").startswith(b"ERR CLIENT CACHING can be called only when the client is in")
    assert client("CLIENT", "IMPORT-SOURCE", "ON") == b"ERR Server is not in import mode"


@pytest.mark.parametrize("words", [["SAVE"], []])
def test_a_shutdown_that_cannot_save_is_refused_and_the_server_goes_on(start, words):
    server = start({} if words else {"save": "3600 1"})
    with server.client() as client:
        assert client("SET", "k", "v") == b"OK"
        obstacle = pathlib.Path(server.folder) / ("dump.rdb" if server.is_valkey else "ckpt-00000001.rkc.new")
        (obstacle / "in the way").mkdir(parents=True)
        assert client("SHUTDOWN", *words) == b"ERR Errors trying to SHUTDOWN. Check logs."
        assert client("GET", "k") == b"v"
        assert client("SET", "k", "w") == b"OK"
        (obstacle / "in the way").rmdir()
        obstacle.rmdir()
        client.send("SHUTDOWN", *words)
        assert client.closed(10)


def test_a_shutdown_by_force_ends_though_it_cannot_save(start):
    server = start()
    with server.client() as client:
        assert client("SET", "k", "v") == b"OK"
        obstacle = pathlib.Path(server.folder) / ("dump.rdb" if server.is_valkey else "ckpt-00000001.rkc.new")
        (obstacle / "in the way").mkdir(parents=True)
        client.send("SHUTDOWN", "SAVE", "FORCE")
        assert client.closed(10)
