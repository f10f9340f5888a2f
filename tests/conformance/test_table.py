"""The command table drives the tests: a row that no test has sent successfully is a failure. Runs last."""

import pytest

from harness.resp import Client

# Rows that no test can send and have answered without an error, and where they are tested.
ELSEWHERE = {
    b"quit": "test_connection.py, and the connection is gone",
    b"shutdown": "test_server.py, and so is the server",
    b"latency|graph": "test_monitoring.py: no events are collected",
    b"client|caching": "test_server.py: tracking is off",
    b"client|import-source": "test_server.py: the server is not in import mode",
}


@pytest.mark.ours
def test_every_row_of_the_command_table_is_exercised(client, request):
    ran = {item.path.name for item in request.session.items}
    everything = {path.name for path in request.config.rootpath.rglob("test_*.py")}
    if not everything <= ran or request.config.option.keyword or request.session.testsfailed:
        pytest.skip("only a run in which all tests pass can say which rows none of them exercises")
    answered = set()
    for kind, name, sub in Client.answered:
        if kind == "ramekin":
            answered |= {name.lower(), b"%b|%b" % (name.lower(), sub.lower())}
    rows = client("COMMAND", "LIST")
    # A container is exercised through its subcommands.
    containers = {name.split(b"|")[0] for name in rows if b"|" in name}
    missing = sorted(name.decode() for name in rows if name not in answered | containers | set(ELSEWHERE))
    assert not missing, f"no test sends these with success: {', '.join(missing)}"
