"""Others write to the tables while Ramekin does: in the end memory and store agree, by the rule of the table."""

import asyncio
import json
import os
import random
import threading
import time

import asyncpg
import pytest

from store.behind import FAST, record, set_aside, settle, sql, until

SECONDS = float(os.environ.get("TEST_STORE_SECONDS", 8))
SEED = os.environ.get("TEST_SEED", "1")
KEYS = [f"k{n:02}" for n in range(40)]

pytestmark = pytest.mark.ours


class Other(threading.Thread):
    """Somebody at PostgreSQL, who runs transactions of their own in a loop."""

    def __init__(self, url, stop, transaction):
        super().__init__(daemon=True)
        self.url, self.stop, self.transaction = url, stop, transaction
        self.done, self.lost, self.failure = 0, 0, None

    def run(self):
        try:
            asyncio.run(self.go())
        except Exception as error:  # noqa: BLE001 - the test reports whatever it was
            self.failure = error

    async def go(self):
        connection = await asyncpg.connect(self.url)
        try:
            while not self.stop.is_set():
                try:
                    await self.transaction(connection)
                    self.done += 1
                except (asyncpg.DeadlockDetectedError, asyncpg.SerializationError):
                    self.lost += 1
        finally:
            await connection.close()


class Client(threading.Thread):
    """Puts, reads and deletes the same records over Redis's protocol."""

    def __init__(self, server, stop, seed):
        super().__init__(daemon=True)
        self.server, self.stop, self.random, self.failure = server, stop, random.Random(seed), None
        self.commands = 0

    def run(self):
        try:
            with self.server.client() as client:
                while not self.stop.is_set():
                    self.step(client)
                    self.commands += 1
        except Exception as error:  # noqa: BLE001
            self.failure = error

    def step(self, client):
        key, pick = self.random.choice(KEYS), self.random.random()
        if pick < 0.5:
            reply = client("TABLE.PUT", "t", key, json.dumps({"by": "ours", "n": self.commands}))
            assert reply == b"OK", reply
        elif pick < 0.6:
            client("TABLE.DEL", "t", key)
        elif pick < 0.65:
            client("EVICT")
        else:
            record(client, "t", key)


def rows(postgres, schema):
    return {row["key"]: json.loads(row["data"]) for row in sql(postgres, f"SELECT key, data FROM {schema}.t")}


def agree(server, postgres, schema):
    """Waits until nothing is under way, and compares."""
    settle(server)
    until(lambda: not sql(postgres, f"SELECT 1 FROM {schema}.ramekin_outside LIMIT 1"), 20, "changes of others are not taken up")
    settle(server)
    there = rows(postgres, schema)
    with server.client() as client:
        apart = {key.removeprefix("t:") for key in set_aside(client)}
        here = {key: found for key in KEYS if (found := record(client, "t", key)) is not None}
    wrong = {key: (here.get(key), there.get(key)) for key in KEYS if key not in apart and here.get(key) != there.get(key)}
    assert not wrong, f"memory and store differ: {wrong}"
    return apart


def race(server, url, transaction, seconds):
    """Clients and others at once."""
    stop = threading.Event()
    threads = [Client(server, stop, f"{SEED}/{n}") for n in range(2)] + [Other(url, stop, transaction) for _ in range(2)]
    for thread in threads:
        thread.start()
    time.sleep(seconds)
    stop.set()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive() and thread.failure is None, thread.failure
    return threads[2:]


@pytest.mark.parametrize("rule", ["memory-wins", "store-wins", "quarantine"])
def test_whoever_writes_at_the_same_time_memory_and_store_agree_in_the_end(start_ramekin, postgres, schema, url, rule):
    server = start_ramekin(store=url, **FAST)
    with server.client() as client:
        assert client("TABLE.CREATE", "t", "ON", "CONFLICT", rule) == b"OK"
        client.pipeline([("TABLE.PUT", "t", key, '{"by": "first"}') for key in KEYS])
        settle(server)
        r = random.Random(SEED)

        async def transaction(connection):
            key, data, pick = r.choice(KEYS), json.dumps({"by": "theirs", "n": r.random()}), r.random()
            if pick < 0.4:
                await connection.execute(f"UPDATE {schema}.t SET data = $2 WHERE key = $1", key, data)
            elif pick < 0.6:
                await connection.execute(f"DELETE FROM {schema}.t WHERE key = $1", key)
            else:
                await connection.execute(
                    f"INSERT INTO {schema}.t (key, data) VALUES ($1, $2) ON CONFLICT (key) DO UPDATE SET data = excluded.data",
                    key, data,
                )
            await asyncio.sleep(0.005)

        others = race(server, postgres.url, transaction, SECONDS / 3)
        assert sum(other.done for other in others) > 50
        apart = agree(server, postgres, schema)
        info = server.info("store")
        assert int(info["store_outside_changes"]) > 50, info
        assert not apart or rule == "quarantine", apart
        client("QUARANTINE", "RETRY")
        until(lambda: not set_aside(client))
        assert not agree(server, postgres, schema)


@pytest.mark.parametrize("rule", ["memory-wins", "store-wins", "quarantine"])
def test_a_change_that_meets_one_of_others_goes_by_the_rule_of_the_table(start_ramekin, postgres, schema, url, rule):
    server = start_ramekin(store=url, **{**FAST, "flush-interval": "30", "store-poll-interval": "30", "evict-interval": "0"})
    with server.client() as client:
        assert client("TABLE.CREATE", "t", "ON", "CONFLICT", rule) == b"OK"
        keys = KEYS[:3]
        client.pipeline([("TABLE.PUT", "t", key, '{"by": "first"}') for key in keys])
        assert client("FLUSH") == b"OK"
        client.pipeline([("TABLE.PUT", "t", key, '{"by": "ours"}') for key in keys])
        sql(
            postgres,
            f"UPDATE {schema}.t SET data = '{{\"by\": \"theirs\"}}' WHERE key = '{keys[0]}'",
            f"DELETE FROM {schema}.t WHERE key = '{keys[1]}'",
        )
        ours, theirs = {"by": "ours"}, {"by": "theirs"}
        said = client("FLUSH")
        there = rows(postgres, schema)
        here = {key: found for key in keys if (found := record(client, "t", key)) is not None}
        if rule == "memory-wins":
            assert said == b"OK" and there == here == dict.fromkeys(keys, ours)
        elif rule == "store-wins":
            assert said == b"OK" and there == here == {keys[0]: theirs, keys[2]: ours}
        else:
            assert said.startswith(b"QUARANTINED")
            assert there == {keys[0]: theirs, keys[2]: ours} and here == dict.fromkeys(keys, ours)
            assert {key: why for key, why in set_aside(client).items()} == {
                f"t:{keys[0]}": "somebody else has changed the row", f"t:{keys[1]}": "somebody else has removed the row"
            }
            assert client("QUARANTINE", "SKIP", f"t:{keys[0]}") == 1
            assert client("QUARANTINE", "RETRY", f"t:{keys[1]}") == 1
            assert client("FLUSH") == b"OK"
            assert rows(postgres, schema) == {keys[0]: theirs, keys[1]: ours, keys[2]: ours}
            assert [record(client, "t", key) for key in keys] == [theirs, ours, ours]


def test_deadlocks_and_lost_races_set_nothing_aside(start_ramekin, postgres, schema):
    role = f"role_{schema}"
    sql(
        postgres, f"DROP ROLE IF EXISTS {role}", f"CREATE ROLE {role} LOGIN", f"ALTER SCHEMA {schema} OWNER TO {role}",
        f"ALTER ROLE {role} SET default_transaction_isolation = 'serializable'", f"ALTER ROLE {role} SET deadlock_timeout = '20ms'",
    )
    address = postgres.url.replace("postgres@", f"{role}@")
    server = start_ramekin(store=f"{address}?schema={schema}", **FAST)
    before = sql(postgres, "SELECT sum(deadlocks)::int8 AS n FROM pg_stat_database")[0]["n"]
    with server.client() as client:
        client.pipeline([("TABLE.PUT", "t", key, '{"by": "first"}') for key in KEYS])
        settle(server)

        async def transaction(connection):
            async with connection.transaction():
                for key in random.sample(KEYS, 8):
                    await connection.execute(f"UPDATE {schema}.t SET data = data || '{{\"theirs\": 1}}' WHERE key = $1", key)
                    await asyncio.sleep(0.003)

        others = race(server, address, transaction, SECONDS / 2)
        assert sum(other.done for other in others) > 5
        assert not agree(server, postgres, schema), "what has lost a race was set aside"
    until(lambda: sql(postgres, "SELECT sum(deadlocks)::int8 AS n FROM pg_stat_database")[0]["n"] > before, 20, "no deadlock")
