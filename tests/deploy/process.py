"""Starts the server as a file in deploy/ says: with exactly its words and variables, in a test's folder, on loopback."""

import os
import pathlib
import shutil
import subprocess
import tempfile
import time

from harness import binaries
from harness.resp import Client, Closed
from harness.server import _die_with_parent, free_port

# What a test has to replace, since it is of the container.
PLACES = {"RAMEKIN_BIND": "127.0.0.1", "RAMEKIN_DIR": None, "RAMEKIN_PORT": None}


class Process:
    """A server process; use it in a `with`. `uid` is who runs it, where the test may choose."""

    def __init__(self, words, env, uid=None):
        self.root = pathlib.Path(tempfile.mkdtemp(prefix="ramekin-deploy-"))
        self.root.chmod(0o755)
        self.folder = self.root / "data"
        self.folder.mkdir(mode=0o700)
        self.binary = self.root / "ramekin"
        # Where any user finds it.
        try:
            os.link(binaries.ramekin(), self.binary)
        except OSError:
            shutil.copy(binaries.ramekin(), self.binary)
        self.account = {}
        if uid is not None and os.geteuid() == 0:
            os.chown(self.folder, uid, uid)
            self.account = {"user": uid, "group": uid, "extra_groups": []}
        self.words = words
        self.env = {"PATH": f"{self.root}:/usr/bin:/bin", **env}
        self.env.update({name: value for name, value in PLACES.items() if value and name in self.env})
        self.env["RAMEKIN_DIR"] = str(self.folder)
        self.process = None
        self.start()

    def start(self):
        """Starts it on a port that was free a moment ago."""
        self.port = free_port()
        self.env["RAMEKIN_PORT"] = str(self.port)
        with open(self.root / "log", "ab") as log:
            self.process = subprocess.Popen(
                self.words, env=self.env, cwd=self.folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                preexec_fn=_die_with_parent, **self.account,
            )

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        shutil.rmtree(self.root, ignore_errors=True)

    def log(self):
        """What it has printed."""
        return (self.root / "log").read_text(errors="replace")

    def client(self):
        """A connection, with the password that the variables have."""
        return Client(("127.0.0.1", self.port), password=self.env.get("RAMEKIN_REQUIREPASS"), timeout=10)

    def check(self, command, timeout=10):
        """Runs a check of the container in its environment: exit code and output. The usual port is the container's own."""
        if command[:2] == ["ramekin", "cli"] and "-s" not in command:
            command = [*command[:2], "-p", str(self.port), *command[2:]]
        done = subprocess.run(
            command, env=self.env, cwd=self.folder, capture_output=True, text=True, timeout=timeout, **self.account
        )
        return done.returncode, done.stdout + done.stderr

    def first_answer(self, command, timeout=30.0):
        """Repeats a check until it has reached the server: exit code and output."""
        deadline = time.monotonic() + timeout
        while True:
            code, said = self.check(command)
            if "refused" not in said:
                return code, said
            assert self.process.poll() is None and time.monotonic() < deadline, said + self.log()
            time.sleep(0.02)

    def until_healthy(self, command, timeout=30.0):
        """Repeats a check until it succeeds."""
        deadline = time.monotonic() + timeout
        while True:
            code, said = self.check(command)
            if code == 0:
                return
            assert self.process.poll() is None and time.monotonic() < deadline, said + self.log()
            time.sleep(0.02)

    def until_answering(self, timeout=30.0):
        """Waits until a client gets PONG."""
        deadline = time.monotonic() + timeout
        while True:
            try:
                with self.client() as client:
                    if client("PING") == b"PONG":
                        return
            except (OSError, Closed):
                pass
            assert self.process.poll() is None and time.monotonic() < deadline, self.log()
            time.sleep(0.02)

    def stop(self, within):
        """SIGTERM; the exit code, or an error if it is not there in time."""
        self.process.terminate()
        return self.process.wait(within)
