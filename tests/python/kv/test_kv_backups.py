"""Backups, whole and incremental, and streams of all keys as JSON lines."""

import dataclasses
import gzip
import json
import tarfile

import pytest


@pytest.fixture
def full(kv):
    """A store with values of all sorts."""
    kv.set("plain", bytes(range(256)), tags=["a,b", "c"])
    kv.set_json("doc", {"state": "open"}, tags=["c"])
    kv.set_with_ttl("short", b"lived", 1000, tags=["t"])
    kv.set_chunked("large", b"abc" * 10_000, chunk_size=1000)
    kv.set_text("text", "grüß", encoding="latin-1")
    return kv


def everything(kv):
    """All keys with all that should survive."""
    found = {key: kv.get_with_metadata(key) for key in kv.get_all_keys()}
    for one in found.values():
        for name in ("last_accessed", "stored_size", "version"):
            one["metadata"].pop(name)
    return found


def test_what_is_restored_is_as_it_was(full):
    before = everything(full)
    made = full.create_backup("monday")
    assert (made.backup_id, made.backup_type, made.file_count, made.source_db, made.source_namespace) == (
        "monday",
        "full",
        5,
        "app",
        "prod",
    )
    assert made.total_size == sum(one["metadata"]["size"] for one in before.values())
    assert full.verify_backup("monday") is True and full.list_backups() == [made]
    full.flushdb(confirm=True)
    full.set("new", b"1")
    assert full.restore_backup("monday") is True
    assert full.get("new") == b"1"
    full.delete("new")
    assert everything(full) == before
    full.set("new", b"1")
    assert full.restore_backup("monday", clear_existing=True) is True and everything(full) == before


def test_an_incremental_backup_has_changes_and_deletions(full):
    full.create_backup("base", compression=False)
    full.set("plain", b"changed")
    full.delete("doc")
    full.set("new", b"1", tags=["n"])
    full.touch("short", 5000)
    first = full.create_incremental_backup("base", "first")
    assert (first.file_count, first.deleted, first.parent_backup_id, first.backup_type) == (3, 1, "base", "incremental")
    full.set("last", b"2")
    second = full.create_incremental_backup("first")
    assert second.file_count == 1
    before = everything(full)
    full.flushdb(confirm=True)
    full.set("doc", b"back again")
    assert full.restore_backup(second.backup_id) and everything(full) == before
    with pytest.raises(ValueError):
        full.create_incremental_backup("nobody")


def test_a_damaged_backup_is_known_and_changes_nothing(full):
    full.create_backup("good", compression=False)
    child = full.create_incremental_backup("good", "child")
    before = everything(full)
    path = full.backup_manager.backup_dir / "good" / "data.jsonl"
    sound = path.read_bytes()
    for at in (sound.index(b'"a,b"') + 1, sound.index(b'"value"') + 12, len(sound) - 3, 0):
        path.write_bytes(sound[:at] + bytes([sound[at] ^ 1]) + sound[at + 1 :])
        assert not full.verify_backup("good") and not full.verify_backup("child")
        with pytest.raises(RuntimeError):
            full.restore_backup("good", clear_existing=True)
    path.write_bytes(sound[:-100])
    assert not full.verify_backup("good")
    path.write_bytes(sound)
    assert full.verify_backup("good") and full.verify_backup(child.backup_id) and not full.verify_backup("nobody")
    path.unlink()
    assert not full.verify_backup(child.backup_id)
    assert everything(full) == before
    with pytest.raises(ValueError):
        full.restore_backup("nobody")


def test_what_has_expired_since_is_not_restored(full):
    made = full.create_backup("old", compression=False)
    folder = full.backup_manager.backup_dir / "old"
    lines = [json.loads(line) for line in (folder / "data.jsonl").read_text().splitlines()]
    for line in lines:
        if line["key"] == "short":
            line["metadata"]["expires_at"] = "2001-01-01T00:00:00"
    (folder / "data.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    full.flushdb(confirm=True)
    full.restore_backup(made.backup_id, verify_integrity=False)
    assert full.get_all_keys() == ["doc", "large", "plain", "text"]


def test_backups_that_others_stand_on_stay(full):
    for i in range(4):
        full.create_backup(f"full{i}")
    child = full.create_incremental_backup("full0", "child")
    with pytest.raises(ValueError):
        full.backup_manager.delete_backup("full0")
    assert full.prune_backups(keep_last=2, keep_days=30) == 0
    assert full.prune_backups(keep_last=2, keep_days=0) == 2
    assert [made.backup_id for made in full.list_backups()] == ["full0", "full3", "child"]
    assert full.verify_backup(child.backup_id)
    assert full.backup_manager.delete_backup("child") and not full.backup_manager.delete_backup("child")
    assert full.backup_manager.prune_backups(keep_last=0, keep_days=0) == 2 and full.list_backups() == []


def test_backups_of_other_namespaces_are_not_listed_and_names_lead_nowhere_else(full, shelf):
    shelf(namespace="other").create_backup("theirs")
    assert full.list_backups() == []
    with pytest.raises(ValueError):
        shelf(namespace="other").create_backup("theirs")
    for name in ("../out", "a/b", "..", ".", "a\\b"):
        with pytest.raises(ValueError):
            full.create_backup(name)
    assert dataclasses.asdict(full.create_backup())["backup_type"] == "full"


def test_backups_of_an_encrypted_store_are_encrypted(shelf):
    kv = shelf(encryption_key="secret")
    kv.set("key", b"plain")
    made = kv.create_backup("sealed")
    with gzip.open(kv.backup_manager.backup_dir / "sealed" / "data.jsonl.gz") as lines:
        assert b"cGxhaW4=" not in lines.read()
    kv.delete("key")
    assert kv.verify_backup(made.backup_id) and kv.restore_backup(made.backup_id) and kv.get("key") == b"plain"
    assert not shelf().verify_backup(made.backup_id)


def test_a_stream_of_all_keys_brings_them_back(full, tmp_path):
    path = str(tmp_path / "all.jsonl")
    before = everything(full)
    assert full.export_backup_stream(path) == path
    full.set("new", b"1")
    assert full.import_backup_stream(path, clear_existing=True) == 5 and everything(full) == before
    told = []
    full.watch("restore", lambda **event: told.append(event["key"]))
    assert full.import_backup_stream(path) == 5 and sorted(told) == sorted(before)
    bare = full.export_backup_stream(str(tmp_path / "bare.jsonl"), include_data=False)
    assert full.import_backup_stream(bare) == 0 and '"value":' not in open(bare).read()
    lines = open(path).read().replace(before["short"]["metadata"]["expires_at"], "2001-01-01T00:00:00")
    (tmp_path / "late.jsonl").write_text(lines)
    assert full.import_backup_stream(str(tmp_path / "late.jsonl"), clear_existing=True) == 4 and not full.exists("short")
    archive = full.export_backup_tar(str(tmp_path / "all.tar"))
    assert tarfile.open(archive).getnames() == ["backup.jsonl"] and not (tmp_path / "all.tar.jsonl").exists()


def test_a_file_that_is_no_export_is_refused_and_nothing_is_cleared(full, tmp_path):
    path = tmp_path / "other.jsonl"
    for text in ("", "{}\n", '{"metadata": {"key": "a"}, "value": ""}\n'):
        path.write_text(text)
        with pytest.raises(ValueError):
            full.import_backup_stream(str(path), clear_existing=True)
    assert len(full.get_all_keys()) == 5
    full.export_backup_stream(str(path))
    path.write_text(path.read_text()[:-30])
    with pytest.raises(ValueError, match="line 6"):
        full.import_backup_stream(str(path))
