"""The application of compose and Kubernetes, started with the words and variables of the files: healthy while its Ramekin is there."""

import json
import os
import pathlib
import subprocess
import sys
import time
import urllib.error
import urllib.request

import pytest

from deploy.shipped import DEPLOY, compose, container, image
from deploy.process import Process
from harness.binaries import ROOT
from harness.server import _die_with_parent, free_port

APP = image(DEPLOY / "docker" / "app.Dockerfile")
SERVER = image(DEPLOY / "docker" / "Dockerfile")
PACKAGE = pathlib.Path(__import__("ramekin").__file__).parents[1]
PORT = "8000"


def here(words, port):
    """The words of the container, for this machine: its Python, on loopback and a free port."""
    words = [word.replace(PORT, str(port)).replace("0.0.0.0", "127.0.0.1") for word in words]
    programs = {"uvicorn": [sys.executable, "-m", "uvicorn"], "python": [sys.executable]}
    return [*programs[words[0]], *words[1:]]


class App:
    """The process of the container; use it in a `with`."""

    def __init__(self, folder, env):
        self.port = free_port()
        path = os.pathsep.join([str(PACKAGE), str(ROOT / "examples" / "python")])
        self.env = {"PATH": "/usr/bin:/bin", "PYTHONPATH": path, **env}
        self.log = pathlib.Path(folder) / "app.log"
        self.process = subprocess.Popen(
            here(APP["command"], self.port), cwd=folder, env=self.env, stdout=open(self.log, "ab"),
            stderr=subprocess.STDOUT, preexec_fn=_die_with_parent,
        )

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()

    def is_healthy(self):
        """What the health check of the image says."""
        done = subprocess.run(here(APP["health"], self.port), env=self.env, capture_output=True, timeout=20)
        return done.returncode == 0

    def until(self, condition):
        deadline = time.monotonic() + 60
        while not condition():
            assert self.process.poll() is None and time.monotonic() < deadline, self.log.read_text()
            time.sleep(0.05)

    def status(self, path):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=20) as reply:
                return reply.status, json.loads(reply.read())
        except urllib.error.HTTPError as error:
            return error.code, None


@pytest.mark.parametrize("files", ["compose", "kubernetes"])
def test_the_app_is_healthy_beside_its_ramekin_and_unready_without(tmp_path, files):
    if files == "compose":
        services = compose()
        ours, app = services["ramekin"]["environment"], services["app"]["environment"]
        path = "/stats"
    else:
        ours = container("StatefulSet", "ramekin")["env"]
        pod = container("Deployment", "ramekin-app")
        app, path = pod["env"], pod["readinessProbe"]["httpGet"]["path"]
        assert pod["ports"][0] == {"name": pod["readinessProbe"]["httpGet"]["port"], "containerPort": int(PORT)}
    # What the app is about here is its Ramekin; the database behind that has tests of its own.
    ours = {name: value for name, value in ours.items() if name != "RAMEKIN_STORE"}
    with Process(SERVER["command"], {**SERVER["env"], **ours}) as server:
        server.until_answering()
        dsn = app["PG_DSN"].replace("@ramekin:6379", f"@127.0.0.1:{server.port}")
        assert dsn != app["PG_DSN"]
        with App(tmp_path, {**app, "PG_DSN": dsn}) as running:
            running.until(running.is_healthy)
            assert running.status(path)[0] == 200
            server.process.kill()
            server.process.wait()
            running.until(lambda: not running.is_healthy())
            assert running.status(path)[0] == 500
            # It is not ended for that: its Ramekin comes back, and so does it.
            assert running.process.poll() is None
