"""The fixtures for users' tests, run by a pytest of its own."""

import os
import pathlib
import subprocess
import sys

from harness.binaries import ROOT

PACKAGE = pathlib.Path(__import__("ramekin").__file__).parents[1]

TESTS = '''
import redis

from ramekin import Database


def test_it_is_empty(ramekin):
    assert ramekin.dbsize() == 0
    ramekin.set("greeting", "hello")
    assert ramekin.get("greeting") == b"hello"


def test_it_is_empty_again(ramekin):
    assert ramekin.dbsize() == 0


def test_two_kinds_do_not_see_each_other(ramekin, ramekin_folder):
    ramekin.set("k", "memory")
    assert ramekin_folder.get("k") is None


def test_a_folder_keeps_what_it_has(ramekin_folder, ramekin_folder_path):
    ramekin_folder.set("k", "1")
    ramekin_folder.close()
    with Database(ramekin_folder_path) as again:
        assert again.get("k") == b"1"


def test_any_client_reaches_the_server(ramekin_server):
    client = redis.Redis.from_url(ramekin_server.redis_url)
    client.set("k", "1")
    assert ramekin_server.db.get("k") == b"1"
    client.close()
    with Database(ramekin_server.url) as other:
        assert other.get("k") == b"1"


def test_the_server_is_empty_again(ramekin_server):
    assert ramekin_server.db.dbsize() == 0
'''


def run(folder, *words):
    # By its module's name, whether the package is installed or not.
    plugin = ["-p", "no:ramekin", "-p", "ramekin.contrib.pytest"]
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *plugin, "-q", *words], capture_output=True, text=True,
        timeout=120, cwd=folder, env={"PATH": os.environ["PATH"], "PYTHONPATH": str(PACKAGE)},
    )


def test_each_fixture_does_what_it_says(tmp_path):
    (tmp_path / "test_users.py").write_text(TESTS)
    done = run(tmp_path)
    assert done.returncode == 0 and "6 passed" in done.stdout, done.stdout + done.stderr


def test_the_fixtures_are_listed_with_what_they_are(tmp_path):
    (tmp_path / "test_none.py").write_text("")
    shown = run(tmp_path, "--fixtures").stdout
    for name in ("ramekin ", "ramekin_folder ", "ramekin_server "):
        assert f"\n{name}" in shown


def test_pytest_finds_the_fixtures_once_the_package_is_installed():
    project = (ROOT / "crates" / "python" / "pyproject.toml").read_text()
    assert '[project.entry-points.pytest11]\nramekin = "ramekin.contrib.pytest"\n' in project
