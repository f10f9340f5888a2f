"""Checkpoints: SAVE, BGSAVE, BGREWRITEAOF, LASTSAVE, BACKUP, and what INFO says of them."""

import time

import pytest

from harness.server import Server


def info(client):
    lines = client("INFO", "persistence").decode().split("\r\n")
    return dict(line.split(":", 1) for line in lines if ":" in line)


def until(condition, seconds=20):
    """Asks again until it holds."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it took too long"
        time.sleep(0.05)


def idle(client):
    return info(client)["rdb_bgsave_in_progress"] == "0" and info(client)["aof_rewrite_in_progress"] == "0"


def test_save_answers_once_everything_is_saved(client):
    client("SET", "k", 1)
    before = int(info(client)["rdb_saves"])
    assert client("SAVE") == b"OK"
    assert int(info(client)["rdb_saves"]) == before + 1
    assert info(client)["rdb_changes_since_last_save"] == "0"
    assert info(client)["rdb_last_bgsave_status"] == "ok"
    assert abs(client("LASTSAVE") - time.time()) < 5
    assert client("SAVE", "now") == b"ERR wrong number of arguments for 'save' command"


def test_bgsave_answers_at_once_and_saves(client):
    client("SET", "k", 2)
    before = int(info(client)["rdb_saves"])
    assert client("BGSAVE") == b"Background saving started"
    until(lambda: idle(client))
    assert int(info(client)["rdb_saves"]) == before + 1
    client("SET", "k", 3)
    assert int(info(client)["rdb_changes_since_last_save"]) >= 1
    assert client("BGSAVE", "SCHEDULE") == b"Background saving started"
    until(lambda: idle(client))


def test_bgsave_refuses_other_words_and_a_cancel_of_nothing(client):
    until(lambda: idle(client))
    assert client("BGSAVE", "CANCEL") == b"ERR Background saving is currently not in progress or scheduled"
    for words in [("later",), ("SCHEDULE", "x"), ("CANCEL", "x")]:
        assert client("BGSAVE", *words) == b"ERR syntax error"


def test_bgrewriteaof_runs_in_the_background(client):
    client("SET", "k", 4)
    assert client("BGREWRITEAOF") == b"Background append only file rewriting started"
    until(lambda: idle(client))
    assert info(client)["aof_last_bgrewrite_status"] == "ok"


def test_a_transaction_takes_bgsave_and_refuses_save(client):
    client("MULTI")
    assert client("SAVE") == b"ERR Command 'save' not allowed inside a transaction"
    assert client("BGSAVE") == b"QUEUED"
    assert client("DISCARD") == b"OK"


@pytest.mark.ours
def test_what_was_saved_is_there_after_a_restart_and_the_log_is_trimmed(start):
    server = start(auto_aof_rewrite_percentage=0)
    with server.client() as client:
        for number in range(200):
            client.pipeline([["SET", f"key:{number}:{i}", "v" * 1000] for i in range(500)])
        client("HSET", "hash", "f", "v")
        client("RPUSH", "list", *range(100))
        client("SET", "fleeting", "v", "PX", 1)
        client("SET", "lasting", "v", "PX", 10_000_000)
        time.sleep(0.02)
        digest = client("DEBUG", "DIGEST")
        assert client("SAVE") == b"OK"
        assert not (server.folder / "log-00000001-00000000.rkl").exists()
        assert client("DEBUG", "RELOAD", "NOSAVE") == b"OK"
        assert client("DEBUG", "DIGEST") == digest
    server.kill()
    server.start()
    with server.client() as client:
        assert client("DEBUG", "DIGEST") == digest
        assert client("DBSIZE") == 100_003
        assert info(client)["rdb_last_load_keys_loaded"] in ("100003", "100004")


@pytest.mark.ours
def test_save_rules_and_a_clean_stop_take_checkpoints(start):
    server = start(save="1 10")
    with server.client() as client:
        client("SET", "k", 1)
        time.sleep(1.5)
        assert info(client)["rdb_saves"] == "0"
        client.pipeline([["SET", f"k{i}", i] for i in range(10)])
        until(lambda: info(client)["rdb_saves"] == "1")
        assert client("CONFIG", "SET", "save", "3600 1") == b"OK"
        client("SET", "k", "last")
        client.send("SHUTDOWN")
        assert client.closed()
    assert server.process.wait(20) == 0
    assert [path.name for path in server.folder.glob("ckpt-*")] == ["ckpt-00000002.rkc"]
    server.start()
    with server.client() as client:
        assert client("GET", "k") == b"last"
        assert info(client)["rdb_changes_since_last_save"] == "0"
        client("SET", "k", "later")
        client.send("SHUTDOWN", "NOSAVE")
        assert client.closed()
    assert server.process.wait(20) == 0
    assert [path.name for path in server.folder.glob("ckpt-*")] == ["ckpt-00000002.rkc"]
    server.start()
    with server.client() as client:
        assert client("GET", "k") == b"later"


@pytest.mark.ours
def test_a_backup_is_a_folder_that_a_server_starts_on(start, tmp_path):
    server = start(auto_aof_rewrite_percentage=0)
    with server.client() as client:
        client.pipeline([["SET", f"key:{i}", i] for i in range(5000)])
        digest = client("DEBUG", "DIGEST")
        assert client("BACKUP", "TO", str(tmp_path / "copy")) == b"OK"
        client("SET", "later", 1)
        assert b"is not empty" in client("BACKUP", "TO", str(tmp_path / "copy"))
        assert client("BACKUP", "INTO", str(tmp_path / "other")) == b"ERR syntax error"
        assert client("SAVE") == b"OK"
    restored = Server("ramekin", folder=tmp_path / "copy")
    try:
        with restored.client() as client:
            assert client("DEBUG", "DIGEST") == digest
            assert client("EXISTS", "later") == 0
    finally:
        restored.remove()


@pytest.mark.ours
def test_a_backup_of_the_server_has_its_namespaces_and_one_of_a_namespace_only_that(start, tmp_path):
    with start().client() as client:
        client("SET", "key", "main")
        for name in ("one", "two"):
            assert client("NAMESPACE", "CREATE", name) == b"OK"
            assert client("NAMESPACE", "USE", name) == b"OK"
            client("SET", "key", name)
        assert client("BACKUP", "TO", str(tmp_path / "two")) == b"OK"
        client("NAMESPACE", "USE", "default")
        assert client("BACKUP", "TO", str(tmp_path / "all")) == b"OK"
    restored = Server("ramekin", folder=tmp_path / "all")
    try:
        with restored.client() as client:
            assert client("GET", "key") == b"main"
            for name in ("one", "two"):
                assert client("NAMESPACE", "USE", name) == b"OK"
                assert client("GET", "key") == name.encode()
    finally:
        restored.remove()
    alone = Server("ramekin", folder=tmp_path / "two")
    try:
        with alone.client() as client:
            assert client("GET", "key") == b"two" and client("NAMESPACE", "LIST") == []
    finally:
        alone.remove()
