"""What a type checker says: about the package itself, about its typical use, and about the stubs beside the modules they describe."""

import os
import pathlib
import subprocess
import sys

import pytest

PACKAGE = pathlib.Path(__file__).parents[3] / "crates" / "python" / "python"
USE = pathlib.Path(__file__).with_name("typed_use.py")
SECONDS_MAX = 300


@pytest.fixture(scope="session")
def mypy(tmp_path_factory):
    """Runs a module of mypy on the package of this checkout, and gives what it has found."""
    folder = tmp_path_factory.mktemp("mypy")
    environment = {**os.environ, "MYPYPATH": str(PACKAGE), "MYPY_CACHE_DIR": str(folder)}

    def run(module, *words):
        asked = [sys.executable, "-m", module, *map(str, words)]
        ran = subprocess.run(asked, cwd=folder, env=environment, capture_output=True, text=True, timeout=SECONDS_MAX)
        assert not ran.stderr
        return ran.stdout if ran.returncode else ""

    return run


def test_the_package_and_its_typical_use_are_typed_strictly(mypy):
    assert mypy("mypy", "--strict", "--python-version", "3.10", PACKAGE / "ramekin", USE) == ""


def test_the_stubs_are_what_the_modules_are(mypy, tmp_path):
    (tmp_path / "allowed").write_text("ramekin.database.V  # the type of values, for a checker alone\n")
    words = ["--concise", "--ignore-disjoint-bases", "--allowlist", tmp_path / "allowed"]
    assert mypy("mypy.stubtest", *words, "ramekin.database", "ramekin._ramekin") == ""
