"""`python -m ramekin.kv`, as a user types it."""

import json
import os
import pathlib
import subprocess
import sys

import pytest

import ramekin
from test_kv_import import write_with_nadb

pytestmark = pytest.mark.places("folder", "server")


@pytest.fixture
def run(address, tmp_path):
    """Runs the command line on the place; what it printed."""

    def run(*words, code=0, namespace="prod", binary=False):
        done = subprocess.run(
            [sys.executable, "-m", "ramekin.kv", "--data", address, "--db", "app", "--namespace", namespace, *words],
            capture_output=True,
            cwd=tmp_path,
            timeout=120,
            env={**os.environ, "PYTHONPATH": str(pathlib.Path(ramekin.__file__).parent.parent)},
        )
        assert done.returncode == code, done.stderr.decode()
        return done.stdout if binary else (done.stdout if code == 0 else done.stderr).decode().strip()

    return run


def test_each_command_does_what_it_says(run, tmp_path):
    assert run("set", "greeting", "grüß dich") == "ok"
    assert run("get", "greeting") == "grüß dich"
    assert json.loads(run("keys")) == ["greeting"] and json.loads(run("tags")) == {}
    assert json.loads(run("keys", namespace="other")) == []
    path = str(tmp_path / "all.jsonl")
    assert run("export", path) == path
    assert run("delete", "greeting") == "ok" and run("delete", "greeting") == "ok"
    assert json.loads(run("keys")) == []
    assert run("import", path) == "1" and run("get", "greeting") == "grüß dich"
    assert json.loads(run("compact"))["total_entries"] == 1
    told = json.loads(run("verify"))
    assert (told["checked"], told["damaged"], told["count"]) == (1, [], 1)
    assert json.loads(run("cleanup-expired")) == []


def test_what_is_wrong_is_one_line_and_an_exit_code(run, tmp_path):
    assert run("get", "nobody", code=1) == "Key 'nobody' not found"
    assert "nowhere" in run("import", str(tmp_path / "nowhere"), code=1)
    assert "usage" in run("fly", code=2)


def test_any_bytes_are_printed_as_they_are(run, shelf):
    shelf().set("raw", bytes(range(256)))
    shelf().close()
    shelf.close()
    assert run("get", "raw", binary=True) == bytes(range(256)) + b"\n"


def test_a_folder_of_nadb_is_imported(run, tmp_path):
    folder = write_with_nadb(tmp_path, "fs")
    told = run("import-nadb", str(folder), code=1)
    assert told == ""
    assert "10 keys imported" in run("import-nadb", str(folder), "--encryption-key", "secret")
    assert json.loads(run("tags")) == {"a": 1, "c": 1, "json": 1, "odd": 1, "t,u": 1}
    assert run("get", "plain", namespace="other") == "of another namespace"
