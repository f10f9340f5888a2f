"""What tests of stores have in common: SQL as others send it, waiting for what happens behind, figures of a process."""

import asyncio
import json
import time

import asyncpg

# Everything that is done from time to time is done often.
FAST = {"flush-interval": "0.1", "evict-interval": "0.3", "store-poll-interval": "0.2", "shutdown-timeout": "10"}


def sql(postgres, *statements, url=None):
    """Runs statements over a connection of their own; gives the rows of the last one."""

    async def go():
        connection = await asyncpg.connect(url or postgres.url)
        try:
            rows = []
            for statement in statements:
                rows = await connection.fetch(statement)
            return rows
        finally:
            await connection.close()

    return asyncio.run(go())


def until(holds, within_s=20.0, why=None):
    """Waits for something, and gives it; fails with `why`, which may be a function, if it does not come."""
    deadline = time.monotonic() + within_s
    while not (found := holds()):
        assert time.monotonic() < deadline, why() if callable(why) else why
        time.sleep(0.02)
    return found


def settle(server, within_s=90):
    """Waits until all has settled but what is set aside, and gives INFO."""
    deadline = time.monotonic() + within_s
    while True:
        info = server.info("store")
        if info["store_unsettled_records"] == info["store_quarantined_records"] and info["store_state"] == "up":
            return info
        assert time.monotonic() < deadline, info
        time.sleep(0.05)


def set_aside(client):
    """The rows in quarantine: what the store said, by key."""
    rows = [dict(zip(row[::2], row[1::2], strict=True)) for row in client("QUARANTINE", "LIST", "COUNT", 10_000)]
    return {bytes(row[b"key"]).decode(): bytes(row[b"reason"]).decode() for row in rows}


def record(client, table, key):
    """A record as an object; None if there is none."""
    reply = client("TABLE.GET", table, key)
    assert not bytes(reply or b"").startswith((b"ERR", b"STORE")), reply
    return json.loads(bytes(reply)) if reply else None


def resident_bytes(pid):
    """Resident memory of a process, and how much of it is no file's."""
    with open(f"/proc/{pid}/status") as status:
        fields = dict(line.split(":", 1) for line in status)
    return tuple(int(fields[name].split()[0]) << 10 for name in ("VmRSS", "RssAnon"))
