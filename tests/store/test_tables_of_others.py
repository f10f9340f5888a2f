"""Tables that others have made are put behind Ramekin as they are, and stay theirs."""

import json

import pytest

from store.behind import FAST, record, settle, sql, until

pytestmark = pytest.mark.ours


def test_a_table_with_names_of_its_own_is_read_and_written_as_it_stands(start_ramekin, postgres, schema, url):
    table = f'{schema}."Old Orders"'
    sql(
        postgres,
        f'CREATE TABLE {table} (id bigserial PRIMARY KEY, "Order No" varchar(20) NOT NULL UNIQUE, doc json NOT NULL,'
        " state text GENERATED ALWAYS AS (doc->>'state') STORED, created_by text DEFAULT current_user)",
        f"""INSERT INTO {table} ("Order No", doc) SELECT 'o-' || n, json_build_object('n', n, 'state', 'open')
            FROM generate_series(1, 300) n""",
    )
    server = start_ramekin(store=url, **FAST)
    with server.client() as client:
        made = client("TABLE.CREATE", "orders", "STORE", "TABLE", table, "KEY", "Order No", "DATA", "doc")
        assert made == b"OK", made
        assert record(client, "orders", "o-7") == {"n": 7, "state": "open"}
        assert client("TABLE.GET", "orders", "o-301") == client("GET", "nowhere")
        assert client("DBSIZE") == 300 and len(client("KEYS", "orders:*")) == 300
        assert client("TABLE.PUT", "orders", "o-7", '{"n": 7, "state": "paid"}') == b"OK"
        assert client("TABLE.PUT", "orders", "o-301", '{"n": 301, "state": "new"}') == b"OK"
        assert client("TABLE.DEL", "orders", "o-8") == 1
        settle(server)
        rows = sql(postgres, f'SELECT "Order No" AS no, doc, state, created_by, id FROM {table} ORDER BY id')
        states = {row["no"]: row["state"] for row in rows}
        assert len(states) == 300 and (states["o-7"], states["o-301"]) == ("paid", "new") and "o-8" not in states
        assert all(row["created_by"] for row in rows)
        # They go on writing to it.
        sql(
            postgres,
            f"""UPDATE {table} SET doc = '{{"state": "theirs"}}' WHERE "Order No" = 'o-9'""",
            f"""INSERT INTO {table} ("Order No", doc) VALUES ('o-400', '[1]')""",
            f"""DELETE FROM {table} WHERE "Order No" = 'o-7'""",
        )
        until(lambda: record(client, "orders", "o-9") == {"state": "theirs"})
        until(lambda: client("TABLE.GET", "orders", "o-400") == b"[1]")
        until(lambda: record(client, "orders", "o-7") is None)
        # And keep it when it is given up.
        assert client("TABLE.DROP", "orders") == b"OK"
        until(lambda: client("TABLE.LIST") == [])
        until(lambda: not sql(postgres, f"SELECT 1 FROM {schema}.ramekin_tables"))
    assert len(sql(postgres, f"SELECT id FROM {table}")) == 300


def test_the_table_of_a_cache_in_front_of_postgresql_is_taken_over_with_its_rows(start_ramekin, postgres, schema, url):
    table = f"{schema}.memdb_calls"
    sql(
        postgres,
        f"CREATE TABLE {table} (key TEXT PRIMARY KEY, data JSONB NOT NULL, created_at TIMESTAMP DEFAULT now(),"
        " updated_at TIMESTAMP DEFAULT now())",
        f"CREATE INDEX ON {table} USING gin (data)",
        f"""INSERT INTO {table} (key, data) SELECT 'call:' || n, jsonb_build_object('n', n, 'price', n / 10.0)
            FROM generate_series(1, 200) n""",
    )
    server = start_ramekin(store=url, **FAST)
    with server.client() as client:
        assert client("TABLE.CREATE", "calls", "STORE", "TABLE", table) == b"OK"
        assert record(client, "calls", "call:5") == {"n": 5, "price": 0.5}
        assert client("TABLE.PUT", "calls", "call:5", '{"n": 5, "done": true}') == b"OK"
        assert client("TABLE.PUT", "calls", "call:new", '{"n": 0}', "EX", "1000") == b"OK"
        assert client("TABLE.DEL", "calls", "call:6") == 1
        settle(server)
        rows = sql(postgres, f"SELECT key, data, created_at IS NULL AS bare, updated_at > created_at AS later, expires_at FROM {table}")
        rows = {row["key"]: row for row in rows}
        assert len(rows) == 200 and "call:6" not in rows
        assert json.loads(rows["call:5"]["data"]) == {"n": 5, "done": True} and rows["call:5"]["later"]
        assert not rows["call:new"]["bare"] and rows["call:new"]["expires_at"]
    server.restart()
    with server.client() as client:
        client("EVICT")
        assert record(client, "calls", "call:200") == {"n": 200, "price": 20}
        assert client("DBSIZE") == 200


def test_a_table_of_others_that_is_renamed_is_not_made_in_their_place(start_ramekin, postgres, schema, url):
    table = f"{schema}.theirs"
    sql(postgres, f"CREATE TABLE {table} (key text PRIMARY KEY, data jsonb)", f"INSERT INTO {table} VALUES ('a', '{{}}')")
    server = start_ramekin(store=url, **FAST)
    with server.client() as client:
        assert client("TABLE.CREATE", "t", "STORE", "TABLE", table) == b"OK"
        assert record(client, "t", "a") == {}
        sql(postgres, f"ALTER TABLE {table} RENAME TO aside")
        assert client("TABLE.PUT", "t", "a", '{"n": 2}') == b"OK"
        until(lambda: "dropped or renamed" in server.info("store")["store_last_error"], 20, lambda: server.info("store"))
        assert not sql(postgres, f"SELECT 1 FROM pg_tables WHERE schemaname = '{schema}' AND tablename = 'theirs'")
        assert record(client, "t", "a") == {"n": 2}
        assert client("TABLE.GET", "t", "b").startswith(b"STOREDOWN")
        sql(postgres, f"ALTER TABLE {schema}.aside RENAME TO theirs")
        settle(server)
        assert sql(postgres, f"SELECT data FROM {table}")[0]["data"] == '{"n": 2}'
