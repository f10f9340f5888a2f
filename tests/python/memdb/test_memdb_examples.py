"""The examples run as they stand, from an empty folder, and print what they say."""

import pathlib
import re
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).parents[3]
EXAMPLES = ROOT / "examples" / "python"

# What is printed, line by line.
PRINTED = {
    "basic_usage.py": [
        r"one record: \{(?=.*'seconds': 12)(?=.*datetime\(2026, 11, 21, 8, 30, tzinfo=datetime\.timezone\.utc\)).*\}",
        "talking: c-18 95",
        "talking: c-17 40",
        "refused: field 'seconds' is declared as integer, and holds string",
        "cached records: 2 unsettled: 0",
    ],
    "chat_presence.py": [
        r"present: \['ada', 'grace'\]",
        r"\d\d:\d\d ada: hello",
        r"\d\d:\d\d grace: hi, it's me",
        r"still present: \['ada'\]",
    ],
    "carts_sessions.py": [
        "session of: ada",
        "total: 60.00",
        r"carts above 100: \['grace'\]",
        "logged out: True session of: None",
    ],
    "order_book.py": [
        "bought 3 at 10.10 of o-000002",
        "bought 3 at 10.10 of o-000003",
        r"best to buy: \(Decimal\('9.95'\), 10\)",
        r"best to sell: \(Decimal\('10.10'\), 1\)",
    ],
    "sensors.py": [
        r"4,000 readings, [\d,]+ a second",
        r"hottest: \[\('s-\d+', \d\d(\.\d+)?\).*\]",
        r"pleasant at site-3: \d+",
    ],
}


def run(name, *words, folder):
    done = subprocess.run(
        [sys.executable, EXAMPLES / name, *map(str, words)], cwd=folder, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@pytest.mark.parametrize("name", PRINTED)
def test_an_example_prints_what_it_promises(address, name, tmp_path):
    lines = run(name, address, folder=tmp_path)
    assert len(lines) == len(PRINTED[name]), lines
    for line, wanted in zip(lines, PRINTED[name], strict=True):
        assert re.fullmatch(wanted, line), line


@pytest.mark.places("folder", "server")
def test_the_benchmark_prints_both_sides(address, tmp_path):
    lines = run("benchmark.py", address, 2000, folder=tmp_path)
    assert lines[1].startswith("dict behind a lock") and lines[2].startswith("MemDB")
    assert all(int(figure.replace(",", "")) > 100 for line in lines[1:3] for figure in re.findall(r"[\d,]+$|[\d,]+(?= )", line))
    assert re.fullmatch(r"query over 2,000 records: [\d.]+ ms", lines[3]) and "'p99'" in lines[4]


def test_one_sees_the_database_follow_memory(tmp_path):
    lines = run("watch_settling.py", 2, folder=tmp_path)
    rows = [line.split() for line in lines[1:-1]]
    memory = [int(row[1]) for row in rows]
    stored = [int(row[2]) for row in rows if row[2] != "-"]
    assert memory == sorted(memory) and stored == sorted(stored) and len(set(stored)) >= 2, lines
    assert all(int(row[2]) <= int(row[1]) for row in rows if row[2] != "-")
    count = re.fullmatch(r"after the stop: (\d+) in memory, (\d+) in the database", lines[-1])
    assert count and count[1] == count[2], lines[-1]
