"""`store-read-only`: what the store has can be read, and nothing is ever written, here or there."""

import pytest

from store.behind import FAST, record, settle, sql, until

pytestmark = pytest.mark.ours


@pytest.fixture
def looking(start_ramekin, postgres, schema, url):
    """A server that looks at its store, as a user who may only read."""
    server = start_ramekin(store=url, **FAST)
    with server.client() as client:
        client.pipeline([("SET", f"key{n}", f"value{n}") for n in range(100)])
        client("SET", "brief", "x", "PX", "60000")
        client("RPUSH", "list", "a", "b")
        client("TABLE.PUT", "t", "r", '{"n": 1}')
        settle(server)
        client("EVICT")
    assert server.terminate(15) == 0
    role = f"role_{schema}"
    sql(
        postgres, f"DROP ROLE IF EXISTS {role}", f"CREATE ROLE {role} LOGIN", f"GRANT USAGE ON SCHEMA {schema} TO {role}",
        f"GRANT SELECT ON ALL TABLES IN SCHEMA {schema} TO {role}",
    )
    server.directives |= {"store": url.replace("postgres@", f"{role}@"), "store-read-only": "yes"}
    server.start()
    yield server
    sql(postgres, f"DROP OWNED BY {role}", f"DROP ROLE {role}")


def contents(postgres, schema):
    """Every row that a writer could have touched, with the transaction that has written it."""
    tables = ("ramekin_meta", "ramekin_lanes", "ramekin_keys", "ramekin_tables", "ramekin_outside", "t")
    return [
        [tuple(row) for row in sql(postgres, f"SELECT t::text, xmin::text FROM {schema}.{table} t ORDER BY 1")]
        for table in tables
    ]


def test_what_the_store_has_is_read_and_nothing_is_written(looking, postgres, schema):
    server, before = looking, contents(postgres, schema)
    with server.client() as client:
        assert client("GET", "key7") == b"value7"
        assert client("LRANGE", "list", 0, -1) == [b"a", b"b"]
        assert record(client, "t", "r") == {"n": 1}
        assert not client("GET", "nowhere")
        assert client("MGET", "key1", "key2") == [b"value1", b"value2"]
        assert client("DBSIZE") == 103
        found, cursor = set(), b"0"
        while True:
            cursor, keys = client("SCAN", cursor, "COUNT", 50)
            found |= set(map(bytes, keys))
            if cursor == b"0":
                break
        assert len(found) == 103
        client("EVICT")
        assert client("GET", "key7") == b"value7"
        for words in (
            ("SET", "key7", "x"), ("DEL", "key7"), ("EXPIRE", "key7", "1"), ("TABLE.PUT", "t", "r", "{}"), ("TABLE.DEL", "t", "r"),
            ("RPUSH", "list", "c"), ("FLUSHALL",), ("TABLE.CREATE", "u"), ("TABLE.DROP", "t"), ("FLUSH",),
        ):
            said = client(*words)
            assert said.startswith(b"READONLY"), (words, said)
        assert (client("MULTI"), client("GET", "key9"), client("EXEC")) == (b"OK", b"QUEUED", [b"value9"])
        assert client("QUARANTINE", "LIST") == []
        info = server.info("store")
        assert info["store_state"] == "read-only" and info["store_flushes"] == "0" and info["store_errors"] == "0", info
    assert contents(postgres, schema) == before
    assert server.terminate(15) == 0
    assert contents(postgres, schema) == before
    server.start()
    with server.client() as client:
        assert client("GET", "key8") == b"value8"


def test_what_others_change_is_seen_and_left_for_the_owner_to_see(looking, postgres, schema, url):
    server = looking
    with server.client() as client:
        assert client("GET", "key7") == b"value7" and record(client, "t", "r") == {"n": 1}
        sql(postgres, f"UPDATE {schema}.t SET data = '{{\"n\": 3}}'", f"DELETE FROM {schema}.ramekin_keys WHERE key = 'key7'")
        until(lambda: record(client, "t", "r") == {"n": 3})
        until(lambda: not client("GET", "key7"))
        info = server.info("store")
        assert info["store_state"] == "read-only" and info["store_errors"] == "0", info
        seen = int(info["store_outside_changes"])
        assert seen == 2, "each is seen once"
    assert len(sql(postgres, f"SELECT 1 FROM {schema}.ramekin_outside")) == 2
    server.kill()
    server.directives |= {"store": url, "store-read-only": "no"}
    server.start()
    with server.client() as client:
        until(lambda: not sql(postgres, f"SELECT 1 FROM {schema}.ramekin_outside"))
        assert record(client, "t", "r") == {"n": 3} and not client("GET", "key7")
        assert client("TABLE.PUT", "t", "r", '{"n": 4}') == b"OK"
        settle(server)
        assert sql(postgres, f"SELECT data FROM {schema}.t")[0]["data"] == '{"n": 4}'
