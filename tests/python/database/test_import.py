"""What is not used is not imported: a program that reads one key starts no event loop and no TLS."""

import subprocess
import sys

HEAVY = {"asyncio", "ssl", "json", "decimal", "logging", "inspect", "dataclasses", "urllib.request", "ramekin.memdb", "ramekin.kv"}


def loaded(code):
    """Which heavy modules a program has loaded at its end."""
    program = [sys.executable, "-c", f"{code}\nimport sys; print(*sys.modules)"]
    return HEAVY & set(subprocess.run(program, check=True, capture_output=True, text=True, timeout=60).stdout.split())


def test_the_package_itself_loads_nothing_heavy():
    assert loaded("import ramekin") == set()


def test_a_database_loads_what_its_calls_need(url):
    code = f"from ramekin import Database\nwith Database({url!r}) as db:\n    db.set('k', 'v'); db.pipeline().get('k').execute()"
    assert loaded(code) == set()
    assert loaded("from ramekin import Database\nwith Database('memory:') as db:\n    db.set('k', 'v'); db.get('k')") <= {"logging"}
