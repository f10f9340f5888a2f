"""Rows and tables that PostgreSQL refuses: all others settle, and what is refused is served, listed, tried again or given up."""

import json
import time

import pytest

from store.behind import FAST, record, set_aside, settle, sql, until

pytestmark = pytest.mark.ours

def put(client, table, key, **fields):
    assert client("TABLE.PUT", table, key, json.dumps(fields)) == b"OK"


def rows(postgres, schema, table="t"):
    return {row["key"]: json.loads(row["data"]) for row in sql(postgres, f"SELECT key, data FROM {schema}.{table}")}


def quarantined(client, *keys, within_s=20):
    """Waits until exactly these are set aside, and gives what the store said of each."""
    wanted = set(keys)
    until(lambda: set(set_aside(client)) == wanted, within_s, lambda: f"{set_aside(client)} and not {wanted}")
    return set_aside(client)


def test_one_row_of_each_kind_is_refused_and_the_good_ones_of_the_batch_settle(start_ramekin, postgres, schema, url):
    server = start_ramekin(store=url, **FAST)
    with server.client() as client:
        put(client, "t", "first", n=0)
        settle(server)
        sql(
            postgres,
            f"ALTER TABLE {schema}.t ADD CONSTRAINT small CHECK ((data->>'n')::numeric < 1000)",
            f"CREATE FUNCTION {schema}.stop() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
            " IF new.key = 'stopped' THEN RAISE EXCEPTION 'not this one'; END IF;"
            " IF new.key = 'swallowed' THEN RETURN NULL; END IF; RETURN new; END $$",
            f"CREATE TRIGGER stop BEFORE INSERT ON {schema}.t FOR EACH ROW EXECUTE FUNCTION {schema}.stop()",
            f"CREATE UNIQUE INDEX one_of_a_name ON {schema}.t ((data->>'name'))",
        )
        client("CONFIG", "SET", "flush-interval", "1")
        good = [f"good{n}" for n in range(300)]
        commands = [("TABLE.PUT", "t", key, '{"n": 1}') for key in good]
        bad = {
            "nul": '{"n": 1, "text": "a\\u0000b"}',
            "large": '{"n": 1000}',
            "stopped": '{"n": 1}',
            "swallowed": '{"n": 1}',
            "first-of-name": '{"n": 1, "name": "x"}',
            "second-of-name": '{"n": 1, "name": "x"}',
        }
        for at, (key, text) in enumerate(bad.items()):
            commands.insert(at * 37, ("TABLE.PUT", "t", key, text))
        assert set(client.pipeline(commands)) == {b"OK"}
        # No store takes such a key, so it is not taken here either.
        assert client("TABLE.PUT", "t", "a\x00b", '{"n": 1}').startswith(b"ERR the key of a record")
        info = settle(server)
        said = {key.removeprefix("t:"): why for key, why in set_aside(client).items()}
        twins = {"first-of-name", "second-of-name"}
        assert len(twins & set(said)) == 1, said
        assert set(said) - twins == set(bad) - twins, said
        for key, part in {
            "nul": "22P05", "large": "23514", "stopped": "P0001", "swallowed": "trigger"
        }.items():
            assert part in said[key], (key, said[key])
        assert int(info["store_quarantined_records"]) == len(said) == len(bad) - 1
        here = {row["key"] for row in sql(postgres, f"SELECT key FROM {schema}.t")}
        assert set(good) | {"first"} <= here
        # Served, whoever has refused them, and never evicted.
        client("EVICT")
        for key, value in bad.items():
            assert client("TABLE.GET", "t", key), key
        assert record(client, "t", "large") == {"n": 1000}
        assert client("FLUSH").startswith(b"QUARANTINED"), client("FLUSH")


def test_what_is_set_aside_survives_a_crash_and_settles_once_its_cause_is_mended(start_ramekin, postgres, schema, url):
    server = start_ramekin(store=url, **FAST)
    with server.client() as client:
        put(client, "t", "a", n=1)
        settle(server)
        sql(postgres, f"ALTER TABLE {schema}.t ADD CONSTRAINT small CHECK ((data->>'n')::int < 10)")
        put(client, "t", "a", n=10)
        put(client, "t", "b", n=11)
        put(client, "t", "c", n=3)
        put(client, "t", "d", n=12)
        quarantined(client, "t:a", "t:b", "t:d")
    server.restart()
    with server.client() as client:
        said = quarantined(client, "t:a", "t:b", "t:d")
        assert all("small" in why for why in said.values())
        assert [record(client, "t", key)["n"] for key in "abcd"] == [10, 11, 3, 12]
        assert rows(postgres, schema) == {"a": {"n": 1}, "c": {"n": 3}}
        # In vain as long as nothing has changed.
        assert client("QUARANTINE", "RETRY") == 3
        settle(server)
        quarantined(client, "t:a", "t:b", "t:d")
        # Given up: what the store has counts, be it nothing.
        for key in ("t:a", "t:d"):
            # It may still be on its way.
            until(lambda key=key: client("QUARANTINE", "SKIP", key) == 1)
        assert (record(client, "t", "a"), record(client, "t", "d")) == ({"n": 1}, None)
        assert client("QUARANTINE", "SKIP", "t:a") == 0
        # A better value settles by itself, or the cause is mended.
        sql(postgres, f"ALTER TABLE {schema}.t DROP CONSTRAINT small")
        assert client("QUARANTINE", "RETRY", "t:b") == 1
        quarantined(client)
        settle(server)
        assert rows(postgres, schema) == {"a": {"n": 1}, "b": {"n": 11}, "c": {"n": 3}}
    server.restart()
    with server.client() as client:
        assert [record(client, "t", key) for key in "abcd"] == [{"n": 1}, {"n": 11}, {"n": 3}, None]
        assert client("QUARANTINE", "LIST") == []


def test_a_refused_row_that_changes_for_the_better_settles_and_one_that_is_deleted_goes(start_ramekin, postgres, schema, url):
    server = start_ramekin(store=url, **FAST)
    with server.client() as client:
        for key in ("a", "b", "c"):
            put(client, "t", key, n=1)
        settle(server)
        sql(postgres, f"ALTER TABLE {schema}.t ADD CONSTRAINT small CHECK ((data->>'n')::int < 10)")
        for key in ("a", "b", "c"):
            put(client, "t", key, n=10)
        quarantined(client, "t:a", "t:b", "t:c")
        put(client, "t", "a", n=2)
        assert client("TABLE.DEL", "t", "b") == 1
        quarantined(client, "t:c")
        settle(server)
        assert rows(postgres, schema) == {"a": {"n": 2}, "c": {"n": 1}}
        assert client("EXPIRE", "t:c", "-1") == 1
        quarantined(client)
        settle(server)
        assert rows(postgres, schema) == {"a": {"n": 2}}


def test_a_full_quarantine_holds_rows_back_and_loses_none(start_ramekin, postgres, schema, url):
    server = start_ramekin(store=url, **{**FAST, "store-quarantine-max": "2kb"})
    with server.client() as client:
        put(client, "t", "a", n=1)
        settle(server)
        sql(postgres, f"ALTER TABLE {schema}.t ADD CONSTRAINT small CHECK ((data->>'n')::int < 10)")
        for n in range(20):
            put(client, "t", f"bad{n}", n=10, text="x" * 500)
        put(client, "t", "good", n=1)
        until(lambda: "good" in rows(postgres, schema), why="held up by others")
        until(lambda: "quarantine is full" in server.info("store")["store_last_error"])
        assert 1 <= len(set_aside(client)) < 20
        # A batch that is on its way counts beside what it was taken from.
        until(lambda: int(server.info("store")["store_unsettled_records"]) == 20)
    server.restart()
    with server.client() as client:
        assert all(record(client, "t", f"bad{n}")["n"] == 10 for n in range(20))
        sql(postgres, f"ALTER TABLE {schema}.t DROP CONSTRAINT small")
        client("QUARANTINE", "RETRY")
        quarantined(client)
        settle(server)
        assert len(rows(postgres, schema)) == 22


def role_of(postgres, schema):
    """A user who owns the schema and nothing else, and the address with it."""
    name = f"role_{schema}"
    sql(postgres, f"DROP ROLE IF EXISTS {name}", f"CREATE ROLE {name} LOGIN", f"ALTER SCHEMA {schema} OWNER TO {name}")
    return name, postgres.url.replace("postgres@", f"{name}@") + f"?schema={schema}"


def test_a_table_without_permission_waits_and_all_others_flow(start_ramekin, postgres, schema):
    name, address = role_of(postgres, schema)
    server = start_ramekin(store=address, **FAST)
    with server.client() as client:
        put(client, "t", "a", n=1)
        put(client, "other", "a", n=1)
        settle(server)
        sql(postgres, f"REVOKE INSERT, UPDATE, DELETE ON {schema}.t FROM {name}")
        put(client, "t", "a", n=2)
        put(client, "t", "b", n=2)
        put(client, "other", "a", n=2)
        client("SET", "plain", "2")
        until(lambda: rows(postgres, schema, "other") == {"a": {"n": 2}}, why="the other table waits, too")
        until(lambda: "42501" in server.info("store")["store_last_error"], why=lambda: server.info("store"))
        assert client("QUARANTINE", "LIST") == [], "the rows are not at fault"
        assert record(client, "t", "b") == {"n": 2}
        assert rows(postgres, schema) == {"a": {"n": 1}}
        server.restart()
    with server.client() as client:
        assert record(client, "t", "b") == {"n": 2}
        sql(postgres, f"GRANT INSERT, UPDATE, DELETE ON {schema}.t TO {name}")
        settle(server)
        assert rows(postgres, schema) == {"a": {"n": 2}, "b": {"n": 2}}


def test_our_own_tables_without_permission_are_an_outage_that_ends(start_ramekin, postgres, schema):
    name, address = role_of(postgres, schema)
    server = start_ramekin(store=address, **FAST)
    with server.client() as client:
        client("SET", "a", "1")
        settle(server)
        sql(postgres, f"REVOKE ALL ON {schema}.ramekin_keys FROM {name}")
        client("SET", "a", "2")
        until(lambda: server.info("store")["store_state"] != "up", why=lambda: server.info("store"))
        assert client("GET", "a") == b"2" and client("QUARANTINE", "LIST") == []
        sql(postgres, f"GRANT ALL ON {schema}.ramekin_keys TO {name}")
        settle(server)
        client("EVICT")
        assert client("GET", "a") == b"2"


def test_a_table_that_is_dropped_by_others_is_made_anew_and_all_others_flow(start_ramekin, postgres, schema, url):
    server = start_ramekin(store=url, **FAST)
    with server.client() as client:
        put(client, "t", "a", n=1)
        put(client, "other", "a", n=1)
        settle(server)
        sql(postgres, f"DROP TABLE {schema}.t")
        put(client, "t", "b", n=2)
        put(client, "other", "a", n=2)
        until(lambda: rows(postgres, schema, "other") == {"a": {"n": 2}}, why="the other table waits, too")
        assert record(client, "t", "b") == {"n": 2}
        settle(server)
        assert rows(postgres, schema)["b"] == {"n": 2}
        # And it is watched as the first one was.
        sql(postgres, f"INSERT INTO {schema}.t (key, data) VALUES ('c', '{{\"n\": 3}}')")
        until(lambda: record(client, "t", "c") == {"n": 3})
        client("EVICT")
        assert record(client, "t", "b") == {"n": 2}


def test_a_column_that_is_too_small_refuses_the_row_and_not_the_table(start_ramekin, postgres, schema, url):
    sql(postgres, f"CREATE TABLE {schema}.narrow (id varchar(5) PRIMARY KEY, body jsonb NOT NULL)")
    server = start_ramekin(store=url, **FAST)
    with server.client() as client:
        made = client("TABLE.CREATE", "n", "STORE", "TABLE", f"{schema}.narrow", "KEY", "id", "DATA", "body")
        assert made == b"OK", made
        put(client, "n", "12345", n=1)
        put(client, "n", "123456", n=2)
        said = quarantined(client, "n:123456")
        assert "22001" in said["n:123456"], said
        settle(server)
        assert [row["id"] for row in sql(postgres, f"SELECT id FROM {schema}.narrow")] == ["12345"]
        sql(postgres, f"ALTER TABLE {schema}.narrow ALTER COLUMN id TYPE varchar(50)")
        time.sleep(0.1)
        assert client("QUARANTINE", "RETRY", "n:123456") == 1
        quarantined(client)
        settle(server)
        assert len(sql(postgres, f"SELECT id FROM {schema}.narrow")) == 2
