"""A full disk: writes are refused, reads go on, nothing acknowledged is lost, and it heals without a restart."""

import contextlib
import subprocess
import time

import pytest

from harness.resp import Fault

MIB = 1 << 20


@contextlib.contextmanager
def mounted(folder, size_mib):
    """A small tmpfs at the folder, or None where this machine does not let us mount."""
    folder.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size_mib}m", "tmpfs", folder], capture_output=True)
    if done.returncode:
        yield None
        return
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


def fill(client, acknowledged, prefix, most_bytes, size=100_000):
    """Writes until refused; gives the error, or None."""
    for i in range(most_bytes // size):
        key, value = f"{prefix}{i}".encode(), b"%d" % i * (size // len(b"%d" % i))
        reply = client("SET", key, value)
        if isinstance(reply, Fault):
            return reply
        acknowledged[key] = value
    return None


def refused_then_healed(server, make_room, most_bytes):
    """Fills the disk until a write is refused, makes room, and counts what is there after kill -9."""
    acknowledged = {}
    with server.client() as client:
        assert client("SET", "first", "v") == b"OK"
        refusal = fill(client, acknowledged, "k", most_bytes)
        assert refusal is not None, "the disk never filled"
        assert not refusal.startswith((b"WRONGTYPE", b"ERR unknown"))
        assert client("GET", "first") == b"v"
        assert client("PING") == b"PONG"
        refused_key = f"k{len(acknowledged)}"
        assert client("EXISTS", refused_key) == 0, "a refused write must change nothing"
        client("MULTI")
        client("GET", "first")
        client("CONFIG", "RESETSTAT")
        client("SET", "x", b"x" * 1_000_000)
        client("PING")
        first, reset, *refused = client("EXEC")
        assert [first, reset, *map(type, refused)] == [b"v", b"OK", Fault, Fault], "one reply a command"
        make_room()
        deadline = time.monotonic() + 15
        while (refusal := fill(client, acknowledged, "healed", MIB)) is not None:
            assert time.monotonic() < deadline, f"still refused: {refusal}"
            time.sleep(0.05)
        assert fill(client, acknowledged, "after", 5 * MIB) is None
    server.kill()
    server.restart()
    with server.client() as client:
        for key, value in acknowledged.items():
            assert client("GET", key) == value
        assert client("GET", "first") == b"v"
        assert client("DBSIZE") == len(acknowledged) + 1


@pytest.mark.ours
@pytest.mark.parametrize("appendfsync", ["everysec", "always"])
def test_a_full_disk_refuses_writes_and_heals_without_a_restart(start_ramekin, tmp_path, appendfsync):
    with mounted(tmp_path / "small", 300) as folder:
        if folder is None:
            pytest.skip(
                "no tmpfs can be mounted here: run as root (or in a user namespace that may mount) to test the full disk"
            )
        balloon = folder / "balloon"
        balloon.write_bytes(b"\0" * (150 * MIB))
        server = start_ramekin({"appendfsync": appendfsync}, folder=folder / "data")
        try:
            refused_then_healed(server, balloon.unlink, 400 * MIB)
        finally:
            server.kill()
