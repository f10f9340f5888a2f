"""The run itself, as a small suite shows it: it fails for a row without a test and for a crash, and ends its servers with it."""

import os
import pathlib
import signal
import subprocess
import sys
import time

import pytest

SUITE = {
    "conftest.py": """
        from harness import exercised
        pytest_plugins = ["harness.exercised"]
        exercised.command_rows = lambda: [b"get", b"config", b"config|get", b"quit"]
    """,
    "test_get.py": """
        from harness.resp import Client
        def test_get():
            Client.answered.add(("ramekin", b"GET", b""))
    """,
    "test_config.py": """
        from harness.resp import Client
        def test_config():
            Client.answered.add(("ramekin", b"CONFIG", b"GET"))
    """,
}
ENDS_AT_ONCE = """
        import os, pytest
        @pytest.hookimpl(tryfirst=True)
        def pytest_sessionfinish(session):
            if hasattr(session.config, "workeroutput"):
                os._exit(3)
"""
ONE, TWO = ["-n", "0"], ["-n", "2", "--dist", "worksteal", "--max-worker-restart", "0"]
JUDGEMENT = "every_row_of_the_command_table_is_exercised"


class Suite:
    """A folder with a small suite."""

    def __init__(self, folder):
        self.folder = folder
        for name, text in SUITE.items():
            self.write(name, text)

    def write(self, name, text):
        (self.folder / name).write_text("\n".join(line.removeprefix("        ") for line in text.splitlines()))

    def start(self, *words):
        words = ["-c", os.devnull, "--rootdir", self.folder, "-q", "-rA", "-p", "xdist", "-p", "no:cacheprovider", *words, "."]
        paths = os.pathsep.join(path for path in sys.path if path)
        return subprocess.Popen(
            [sys.executable, "-m", "pytest", *words],
            cwd=self.folder, env={**os.environ, "PYTHONPATH": paths, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}, preexec_fn=os.setpgrp,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )

    def run(self, *words):
        """The exit code and the output."""
        process = self.start(*words)
        try:
            output, _ = process.communicate(timeout=60)
        finally:
            process.kill()
        return process.returncode, output


@pytest.fixture
def suite(tmp_path):
    return Suite(tmp_path)


@pytest.mark.parametrize("processes", [ONE, TWO], ids=["one", "two"])
def test_a_run_in_which_every_row_is_exercised_passes(suite, processes):
    code, output = suite.run(*processes)
    assert code == 0 and f"PASSED harness/exercised.py::{JUDGEMENT}" in output, output


@pytest.mark.parametrize("processes", [ONE, TWO], ids=["one", "two"])
def test_a_row_that_no_test_sends_with_success_fails_the_run(suite, processes):
    suite.write("test_config.py", SUITE["test_config.py"].replace('b"GET"', 'b"SET"'))
    code, output = suite.run(*processes)
    assert code == 1 and "no test sends these with success: config|get" in output, output


def test_a_run_of_some_tests_does_not_judge(suite):
    code, output = suite.run(*TWO, "-k", "get")
    assert code == 0 and JUDGEMENT not in output, output


@pytest.mark.parametrize(
    "crash",
    [
        {"test_get.py": "def test_get():\n    import os; os._exit(3)"},
        {"conftest.py": SUITE["conftest.py"] + ENDS_AT_ONCE},
    ],
    ids=["in a test", "at its end"],
)
def test_a_worker_that_crashes_fails_the_run(suite, crash):
    for name, text in crash.items():
        suite.write(name, text)
    code, output = suite.run(*TWO)
    assert code == 1 and "crashed" in output, output


@pytest.mark.parametrize("processes", [ONE, TWO], ids=["one", "two"])
def test_an_interrupted_run_leaves_no_server(suite, processes):
    for name in ("get", "config"):
        suite.write(f"test_{name}.py", f"""
        import pathlib, time
        from harness.server import Server
        def test_{name}():
            server = Server("ramekin")
            try:
                pathlib.Path("{name}.pid").write_text(f"{{server.pid}}\\n")
                time.sleep(60)
            finally:
                server.remove()
        """)
    process = suite.start(*processes)
    files = [suite.folder / f"{name}.pid" for name in (["config", "get"] if processes == TWO else ["config"])]
    try:
        wait_for(lambda: all(file.exists() and file.read_text().endswith("\n") for file in files), process)
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does
        process.communicate(timeout=30)
    finally:
        process.kill()
    assert process.returncode != 0
    wait_for(lambda: not any(pathlib.Path(f"/proc/{int(file.read_text())}").exists() for file in files))


def wait_for(condition, process=None):
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline and (process is None or process.poll() is None)
        time.sleep(0.01)
