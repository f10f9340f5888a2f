"""Starts and ends servers: on a free loopback port, in a folder of their own, dead when the tests are.

A server is ended by its process id, whatever the test did; the kernel ends it if the test process dies first.
"""

import ctypes
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

from harness import binaries
from harness.resp import Client, Closed

BINARIES = {"ramekin": binaries.ramekin, "valkey": binaries.valkey}
# Directives that make both start alike: no snapshots, DEBUG for the tests.
COMMON = {"bind": "127.0.0.1", "save": "", "enable-debug-command": "yes"}


def free_port():
    """A loopback port that was free a moment ago; starting retries when another process was faster."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def _die_with_parent():
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)


class StartFailed(Exception):
    """The process ended before it served; `code` and `output` say how."""

    def __init__(self, code, output):
        super().__init__(f"exit code {code}: {output[-2000:]}")
        self.code = code
        self.output = output


class Server:
    """A running server of one kind, `ramekin` or `valkey`."""

    def __init__(self, kind, directives=None, folder=None, preexec=None, argv=None, **named):
        self.kind = kind
        self.own_folder = folder is None
        self.folder = pathlib.Path(folder or tempfile.mkdtemp(prefix=f"{kind}-test-"))
        self.folder.mkdir(exist_ok=True)
        self.directives = dict(COMMON)
        self.directives.update(directives or {})
        self.directives.update({name.replace("_", "-"): value for name, value in named.items()})
        self.preexec = preexec
        self.argv = argv
        self.fixed_port = "port" in self.directives
        self.port = int(self.directives.get("port", 0))
        self.process = None
        self.start()

    @property
    def is_valkey(self):
        return self.kind == "valkey"

    @property
    def address(self):
        return ("127.0.0.1", self.port)

    @property
    def pid(self):
        return self.process.pid

    def command_line(self):
        """The program and its arguments."""
        words = [str(BINARIES[self.kind]()), *(self.argv or [])]
        for name, value in {**self.directives, "port": self.port, "dir": self.folder}.items():
            if isinstance(value, (list, tuple)):
                words += [f"--{name}", *map(str, value)]
            else:
                words += [f"--{name}", str(value)]
        return words

    def start(self):
        """Starts the process and returns when it answers."""
        attempts = 1 if self.fixed_port else 5
        for attempt in range(attempts):
            if not self.fixed_port and (self.port == 0 or attempt):
                self.port = free_port()
            Client.kinds[self.address] = self.kind
            try:
                self._start_once()
                return
            except StartFailed as failed:
                if attempt + 1 == attempts or "address" not in failed.output.lower():
                    raise

    def _start_once(self):
        def before():
            _die_with_parent()
            if self.preexec:
                self.preexec()

        log = open(self.log_path, "ab")
        try:
            self.process = subprocess.Popen(
                self.command_line(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.folder,
                preexec_fn=before,
            )
        finally:
            log.close()
        deadline = time.monotonic() + 60
        while True:
            if self.process.poll() is not None:
                raise StartFailed(self.process.returncode, self.log())
            try:
                with Client(self.address, timeout=5) as client:
                    reply = client("PING")
                    if not reply.startswith(b"LOADING"):
                        return
            except (OSError, Closed):
                pass
            if time.monotonic() > deadline:
                self.kill()
                raise StartFailed(None, "did not answer in 60 s\n" + self.log())
            time.sleep(0.005)

    @property
    def log_path(self):
        return self.folder.parent / (self.folder.name + ".log")

    def log(self):
        """What the process has printed."""
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    def client(self, protocol=2, **options):
        """A new connection."""
        return Client(self.address, protocol, **options)

    def alive(self):
        return self.process.poll() is None

    def kill(self):
        """kill -9, and waits for the end."""
        if self.process and self.process.poll() is None:
            self.process.kill()
        if self.process:
            self.process.wait()

    def terminate(self, timeout=20.0, number=signal.SIGTERM):
        """Asks the process to end; gives its exit code, or raises if it does not end in time."""
        self.process.send_signal(number)
        return self.process.wait(timeout)

    def restart(self):
        """Starts again in the same folder, on the same port if it is still free."""
        self.kill()
        self.start()

    def remove(self):
        """Kills the process and removes its folder."""
        self.kill()
        self.log_path.unlink(missing_ok=True)
        if self.own_folder:
            shutil.rmtree(self.folder, ignore_errors=True)

    def info(self, section="everything"):
        """INFO as a dictionary of strings."""
        with self.client(password=self.directives.get("requirepass")) as client:
            return parse_info(client("INFO", section))

    def threads(self):
        return len(os.listdir(f"/proc/{self.pid}/task"))

    def memory_bytes(self):
        """Resident memory of the process."""
        status = pathlib.Path(f"/proc/{self.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+)", status)[1]) * 1024


def parse_info(text):
    """The fields of INFO."""
    lines = bytes(text).decode().split("\r\n")
    return dict(line.split(":", 1) for line in lines if ":" in line and not line.startswith("#"))
