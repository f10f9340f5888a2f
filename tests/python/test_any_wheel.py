"""The wheel for systems without one of their own: it is built, installed, and does what can be done without the engine."""

import os
import pathlib
import re
import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile
from importlib.metadata import PathDistribution

import pytest

from harness import binaries

ROOT = pathlib.Path(__file__).parents[2]
SCRIPT = ROOT / "crates" / "python" / "any_wheel.py"
# Over a server: all kinds of calls, failures of connections, and a framework.
CHOSEN = (
    *("database/test_everywhere.py", "database/test_remote.py", "database/test_remote_failures.py", "database/test_no_posix.py"),
    *("memdb/test_memdb_calls.py", "memdb/test_memdb_loops.py", "kv/test_kv_calls.py", "kv/test_kv_backups.py"),
    "frameworks/test_django_cache.py",
)


# The package that the tests themselves may be run with is not the one that is installed.
ALONE = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "PYTEST"))}


def run(*words, env=None, cwd=None, timeout=240):
    """A program that ends within its time, and what it said."""
    words = [str(word) for word in words]
    return subprocess.run(words, env=env or ALONE, cwd=cwd, capture_output=True, text=True, timeout=timeout, stdin=subprocess.DEVNULL)


def pip(*words):
    ran = run(sys.executable, "-m", "pip", "--disable-pip-version-check", *words)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The wheel, built as it is for users."""
    built = run(sys.executable, SCRIPT, tmp_path_factory.mktemp("wheels"))
    assert built.returncode == 0, built.stderr
    return pathlib.Path(built.stdout.strip())


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """An environment with nothing else in it."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, with_pip=False)
    pip("--python", folder, "install", "--no-index", "--no-deps", wheel)
    return folder


@pytest.fixture(scope="module")
def packages(installed):
    """Where the package is in it."""
    return pathlib.Path(sysconfig.get_path("purelib", "venv", {"base": str(installed), "platbase": str(installed)}))


def python(installed, code, folder):
    return run(installed / "bin" / "python", "-c", code, cwd=folder)


def test_it_is_for_every_system_and_says_what_the_others_say(wheel, packages):
    manifest, project = (ROOT / "Cargo.toml").read_text(), (ROOT / "crates/python/pyproject.toml").read_text()
    version = re.search(r'(?ms)^\[workspace\.package\].*?^version = "(.+?)"', manifest)[1]
    assert wheel.name == f"ramekin-{version}-py3-none-any.whl"
    said = PathDistribution(next(packages.glob("ramekin-*.dist-info")))
    about = said.metadata
    assert (about["Name"], about["Version"], about["Requires-Python"]) == ("ramekin", version, ">=3.10")
    assert about["Summary"] in project and all(f'"{name}"' in project for name in about.get_all("Classifier"))
    assert {(entry.group, entry.name, entry.value) for entry in said.entry_points} == {
        ("console_scripts", "ramekin", "ramekin.__main__:main"),
        ("pytest11", "ramekin", "ramekin.contrib.pytest"),
    }
    assert about.get_payload().strip() == (ROOT / "crates/python/README.md").read_text().strip()


def test_it_has_all_sources_and_nothing_that_was_built(wheel):
    sources = {path.relative_to(SCRIPT.parent / "python").as_posix() for path in (SCRIPT.parent / "python").rglob("*.py")}
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    assert sources <= names and "ramekin/py.typed" in names
    assert not [name for name in names if name.endswith((".so", ".pyc", ".pyd", ".dylib"))]


def test_the_same_sources_make_the_same_bytes(wheel, tmp_path):
    again = pathlib.Path(run(sys.executable, SCRIPT, tmp_path).stdout.strip())
    assert again.read_bytes() == wheel.read_bytes()


def test_a_wheel_of_the_system_is_taken_before_it(wheel, tmp_path):
    shutil.copy(wheel, tmp_path)
    platform = sysconfig.get_platform().replace("-", "_").replace(".", "_")
    of_system = tmp_path / wheel.name.replace("py3-none-any", f"cp310-abi3-{platform}")
    with zipfile.ZipFile(wheel) as source, zipfile.ZipFile(of_system, "w") as target:
        for name in source.namelist():
            data = source.read(name)
            if name.endswith("/WHEEL"):
                data = data.replace(b"py3-none-any", f"cp310-abi3-{platform}".encode())
            target.writestr(name, data)
    (tmp_path / "taken").mkdir()
    pip("download", "--no-index", "--no-deps", "--find-links", tmp_path, "--dest", tmp_path / "taken", "ramekin")
    assert [path.name for path in (tmp_path / "taken").iterdir()] == [of_system.name]


@pytest.mark.parametrize(
    "opened",
    [
        "ramekin.Database('./data')",
        "ramekin.Database('memory:')",
        "ramekin.Database('postgresql://me@host/name')",
        "ramekin.KeyValueStore('./data', 'db', 1, 'namespace', None)",
        "asyncio.run(ramekin.MemDB('./data').start())",
        "asyncio.run(ramekin.AsyncDatabase('./data').get('key'))",
        "ramekin.store.check(lambda name: None)",
    ],
)
def test_what_needs_the_engine_is_refused_with_what_to_do(installed, tmp_path, opened):
    ran = python(installed, f"import asyncio, ramekin, ramekin.store\n{opened}", tmp_path)
    last = ran.stderr.strip().splitlines()[-1]
    assert ran.returncode == 1 and last.startswith("ramekin.errors.OpenError: a ")
    assert last.endswith("start a server on a system that has it and open ramekin://host:port")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("words", [["-m", "ramekin"], ["-m", "ramekin", "--port", "0"], ["-m", "ramekin.bench"]])
def test_the_server_says_that_it_is_not_there(installed, tmp_path, words):
    for program in ([installed / "bin" / "python", *words], [installed / "bin" / "ramekin", *words[2:]]):
        ran = run(*program, cwd=tmp_path)
        assert (ran.returncode, ran.stdout) == (1, "")
        assert ran.stderr.startswith("ramekin: the server, and each of its tools, needs Ramekin's engine") and ran.stderr.count("\n") == 1


def test_what_others_compressed_by_zstandard_is_read_where_python_has_it(installed, tmp_path):
    code = "import sys; sys.path.insert(0, '.')\nfrom ramekin.kv.codec import unpack\nprint(unpack('zstd', b'packed', None))"
    without = python(installed, code, tmp_path)
    if sys.version_info < (3, 14):
        assert without.stderr.endswith("which needs the package's native module, or Python 3.14\n")
    (tmp_path / "compression").mkdir()
    (tmp_path / "compression" / "__init__.py").touch()
    stand_in = "class ZstdError(Exception): ...\ndef compress(data): ...\ndef decompress(data):\n    return b'un' + data\n"
    (tmp_path / "compression" / "zstd.py").write_text(stand_in)
    assert python(installed, code, tmp_path).stdout == "b'unpacked'\n"
    (tmp_path / "compression" / "zstd.py").write_text(stand_in.replace("return b'un' + data", "raise ZstdError(data)"))
    assert "ValueError: this is not compressed by Zstandard" in python(installed, code, tmp_path).stderr


def test_a_module_that_is_there_and_broken_is_not_taken_for_missing(packages, tmp_path):
    shutil.copytree(packages / "ramekin", tmp_path / "ramekin")
    (tmp_path / "ramekin" / "_ramekin.py").write_text("import a_library_that_is_not_there")
    ran = run(sys.executable, "-c", "import ramekin; ramekin.Database('memory:')", cwd=tmp_path)
    assert "No module named 'a_library_that_is_not_there'" in ran.stderr


@pytest.mark.parametrize(
    "words",
    [
        ["-k", "server or no_posix"],
        # These two are about sockets in folders.
        ["-p", "harness.elsewhere", "-k", "(server or no_posix) and not is_not_there_is_named and not unix_socket"],
    ],
    ids=["here", "without what only POSIX has"],
)
def test_over_a_server_it_does_what_the_package_does(packages, tmp_path, words):
    environment = {**ALONE, "PYTHONPATH": str(packages), "RAMEKIN_BIN": str(binaries.ramekin().resolve())}
    tests = [f"python/{name}" for name in CHOSEN]
    words = ["-c", "pytest.ini", "-q", "--basetemp", tmp_path / "tests", *words, *tests]
    ran = run(sys.executable, "-m", "pytest", *words, cwd=ROOT / "tests", env=environment, timeout=900)
    assert ran.returncode == 0, ran.stdout[-5000:]
    passed = int(re.search(r"(\d+) passed", ran.stdout)[1])
    assert passed > 100, ran.stdout[-2000:]
