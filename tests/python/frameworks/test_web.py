"""The services in examples/python, over HTTP as a client sees them, by the servers that their users run."""

import json
import os
import pathlib
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request

import pytest

from harness.binaries import ROOT
from harness.server import _die_with_parent, free_port

EXAMPLES = ROOT / "examples" / "python"
PACKAGE = pathlib.Path(__import__("ramekin").__file__).parents[1]


class Service:
    """A web server in a process of its own; calls it, and ends it as a supervisor does."""

    def __init__(self, folder, words, env):
        self.port = free_port()
        words = [str(self.port) if word == "PORT" else word for word in words]
        path = os.pathsep.join([str(PACKAGE), str(EXAMPLES)])
        self.log = folder / "service.log"
        self.process = subprocess.Popen(
            [sys.executable, *words], cwd=folder, env={"PATH": "/usr/bin:/bin", "PYTHONPATH": path, **env},
            stdout=open(self.log, "ab"), stderr=subprocess.STDOUT, preexec_fn=_die_with_parent,
        )

    def __call__(self, method, path, body=None, headers=None):
        """Status, JSON (or text), and cookies."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", data, headers or {}, method=method)
        request.add_header("Content-Type", "application/json")
        try:
            with urllib.request.urlopen(request, timeout=20) as reply:
                return reply.status, json.loads(reply.read()), reply.headers.get("Set-Cookie", "")
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode(), ""

    def until_answering(self, path):
        deadline = time.monotonic() + 60
        while True:
            try:
                self("GET", path)
                return self
            except OSError:
                assert self.process.poll() is None and time.monotonic() < deadline, self.log.read_text()
                time.sleep(0.02)

    def stop(self):
        """SIGTERM, and the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(30)


@pytest.fixture
def serve(tmp_path):
    running = []

    def begin(words, path, **env):
        running.append(Service(tmp_path, words, env))
        return running[-1].until_answering(path)

    yield begin
    for service in running:
        service.process.kill()
        service.process.wait()


FASTAPI = ["-m", "uvicorn", "fastapi_server:app", "--host", "127.0.0.1", "--port", "PORT"]
AIOHTTP = ["-m", "aiohttp.web", "-H", "127.0.0.1", "-P", "PORT", "aiohttp_served:make"]


def test_the_service_of_fastapi_keeps_users_and_calls(serve, address):
    call = serve(FASTAPI, "/stats", PG_DSN=address)
    status, user, _ = call("POST", "/users", {"name": "Ada", "email": "ada@example.com"})
    assert status == 201 and call("GET", f"/users/{user['id']}")[1] == user
    assert call("GET", "/users/nobody")[0] == 404 and call("POST", "/users", {"name": ""})[0] == 422
    for key, state in (("c1", "ringing"), ("c2", "ended"), ("c3", "ringing")):
        assert call("PUT", f"/calls/{key}", {"caller": "+4420", "state": state, "seconds": 3})[0] == 200
    ringing = call("GET", "/calls?state=ringing")[1]
    assert sorted(record["_key"] for record in ringing) == ["c1", "c3"]
    assert len(call("GET", "/calls")[1]) == 3 and len(call("GET", "/calls?limit=1")[1]) == 1
    assert call("GET", "/calls?state=ended'%20OR%20'1'='1")[0] == 422
    assert call("POST", "/flush")[1] == {"settled": True}
    stats = call("GET", "/stats")[1]
    assert stats["dirty_records"] == 0 and stats["tables"] == 2
    assert call.stop() in (0, -signal.SIGTERM)
    again = serve(FASTAPI, "/stats", PG_DSN=address)
    assert again("GET", f"/users/{user['id']}")[1] == user


@pytest.mark.places("server")
def test_two_replicas_of_a_service_share_one_ramekin(serve, address):
    first, second = serve(FASTAPI, "/stats", PG_DSN=address), serve(FASTAPI, "/stats", PG_DSN=address)
    user = first("POST", "/users", {"name": "Ada", "email": "a@example.com"})[1]
    assert second("GET", f"/users/{user['id']}")[1] == user


@pytest.mark.places("folder", "server")
def test_the_carts_of_aiohttp_are_kept_and_expire(serve, address, tmp_path):
    (tmp_path / "aiohttp_served.py").write_text(
        "import aiohttp_server\n\ndef make(argv):\n    return aiohttp_server.make_app()\n"
    )
    call = serve(AIOHTTP, "/stats", PG_DSN=address)
    assert call("GET", "/carts/7")[0] == 404
    assert call("PUT", "/carts/7/tea", {"count": 2})[1] == {"lines": {"tea": 2}}
    assert call("PUT", "/carts/7/milk", {"count": 1})[1] == {"lines": {"tea": 2, "milk": 1}}
    assert call("GET", "/carts/7")[1] == {"lines": {"tea": 2, "milk": 1}}
    assert call.stop() in (0, -signal.SIGTERM)
    again = serve(AIOHTTP, "/stats", PG_DSN=address)
    assert again("GET", "/carts/7")[1] == {"lines": {"tea": 2, "milk": 1}}


def visit_the_site(call):
    first = call("GET", "/visits")
    cookie = {"Cookie": first[2].split(";")[0]}
    assert first[1] == {"yours": 1, "all": 1}
    assert call("GET", "/visits", headers=cookie)[1] == {"yours": 2, "all": 2}
    assert call("GET", "/visits")[1] == {"yours": 1, "all": 3}
    assert call("GET", "/report")[1] == call("GET", "/report")[1]
    call("GET", "/presence/ada")
    assert call("GET", "/presence/grace")[1] == {"here": ["ada", "grace"]}
    return cookie


@pytest.mark.places("folder", "server")
@pytest.mark.parametrize("runner", ["asgi", "runserver"])
def test_the_site_of_django_counts_visits_in_session_and_cache(serve, address, runner):
    words = {
        "asgi": ["-m", "uvicorn", "django_site:application", "--host", "127.0.0.1", "--port", "PORT", "--lifespan", "off"],
        "runserver": [str(EXAMPLES / "django_site.py"), "runserver", "--noreload", "PORT"],
    }[runner]
    env = {"RAMEKIN_ADDRESS": address, "SECRET_KEY": "the same after a restart"}
    call = serve(words, "/report", **env)
    cookie = visit_the_site(call)
    call.stop()
    again = serve(words, "/report", **env)
    assert again("GET", "/visits", headers=cookie)[1] == {"yours": 3, "all": 4}


def test_what_is_opened_for_fastapi_is_there_while_it_runs_and_not_before_or_after():
    import asyncio
    from contextlib import asynccontextmanager

    from ramekin.contrib.fastapi import Opened
    from ramekin.errors import ClosedError

    events = []

    @asynccontextmanager
    async def make():
        events.append("open")
        yield "database"
        events.append("closed")

    async def run():
        database = Opened(make)
        for _ in range(2):
            with pytest.raises(ClosedError, match="lifespan"):
                await database()
            async with database.lifespan(None):
                assert await database() == "database"
        with pytest.raises(ClosedError):
            await database()

    asyncio.run(run())
    assert events == ["open", "closed", "open", "closed"]
