"""Data folders that NADB has written are taken over as they are, and what cannot be is named."""

import os
import pathlib
import sqlite3
import subprocess
import sys

import pytest

from ramekin.kv import import_folder

# Runs in a process of its own: NADB is in several modules of its own making.
WRITE = """
import sys, time
from datetime import datetime, timedelta
from nadb import KeyValueStore
backend = sys.argv[1]
def open_store(**keywords):
    return KeyValueStore(data_folder_path="old", storage_backend=backend, **keywords)
kv = open_store(db="app", namespace="prod")
kv.set("plain", b"1", tags=["a", "c"])
kv.set_text("text", "grüß", encoding="latin-1")
kv.set_json("doc", {"a": 1}, tags=["json"])
kv.set("compressed", b"abc" * 5000)
kv.set("magic", b"NADB\\x01\\x01\\x01not compressed", tags=["odd"])
kv.set("legacy", b"CMP:not compressed")
kv.set("both", b"CMP:" + b"x" * 5000)
kv.set_with_ttl("lives", b"2", 1000, tags=["t,u"])
kv.set_with_ttl("dead", b"3", 1)
kv.flush()
other = open_store(db="app", namespace="other")
other.set("plain", b"of another namespace")
other.flush()
sealed = open_store(db="vault", namespace="prod", encryption_key="secret")
sealed.set("secret", b"hidden" * 500)
sealed.flush()
time.sleep(1.1)
"""


def write_with_nadb(folder, backend):
    subprocess.run([sys.executable, "-c", WRITE, backend], cwd=folder, check=True, capture_output=True, timeout=120)
    return folder / "old"


@pytest.fixture(scope="module", params=["fs", "sqlite"])
def folder(request, tmp_path_factory):
    """What NADB has written, with its files or in its SQLite database; not to be changed."""
    return write_with_nadb(tmp_path_factory.mktemp(request.param), request.param)


def test_all_that_nadb_has_kept_is_taken_over(shelf, folder):
    kv = shelf(namespace="unrelated")
    report = import_folder(folder, kv, encryption_key="secret")
    assert (report.imported, report.with_ttl, report.complete) == (10, 1, True)
    assert report.expired == ["app:prod 'dead'"] and report.missing == report.damaged == report.orphans == report.locked == []
    assert report.namespaces == {"app:prod": 8, "app:other": 1, "vault:prod": 1} and report.tags == 5
    prod = shelf()
    assert prod.get_many(prod.get_all_keys()) == {
        "plain": b"1",
        "text": "grüß".encode("latin-1"),
        "doc": b'{"a": 1}',
        "compressed": b"abc" * 5000,
        "magic": b"NADB\x01\x01\x01not compressed",
        "legacy": b"CMP:not compressed",
        "both": b"CMP:" + b"x" * 5000,
        "lives": b"2",
    }
    assert prod.list_all_tags() == {"a": 1, "c": 1, "json": 1, "odd": 1, "t,u": 1}
    assert 900 < prod.ttl("lives") < 1000 and prod.get_text("text") == "grüß" and prod.get_json("doc") == {"a": 1}
    assert shelf(namespace="other").get("plain") == b"of another namespace"
    assert shelf(db="vault").get("secret") == b"hidden" * 500
    assert kv.get_all_keys() == []


def test_times_are_taken_over(shelf, folder):
    import_folder(folder, shelf())
    found = shelf().get_with_metadata("plain")["metadata"]
    if (folder / "app_meta.db").exists():
        connection = sqlite3.connect(folder / "app_meta.db")
        statement = "SELECT created_at, last_updated FROM metadata WHERE key = 'plain' AND namespace = 'prod'"
        assert (found["created_at"], found["last_updated"]) == connection.execute(statement).fetchone()
        connection.close()


@pytest.mark.places("server", "folder")
def test_what_is_encrypted_is_named_unless_its_key_is_given(shelf, folder):
    report = import_folder(folder, shelf())
    assert report.locked == ["vault:prod 'secret'"] and not report.complete and report.imported == 9
    assert "encrypted" in str(report) and "9 keys imported" in str(report)
    wrong = import_folder(folder, shelf(), encryption_key="wrong")
    assert len(wrong.damaged) == 1 and "vault:prod 'secret'" in wrong.damaged[0]


@pytest.mark.places("server", "folder")
def test_what_is_lost_damaged_or_left_over_is_named(shelf, tmp_path):
    folder = write_with_nadb(tmp_path, "fs")
    connection = sqlite3.connect(folder / "app_meta.db")
    paths = dict(connection.execute("SELECT key, path FROM metadata WHERE namespace = 'prod'"))
    connection.close()
    (folder / paths["plain"]).unlink()
    (tmp_path / "outside").write_bytes(b"not of this folder")
    connection = sqlite3.connect(folder / "app_meta.db")
    connection.execute("UPDATE metadata SET path = '../outside', checksum = NULL WHERE key = 'legacy'")
    connection.commit()
    connection.close()
    (folder / paths["legacy"]).unlink()
    (folder / paths["compressed"]).write_bytes(b"NADB\x01\x01\x01garbage")
    left = folder / "app" / "zz" / "left"
    left.parent.mkdir()
    left.write_bytes(b"?")
    report = import_folder(folder, shelf(), "secret")
    assert report.missing == ["app:prod 'plain'", "app:prod 'legacy'"] and report.orphans == [os.path.join("app", "zz", "left")]
    assert len(report.damaged) == 1 and "'compressed'" in report.damaged[0] and not report.complete
    assert report.imported == 7
    for name in ("'plain'", "'compressed'", "'dead'", "left"):
        assert name in str(report)


@pytest.mark.places("server", "folder")
def test_a_folder_without_data_of_nadb_is_refused(shelf, tmp_path):
    (tmp_path / "empty").mkdir()
    for path in (tmp_path / "empty", tmp_path / "nowhere"):
        with pytest.raises(FileNotFoundError):
            import_folder(pathlib.Path(path), shelf())


@pytest.mark.places("folder")
def test_a_folder_of_nadb_that_is_opened_as_it_stands_is_warned_of_and_can_be_imported_into_itself(address, shelf, tmp_path, caplog):
    folder = write_with_nadb(tmp_path, "fs")
    shelf.address = str(folder)
    kv = shelf()
    assert "holds data of NADB (app_meta.db, vault_meta.db)" in caplog.text and "import-nadb" in caplog.text
    assert kv.count() == 0 and import_folder(folder, kv, "secret").imported == 10 and kv.count() == 8
