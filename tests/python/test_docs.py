"""Every Python example of the guides runs as it stands.

A block of ```python in docs/python/*.md is a program: it is run in an empty folder. One whose first line is `# signature` is no
program. What it prints is compared with its lines that begin with `#> `, if there are some. Where a block names a server, there is
one, empty and its own: `localhost:6379`, `127.0.0.1:6379`, `host:6379` and `port=6379` are a Ramekin's address, `redis://…` a Valkey's, and
`postgresql://…` a database's.
"""

import os
import pathlib
import re
import subprocess
import sys

import pytest

from harness.server import Server

DOCS = pathlib.Path(__file__).parents[2] / "docs" / "python"
# What a block may take, in seconds.
TIME_MAX = 60


def blocks():
    """Each program of each guide, with where it is."""
    for path in sorted(DOCS.glob("*.md")):
        text = path.read_text()
        for found in re.finditer(r"^```python\n(.*?)^```$", text, re.DOTALL | re.MULTILINE):
            line = text.count("\n", 0, found.start()) + 1
            if not found[1].startswith("# signature"):
                yield pytest.param(found[1], id=f"{path.name}:{line}")


@pytest.mark.parametrize("block", list(blocks()))
def test_an_example_runs(block, tmp_path, request):
    servers = []
    try:
        code = with_servers(block, servers, request)
        (tmp_path / "example.py").write_text(code)
        paths = os.pathsep.join(path for path in sys.path if path)
        environment = {**os.environ, "PYTHONPATH": paths, "PYTHONIOENCODING": "utf-8"}
        ran = subprocess.run(
            [sys.executable, "-W", "error::ResourceWarning", "example.py"],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            timeout=TIME_MAX,
        )
    finally:
        for server in servers:
            server.remove()
    assert ran.returncode == 0, ran.stderr[-3000:]
    expected = [line[3:] for line in block.splitlines() if line.startswith("#> ")]
    if expected:
        assert ran.stdout.splitlines() == expected


def with_servers(block, servers, request):
    """The block with addresses of servers that are there."""
    if re.search(r"(localhost|127\.0\.0\.1|host):6379|port=6379", re.sub(r"redis://\S*", "", block)):
        servers.append(Server("ramekin"))
        block = re.sub(r"(?<!redis://)\b(localhost|127\.0\.0\.1|host):6379", f"127.0.0.1:{servers[-1].port}", block)
        block = block.replace("port=6379", f"port={servers[-1].port}")
    if "redis://" in block:
        servers.append(Server("valkey"))
        block = re.sub(r"redis://[^\"'/]*", f"redis://127.0.0.1:{servers[-1].port}", block)
    if re.search(r"postgres(ql)?://", block):
        block = re.sub(r"postgres(ql)?://[^\"']*", request.getfixturevalue("postgres_url"), block)
    return block
