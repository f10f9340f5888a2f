"""What docs/OPERATIONS.md says is true: its blocks are run, its fields are in INFO, its messages are in the code."""

import re
import shlex
import subprocess

import pytest

from deploy.process import Process
from harness.binaries import ROOT
from harness.resp import Fault
from harness.server import free_port

TEXT = (ROOT / "docs" / "OPERATIONS.md").read_text()
PERFORMANCE = (ROOT / "docs" / "PERFORMANCE.md").read_text()


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```$", TEXT, re.M | re.S)


def section(title):
    return re.search(rf"^## {title}\n(.*?)(?=^## |\Z)", TEXT, re.M | re.S)[1]


def first_cells(text):
    """What stands in backticks in the first cell of each row of a table."""
    rows = [line.split("|")[1] for line in text.splitlines() if line.startswith("| ")]
    return [name for cell in rows for name in re.findall(r"`([^`]+)`", cell)]


@pytest.fixture
def plain():
    with Process(["ramekin", "serve"], {}) as server:
        server.until_answering()
        yield server


@pytest.fixture
def behind():
    """A server with a store behind it."""
    with Process(["ramekin", "serve", "--store", "sqlite:"], {}) as server:
        server.until_answering()
        yield server


def test_the_shell_blocks_run_one_after_the_other(plain, tmp_path):
    wrapper = tmp_path / "bin" / "ramekin"
    wrapper.parent.mkdir()
    # `ramekin cli` without a port is meant for the server that runs.
    wrapper.write_text(
        f'#!/bin/sh\nif [ "$1" = cli ] && [ "$2" != -p ]; then shift; exec {plain.binary} cli -p {plain.port} "$@"; fi\n'
        f'exec {plain.binary} "$@"\n'
    )
    wrapper.chmod(0o755)
    text = "\n".join(blocks("sh"))
    assert text.count("ramekin") >= 8
    for place in ("/backups", "/var/lib"):
        (tmp_path / place.lstrip("/")).mkdir(parents=True)
        text = text.replace(place, str(tmp_path) + place)
    text = text.replace("6390", str(free_port()))
    done = subprocess.run(
        ["bash", "-euxo", "pipefail", "-c", text], capture_output=True, text=True, timeout=60, cwd=tmp_path,
        env={"PATH": f"{wrapper.parent}:/usr/bin:/bin", "HOME": str(tmp_path)},
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_redis_blocks_run_and_nothing_in_them_is_refused(behind):
    with behind.client() as client:
        client("SET", "order:1", "paid")
        lines = "".join(blocks("redis")).splitlines()
        assert len(lines) >= 15
        for line in lines:
            reply = client(*shlex.split(line))
            assert not isinstance(reply, Fault), (line, reply)


@pytest.mark.parametrize("text", blocks("conf"))
def test_the_configurations_are_taken_without_a_warning(text, tmp_path):
    secret = tmp_path / "secret.conf"
    secret.write_text('requirepass "hidden"\n')
    file = tmp_path / "ramekin.conf"
    file.write_text(text.replace("/etc/ramekin/secret.conf", str(secret)).replace("/var/lib/ramekin", str(tmp_path / "data")))
    with Process(["ramekin", "serve", str(file)], {}) as server:
        server.env["RAMEKIN_REQUIREPASS"] = "hidden" if "include" in text else "a long one"
        server.until_answering()
        assert "warning" not in server.log()


def test_every_field_that_is_to_be_watched_is_in_info(behind):
    wanted = first_cells(section("What to watch")) + re.findall(r"\(`(\w+_\w+)`\)", section("When something is wrong"))
    assert len(wanted) >= 35
    with behind.client() as client:
        fields = {line.split(":")[0] for line in bytes(client("INFO", "everything")).decode().split("\r\n")}
    assert [name for name in wanted if name not in fields] == []


def test_every_message_that_is_explained_is_in_the_code():
    sources = "".join(path.read_text() for path in (ROOT / "crates").rglob("*.rs"))
    codes = first_cells(section("When something is wrong"))
    assert len(codes) >= 12
    assert [code for code in codes if f'"{code} ' not in sources and f"-{code} " not in sources] == []
    words = "the log is damaged in"
    assert words in TEXT and words in sources


def test_directives_that_are_named_exist():
    known = set(re.findall(r"^\| `([a-z-]+)`", (ROOT / "docs" / "CONFIGURATION.md").read_text(), re.M))
    named = set(re.findall(r"--([a-z]+(?:-[a-z]+)*)", TEXT)) - {"build"}
    named |= set(re.findall(r"CONFIG SET ([a-z-]+)", TEXT))
    named |= {name for name in re.findall(r"`([a-z]+-[a-z-]+)`", TEXT) }
    named -= {"redis-cli", "read-only"}
    assert len(named) >= 15 and named - known == set()


def test_figures_are_those_of_the_page_on_performance():
    figures = re.findall(r"\d+(?:,\d{3})+|\d+\.\d+", section("How large"))
    figures += ["269", "361", "155", "275"]
    assert len(figures) >= 10
    assert [figure for figure in figures if figure not in PERFORMANCE] == []


def test_an_owner_of_the_folder_is_named_to_the_second_one(plain):
    done = subprocess.run(
        [plain.binary, "--port", str(free_port()), "--dir", plain.folder], capture_output=True, text=True, timeout=20
    )
    assert done.returncode != 0 and f"is in use by process {plain.process.pid}" in done.stdout + done.stderr


def test_links_lead_somewhere():
    for page in (ROOT / "docs" / "OPERATIONS.md", ROOT / "docs" / "COMPARISON.md", ROOT / "README.md"):
        if page.exists():
            for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text()):
                assert (page.parent / target).exists(), (page.name, target)


def test_the_page_of_comparisons_has_no_figure_of_its_own():
    text = (ROOT / "docs" / "COMPARISON.md").read_text()
    figures = re.findall(r"\d+(?:,\d{3})+|\d+\.\d+", re.sub(r"Valkey \d+\.\d+", "", text))
    assert len(figures) >= 10
    assert [figure for figure in figures if figure not in PERFORMANCE] == []
