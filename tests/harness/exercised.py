"""The command table drives the tests: a run of all of them fails if a row has none that sends it with success.

A plugin of pytest. In a run of several processes each worker hands over at its end what it has seen answered, and the
judgement is the controller's, after the last of them; in a run of one process it comes after the last test. It is
reported as a test is, under JUDGEMENT. A worker that ends without handing over has crashed: the run fails.
Left out: runs of some of the tests, or with failures, which cannot say what no test exercises.
"""

import time

import pytest

from harness.resp import Client
from harness.server import Server

JUDGEMENT = "harness/exercised.py::every_row_of_the_command_table_is_exercised"
# Rows that no test can send and have answered without an error, and where they are tested.
ELSEWHERE = {
    b"quit": "test_connection.py, and the connection is gone",
    b"shutdown": "test_server.py, and so is the server",
    b"latency|graph": "test_monitoring.py: no events are collected",
    b"client|caching": "test_server.py: tracking is off",
    b"client|import-source": "test_server.py: the server is not in import mode",
}


def command_rows():
    """The command table of the server under test."""
    server = Server("ramekin")
    try:
        with server.client() as client:
            return client("COMMAND", "LIST")
    finally:
        server.remove()


def unexercised(rows, answered):
    """The rows that are not among the answered commands, each a (kind, command, subcommand)."""
    seen = set(ELSEWHERE)
    for kind, name, sub in answered:
        if kind == "ramekin":
            seen |= {name.lower(), b"%b|%b" % (name.lower(), sub.lower())}
    # A container is exercised through its subcommands.
    containers = {row.split(b"|")[0] for row in rows if b"|" in row}
    return sorted(row.decode() for row in rows if row not in seen | containers)


class Worker:
    """Hands over what one worker has seen answered."""

    def __init__(self, config):
        self.config = config

    def pytest_sessionfinish(self):
        self.config.workeroutput["answered"] = list(Client.answered)


class Judge:
    """Gathers what the workers hand over, and judges after the last test."""

    def __init__(self, config):
        self.config = config
        self.files = set()
        self.failed = False
        self.crashed = []

    def pytest_runtest_logreport(self, report):
        self.files.add(report.nodeid.split("::")[0])
        self.failed |= report.failed

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node, error):
        answered = getattr(node, "workeroutput", {}).get("answered")
        if answered is None:
            self.crashed.append(f"{node.gateway.id}: {error}")
        else:
            Client.answered.update(answered)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtestloop(self):
        result = yield
        if self.crashed:
            self._report("failed", f"workers have crashed: {', '.join(self.crashed)}")
        elif self._is_of_all_tests():
            self._report(*self._judge())
        return result

    def _is_of_all_tests(self):
        root = self.config.rootpath
        everything = {path.relative_to(root).as_posix() for path in root.rglob("test_*.py")}
        return everything <= self.files and not self.config.option.keyword and not self.config.option.markexpr

    def _judge(self):
        """The outcome and what there is to say about it."""
        if self.failed:
            return "skipped", "only a run in which all tests pass can say which rows none of them exercises"
        missing = unexercised(command_rows(), Client.answered)
        return ("failed", f"no test sends these with success: {', '.join(missing)}") if missing else ("passed", None)

    def _report(self, outcome, text):
        path, _, name = JUDGEMENT.partition("::")
        now = time.time()
        report = pytest.TestReport(
            nodeid=JUDGEMENT, location=(path, None, name), keywords={}, outcome=outcome, when="call", start=now, stop=now,
            longrepr=(path, None, text) if outcome == "skipped" else text,
        )
        self.config.hook.pytest_runtest_logreport(report=report)


def pytest_configure(config):
    """One judge a run: the controller, or the only process."""
    config.pluginmanager.register(Worker(config) if hasattr(config, "workeroutput") else Judge(config))
