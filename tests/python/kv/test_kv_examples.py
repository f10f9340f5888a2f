"""The examples for those who come from NADB run as they stand, and print what they say."""

import os
import pathlib
import re
import subprocess
import sys

import pytest

import ramekin

EXAMPLES = pathlib.Path(__file__).parents[3] / "examples" / "python"

PRINTED = {
    "nadb_basics.py": [
        r"value: b'Ada'",
        r"admins: \['user:1'\]",
        r"tags: \{'admin': 1, 'binary': 1, 'user': 2\}",
        r"lives for a while: True",
        r"compressed: 11000 -> a tenth",
        r"visits: 1 2",
        r"first to take the lock: True False",
        r"missing: Key 'nobody' not found",
        r"keys: 9",
    ],
    "nadb_documents.py": [
        r"open: \['order:1', 'order:3'\]",
        r"newest two: \['order:4', 'order:3'\]",
        r"from the middle of the file: b'\\x05\\x05\\x05'",
        r"changed since: 1 deleted: 1",
        r"restored: \{'status': 'paid', 'total': 20\} True",
    ],
    "nadb_own_backend.py": [
        r"files: 2 value: b'second' tagged: \['a'\]",
        r"after a delete: 1 damaged: \[\]",
    ],
    "nadb_benchmark.py": [
        r" +set +get +tags \(a second\)",
        r"ramekin +[\d,]+ +[\d,]+ +[\d,]+",
        r"NADB +[\d,]+ +[\d,]+ +[\d,]+",
    ],
}


@pytest.mark.parametrize("name", PRINTED)
def test_an_example_prints_what_it_promises(address, name, tmp_path):
    done = subprocess.run(
        [sys.executable, EXAMPLES / name, address],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, "PYTHONPATH": str(pathlib.Path(ramekin.__file__).parent.parent)},
    )
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert len(lines) == len(PRINTED[name]), lines
    for line, wanted in zip(lines, PRINTED[name], strict=True):
        assert re.fullmatch(wanted, line), (line, wanted)


def test_each_example_has_a_test():
    assert {path.name for path in EXAMPLES.glob("nadb_*.py")} == set(PRINTED)
