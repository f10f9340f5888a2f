"""`ramekin import --from`: a running server, also after an interruption."""

import signal
import subprocess
import time

import pytest

from harness import binaries
from harness.server import Server
from files import dataset
from files.tool import ramekin


@pytest.fixture
def valkey():
    server = Server("valkey", {"requirepass": "pass word"})
    yield server
    server.remove()


def url(server, path=""):
    return f"redis://default:pass%20word@127.0.0.1:{server.port}{path}"


def found_in(folder):
    server = Server("ramekin", folder=folder)
    try:
        with server.client() as client:
            return dataset.digests(client)
    finally:
        server.remove()


def test_all_databases_of_a_running_valkey_are_taken(valkey, tmp_path):
    with valkey.client(password="pass word") as client:
        dataset.fill(client, everything=True)
        expected = dataset.digests(client, without=dataset.ELSEWHERE)
    state = tmp_path / "state"
    done = ramekin("import", "--from", url(valkey), "--dir", tmp_path / "data", "--state", state)
    assert done.code == 2 and f"Taken: {len(expected)} keys" in done.out
    assert "Not taken: 3 keys of type set" in done.out and "1 × library of functions" in done.out
    assert not state.exists()
    assert found_in(tmp_path / "data") == expected


def test_one_database_is_taken_where_it_is_named(valkey, tmp_path):
    with valkey.client(password="pass word") as client:
        dataset.fill(client, everything=False)
    done = ramekin("import", "--from", url(valkey, "/3"), "--dir", tmp_path / "data", "--state", tmp_path / "s")
    assert done.code == 0 and "Taken: 2 keys (2 in database 3)" in done.out


def test_ramekin_to_ramekin_and_to_valkey(start_ramekin, tmp_path):
    source, target, other = start_ramekin(), start_ramekin(), Server("valkey")
    try:
        with source.client() as client:
            dataset.fill(client, everything=False)
            expected = dataset.digests(client)
        for server in (target, other):
            words = ("--from", f"redis://127.0.0.1:{source.port}", "--to", f"redis://127.0.0.1:{server.port}")
            done = ramekin("import", *words, "--state", tmp_path / "s")
            assert done.code == 0, done.out + done.err
            with server.client() as client:
                assert dataset.digests(client) == expected
    finally:
        other.remove()


def test_an_import_that_was_killed_goes_on_where_it_was(valkey, tmp_path):
    keys = 400_000
    with valkey.client(password="pass word") as client:
        client("DEBUG", "POPULATE", keys, "key", 30)
        client("SELECT", 1)
        client("SET", "other", "database")
    words = ("import", "--from", url(valkey), "--dir", tmp_path / "data", "--state", tmp_path / "state")
    first = subprocess.Popen(
        [str(binaries.ramekin()), *map(str, words)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    deadline = time.monotonic() + 60
    while not (tmp_path / "state").exists():
        assert time.monotonic() < deadline and first.poll() is None, "it should take longer than that"
        time.sleep(0.002)
    first.send_signal(signal.SIGKILL)
    first.wait()
    state = (tmp_path / "state").read_text()
    assert f"source 127.0.0.1:{valkey.port}\n" in state and "pass word" not in state
    elsewhere = ramekin("import", *words[1:4], tmp_path / "elsewhere", *words[5:])
    assert elsewhere.code == 1 and "is of an import" in elsewhere.err
    second = ramekin(*words)
    assert second.code == 0 and "Going on where" in second.err, second.err
    assert not (tmp_path / "state").exists()
    server = Server("ramekin", folder=tmp_path / "data")
    try:
        with server.client() as client, valkey.client(password="pass word") as original:
            assert client("DBSIZE") == keys
            for number in range(0, keys, 997):
                assert client("GET", f"key:{number}") == original("GET", f"key:{number}")
            client("SELECT", 1)
            assert client("GET", "other") == b"database"
    finally:
        server.remove()


def test_a_source_that_was_started_again_is_walked_from_its_beginning(valkey, tmp_path):
    with valkey.client(password="pass word") as client:
        client("MSET", "a", 1, "b", 2)
    state = f"ramekin import 1\nsource 127.0.0.1:{valkey.port}\nrun other\ntarget {tmp_path / 'data'}\n"
    (tmp_path / "state").write_text(state + "database 5\ncursor 99\ntaken 0 7\n")
    done = ramekin("import", "--from", url(valkey), "--dir", tmp_path / "data", "--state", tmp_path / "state")
    assert done.code == 0 and done.out == "Taken: 2 keys\n" and "Going on" not in done.err
