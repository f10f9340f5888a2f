"""The command table drives the tests: a row that no test has sent successfully is a failure. Runs last."""

import pytest

from harness.resp import Client

# Rows that only a plain socket or another process sends; the test that covers them stands beside.
ELSEWHERE = {
    b"quit": "test_connection.py: test_quit_answers_and_closes",
    b"shutdown": "test_server.py: test_shutdown_ends_the_process",
}


@pytest.mark.ours
def test_every_row_of_the_command_table_is_exercised(client, request):
    ran = {item.path.name for item in request.session.items}
    everything = {path.name for path in request.config.rootpath.rglob("test_*.py")}
    if not everything <= ran or request.config.option.keyword or request.session.testsfailed:
        pytest.skip("only a run of all tests can say which rows none of them exercises")
    answered = {name.lower() for name, _ in Client.answered} | {
        b"%b|%b" % (name.lower(), sub.lower()) for name, sub in Client.answered
    }
    rows = client("COMMAND", "LIST")
    containers = {name.split(b"|")[0] for name in rows if b"|" in name}
    # A container row is exercised through its subcommands.
    missing = sorted(
        name.decode() for name in rows if name not in answered and name not in ELSEWHERE and name not in containers
    )
    assert not missing, f"no test sends these with success: {', '.join(missing)}"
