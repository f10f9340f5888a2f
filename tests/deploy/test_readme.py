"""The README does what it says: sessions are typed into a server and compared, Python blocks run as they stand."""

import pathlib
import re
import shlex
import subprocess
import sys
import time

import pytest

from deploy.process import Process
from harness.binaries import ROOT
from harness.resp import Client

TEXT = (ROOT / "README.md").read_text()
PYTHON = re.findall(r"^```python\n(.*?)^```$", TEXT, re.M | re.S)
PROMPT = "127.0.0.1:6379> "
PACKAGE = pathlib.Path(__import__("ramekin").__file__).parents[1]


def sessions():
    """Each indented block with a prompt, as its lines."""
    blocks = re.findall(r"(?:^    .*\n|^\n(?=    ))+", TEXT, re.M)
    lines = [[line[4:] for line in block.splitlines()] for block in blocks]
    return [block for block in lines if any(line.startswith(PROMPT) for line in block)]


def typed_and_shown(block):
    """The commands of a session, and the lines that are shown for them; what psql shows is left out."""
    commands, shown, ours = [], [], False
    for line in block:
        if line.startswith(PROMPT):
            commands.append(line.removeprefix(PROMPT))
            ours = True
        elif re.match(r"\w+=> |\$ ", line) or not line:
            ours = False
        elif ours:
            shown.append(line)
    return commands, shown


@pytest.fixture
def server():
    with Process(["ramekin", "serve"], {}) as process:
        process.until_answering()
        yield process


def type_in(server, commands):
    done = subprocess.run(
        [server.binary, "cli", "-p", str(server.port), "--no-raw"], input="\n".join(commands) + "\n",
        capture_output=True, text=True, timeout=20, cwd=server.root,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_there_are_sessions_and_programs():
    assert len(sessions()) >= 4 and len(PYTHON) >= 2


@pytest.mark.parametrize("block", sessions(), ids=lambda block: block[1].split("> ")[-1].split()[0])
def test_a_session_shows_what_the_server_answers(server, block):
    commands, shown = typed_and_shown(block)
    commands = [command.replace("sqlite:/data/", f"sqlite:{server.root}/") for command in commands]
    assert commands and type_in(server, commands) == shown


def test_commands_typed_by_hand_are_answered_as_shown(server):
    typed = re.search(r"printf '(.*?)' \| nc 127\.0\.0\.1 6379\n((?:    .*\n)+)", TEXT)
    with Client(("127.0.0.1", server.port)) as client:
        client.socket.sendall(typed[1].encode().decode("unicode_escape").encode())
        got = b""
        while True:
            piece = client.socket.recv(4096)
            if not piece:
                break
            got += piece
    assert got.decode().split("\r\n")[:-1] == [line[4:] for line in typed[2].splitlines()]


def run_python(text, folder):
    done = subprocess.run(
        [sys.executable, "-c", text], capture_output=True, text=True, timeout=60, cwd=folder,
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(PACKAGE)},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_program_with_redis_py_prints_what_it_says(server, tmp_path):
    first, = [block for block in sessions() if "$ redis-cli" in block]
    type_in(server, typed_and_shown(first)[0])
    text, = [block for block in PYTHON if "import redis" in block]
    printed = run_python(text.replace("redis.Redis(", f"redis.Redis(port={server.port}, "), tmp_path)
    assert [f"# {line}" for line in printed.splitlines()] == re.findall(r"^# .*", text, re.M)


@pytest.mark.parametrize("place", ["folder", "server"])
def test_the_first_session_in_python_runs_twice(server, tmp_path, place):
    text, = [block for block in PYTHON if "from ramekin" in block]
    if place == "server":
        text = text.replace('"./data"', f'"ramekin://127.0.0.1:{server.port}"')
    for _ in range(2):
        greeting, calls = run_python(text, tmp_path).splitlines()
        assert "hello" in greeting and "c-17" in calls and "ringing" in calls


def test_the_printed_start_is_what_the_server_prints(server):
    printed = re.search(r"It prints\n\n((?:    .*\n)+)", TEXT)[1]
    lines = [line.strip().replace("6379", str(server.port)) for line in printed.splitlines()]
    # It answers a moment before it says so.
    deadline = time.monotonic() + 10
    while lines[-1] not in server.log() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert [line for line in lines if line not in server.log()] == []


def test_flags_and_variables_that_are_shown_are_taken(tmp_path):
    lines = re.findall(r"^    (?:target/release/)?(ramekin --[^\n]*|RAMEKIN_[^\n]*)$", TEXT, re.M)
    known = set(re.findall(r"^\| `([a-z-]+)`", (ROOT / "docs" / "CONFIGURATION.md").read_text(), re.M))
    assert len(lines) >= 4
    for line in lines:
        words = shlex.split(line)
        named = {word[2:] for word in words if word.startswith("--")}
        named |= {word.split("=")[0][8:].lower().replace("_", "-") for word in words if word.startswith("RAMEKIN_")}
        assert named and named <= known, line
