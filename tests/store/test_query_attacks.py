"""Nothing that is sent as a query, a name or a key runs as SQL in the database behind.

Ramekin is given a superuser there, so that nothing but Ramekin is in the way. What came of it is seen by a table, a function that
changes that table, what there is in the catalogue, and the statements that the server says it was sent.
"""

import json
import time

import pytest

from harness.resp import Fault
from store.attacks import CONDITIONS, CURSORS, NAP_SECONDS, PATHS, STACKED, WORDS
from store.behind import sql

BY_HAND = {"flush-interval": "3600", "evict-interval": "0", "store-poll-interval": "3600"}
RECORDS = {f"k{n}": {"state": "ringing" if n % 2 else "idle", "n": n} for n in range(40)}
# Words that no statement of ours has, and no name that the tests give.
THEIRS = ("boom", "canary", "pg_sleep", "pg_read_file", "lo_import", "pwned", "touch ")

pytestmark = pytest.mark.ours


class Canary:
    """What would be different if an attack had come through."""

    def __init__(self, postgres, schema):
        self.postgres, self.schema = postgres, schema
        self.role = f"super_{schema}"
        sql(
            postgres,
            "DROP TABLE IF EXISTS public.canary",
            "CREATE TABLE public.canary (id int PRIMARY KEY, secret text)",
            "INSERT INTO public.canary VALUES (1, 'cheep'), (2, 'tweet')",
            "CREATE OR REPLACE FUNCTION public.boom() RETURNS int LANGUAGE sql VOLATILE AS"
            " $$ UPDATE public.canary SET secret = 'boom'; SELECT 1 $$",
            f"DROP ROLE IF EXISTS {self.role}",
            f"CREATE ROLE {self.role} LOGIN SUPERUSER",
            f"ALTER ROLE {self.role} SET log_statement = 'all'",
            f"ALTER ROLE {self.role} SET search_path = {schema}, public",
        )
        self.begun = (postgres.folder / "log").stat().st_size
        self.before = self.catalogue()

    @property
    def url(self):
        return f"{self.postgres.url.replace('postgres@', self.role + '@')}?schema={self.schema}"

    def catalogue(self):
        """The canary, and all that somebody could have made outside of Ramekin's schema."""
        named = {
            "canary": "SELECT id || secret AS name FROM public.canary ORDER BY id",
            "relations": "SELECT oid::regclass::text AS name FROM pg_class WHERE relnamespace NOT IN"
            f" (SELECT oid FROM pg_namespace WHERE nspname = '{self.schema}' OR nspname ~ '^pg_(toast|temp)') ORDER BY 1",
            "functions": "SELECT oid::regprocedure::text AS name FROM pg_proc WHERE pronamespace NOT IN"
            f" (SELECT oid FROM pg_namespace WHERE nspname = '{self.schema}') ORDER BY 1",
            "roles": "SELECT rolname || rolsuper::text AS name FROM pg_roles ORDER BY 1",
            "schemas": "SELECT nspname AS name FROM pg_namespace WHERE nspname !~ '^pg_(toast|temp)' ORDER BY 1",
            "objects": "SELECT oid::text AS name FROM pg_largeobject_metadata ORDER BY 1",
        }
        return {what: [row["name"] for row in sql(self.postgres, query)] for what, query in named.items()}

    def check(self):
        assert self.catalogue() == self.before

    def sent(self):
        """The statements that Ramekin has sent, without their parameters."""
        with open(self.postgres.folder / "log", "rb") as log:
            log.seek(self.begun)
            lines = log.read().decode(errors="replace").splitlines()
        statements, within = [], False
        for line in lines:
            within = within and line.startswith("\t")
            if " LOG: " in line and ("statement: " in line or "execute " in line):
                statements, within = [*statements, ""], True
            if within:
                statements[-1] += line + "\n"
        return statements

    def close(self):
        sql(self.postgres, "DROP TABLE public.canary", "DROP FUNCTION public.boom()")


@pytest.fixture
def canary(postgres, schema):
    canary = Canary(postgres, schema)
    yield canary
    canary.check()
    canary.close()


@pytest.fixture
def client(start_ramekin, canary):
    """A connection to a server whose records are all in the store, and only there."""
    server = start_ramekin(store=canary.url, **BY_HAND)
    with server.client() as client:
        client.pipeline([("TABLE.PUT", "t", key, json.dumps(data)) for key, data in RECORDS.items()])
        assert client("FLUSH") == b"OK"
        evict(client)
        yield client
        # The server is alive and the connection open, nothing has slept, and what there was is there.
        assert client("PING") == b"PONG"
        evict(client)
        assert json.loads(bytes(client("TABLE.GET", "t", "k7"))) == RECORDS["k7"]
        assert client("QUERY", "t", "COUNT", "WHERE key LIKE 'k%' AND data->'n' >= 0") == len(RECORDS)


def evict(client):
    while client("EVICT"):
        pass


def refused(client, *command):
    """The error that a command is answered with, which comes at once and says something."""
    begun = time.monotonic()
    reply = client(*command)
    assert time.monotonic() - begun < NAP_SECONDS / 2, command
    assert isinstance(reply, Fault) and reply.startswith(b"ERR ") and len(reply) > 12, (command, reply)
    return reply


def quoted(text):
    return "'" + text.replace("'", "''") + "'"


@pytest.mark.parametrize("name", ["QUERY", "EXPLAIN"])
def test_what_is_no_clause_is_refused_and_never_sent(client, canary, name):
    for text in CONDITIONS:
        refused(client, name, "t", b"WHERE " + text if isinstance(text, bytes) else "WHERE " + text)
        refused(client, name, "t", text)
    for word, text in WORDS:
        refused(client, name, "t", word, text)
    sent = canary.sent()
    assert sent and not [statement for statement in sent if any(word in statement for word in THEIRS)]


def test_texts_in_quotes_are_texts_whatever_they_say(client, canary):
    places = ["key = {}", "data->>'state' = {}", "key LIKE {}", "key ILIKE {}", "key IN ('x', {})", "key BETWEEN {0} AND {0}",
              "data->{} = '1'", "data->>{} IS NOT NULL", "data->'state' = to", "data ? {}", "data ?| ARRAY[{0}, {0}]",
              "data #>> ARRAY[{}] = 'x'", "key IS NOT DISTINCT FROM {}", "key NOT LIKE 'k%' ESCAPE '' AND key <> {}"]
    for text in STACKED:
        text = text.replace("\\", "\\\\")
        for place in places:
            clause = place.format(quoted(text)) if "to" != place[-2:] else place[:-2] + quoted(json.dumps(text))
            assert client("QUERY", "t", "WHERE " + clause) == [], clause
            assert client("QUERY", "t", "COUNT", "WHERE " + clause) == 0, clause
        rows = client("QUERY", "t", f"SELECT data->>{quoted(text)} AS x, key ORDER BY data->>{quoted(text)}, key LIMIT 1")
        assert len(rows) == 1 and rows[0][1] == b"k0", rows
    sent = canary.sent()
    assert sent and not [statement for statement in sent if any(word in statement for word in THEIRS)]


def test_keys_and_values_are_what_they_are_whatever_they_say(client, canary):
    for text in STACKED:
        assert client("TABLE.PUT", "t", text, json.dumps({text: text})) == b"OK"
    assert client("FLUSH") == b"OK"
    evict(client)
    for text in STACKED:
        data = {text: text}
        assert json.loads(bytes(client("TABLE.GET", "t", text))) == data
        evict(client)
        for clause in (f"key = {quoted(text)}", f"data->>{quoted(text)} = {quoted(text)}", f"data @> {quoted(json.dumps(data))}"):
            rows = client("QUERY", "t", "WHERE " + clause)
            assert [(bytes(key).decode(), json.loads(bytes(found))) for key, found in rows] == [(text, data)], clause
        assert client("QUERY", "t", f"SELECT key WHERE data ? {quoted(text)}") == [[text.encode()]]
        assert client("TABLE.DEL", "t", text) == 1
    assert client("FLUSH") == b"OK"
    # In the statements of settling they are parameters as well.
    assert not [statement for statement in canary.sent() if any(word in statement for word in THEIRS)]


def test_a_cursor_is_a_place_whatever_it_says(client):
    for cursor in CURSORS:
        reply = client("QUERY", "t", "LIMIT", "5", "CURSOR", cursor)
        if isinstance(reply, Fault):
            assert reply.startswith(b"ERR "), (cursor, reply)
        else:
            assert {bytes(key).decode() for key, _ in reply[1]} <= set(RECORDS), (cursor, reply)


def test_names_of_tables_are_refused_or_quoted(client, canary, postgres, schema):
    names = [*STACKED, "canary", "public.canary", "pg_class", "pg_catalog.pg_authid", "information_schema.tables", "x" * 5000, "", " "]
    for name in [*names, b"\xff", b"a\x00b", "ramekin_meta", "ramekin_keys"]:
        for command in (
            ("QUERY", name, "COUNT"), ("EXPLAIN", name), ("TABLE.INFO", name), ("INDEX.LIST", name),
            ("INDEX.CREATE", "i", "ON", name, "(a)"), ("INDEX.DROP", "i", "ON", name), ("TABLE.DROP", name),
        ):
            refused(client, *command)
        made = client("TABLE.CREATE", name)
        put = client("TABLE.PUT", name, "k", '{"state": "idle"}')
        assert isinstance(made, Fault) == isinstance(put, Fault), (name, made, put)
        if isinstance(put, Fault):
            continue
        said = client("FLUSH")
        assert said == b"OK", (name, said)
        evict(client)
        assert client("QUERY", name, "WHERE data->>'state' = 'idle'") == [[b"k", b'{"state": "idle"}']], name
    listed = sql(postgres, f"SELECT schema_name, table_name FROM {schema}.ramekin_tables")
    assert {row["schema_name"] for row in listed} == {schema}
    canary.check()


def test_tables_and_columns_of_others_are_named_or_refused(client, canary):
    texts = [*STACKED, "canary", "public.canary", "pg_catalog.pg_authid", "pg_class", '"canary', '"a"."b"."c"', "", "a\x00b"]
    tried = [("STORE", "TABLE", text) for text in texts]
    tried += [("STORE", "TABLE", "public.canary", column, text) for column in ("KEY", "DATA") for text in texts]
    said = []
    for n, words in enumerate(tried):
        made = client("TABLE.CREATE", f"new{n}", *words)
        if isinstance(made, Fault):
            assert made.startswith(b"ERR ") and len(made) > 12, (words, made)
            continue
        # What is there is looked at when something asks for it, or is to settle.
        said.append((words, client("QUERY", f"new{n}")))
        assert client("TABLE.PUT", f"new{n}", "k", "{}") == b"OK"
    begun = time.monotonic()
    assert client("FLUSH").startswith(b"STOREDOWN") and time.monotonic() - begun < NAP_SECONDS / 2
    assert all(answer == [] or answer.startswith((b"STOREDOWN", b"ERR")) for _, answer in said), said
    assert len(said) > 30 and all(answer != [] for words, answer in said if words[2] == "public.canary"), said


def test_names_and_paths_of_indexes_are_refused_or_plain(client):
    for text in [*STACKED, "", " ", "1a", "a b", 'a"b', "x" * 5000, "pg_class; --", b"\xff", b"a\x00"]:
        refused(client, "INDEX.CREATE", text, "ON", "t", "(state)")
        refused(client, "INDEX.DROP", text, "ON", "t")
    for path in PATHS:
        refused(client, "INDEX.CREATE", "i", "ON", "t", path)
    for at, text in enumerate(STACKED):
        reply = client("INDEX.CREATE", f"i{at}", "ON", "t", f"(data->>{quoted(text)})")
        assert reply == b"OK" or reply.startswith(b"ERR "), (text, reply)
        assert client("QUERY", "t", f"WHERE data->>{quoted(text)} = 'x'") == []
    assert client("FLUSH") == b"OK"


def test_what_is_too_much_is_refused_or_answered(client):
    items = ", ".join(f"'x{n}'" for n in range(20_000))
    much = [
        f"key IN ({items})",
        f"data->>'state' IN ({items})",
        f"key NOT IN ({items}) AND key < 'a'",
        "(" * 50_000 + "key = 'x'" + ")" * 50_000,
        "(" * 60 + "key = 'x'" + ")" * 60,
        "NOT " * 50_000 + "key = 'x'",
        " OR ".join(["key = 'x'"] * 20_000),
        " AND ".join([f"data->>'f{n}' = 'x'" for n in range(4000)]),
        f"key LIKE '{'%a' * 60_000}'",
        f"key LIKE '{'_' * 200_000}'",
        f"data->>'state' ILIKE '{'%_%a' * 500}'",
        f"data->'n' > {'9' * 100_000}",
        "data->'n' > 1e999999999",
        f"data->'n' > 0.{'1' * 100_000}",
        f"(data->>'n')::numeric * 1e{'9' * 50} > 1",
        "data" + "->'a'" * 5000 + " IS NOT NULL",
        f"data #>> '{{{','.join('a' * 1 for _ in range(20_000))}}}' = 'x'",
        f"data->>'{'x' * 200_000}' = 'x'",
        f"data @> '{'[' * 50_000}{']' * 50_000}'",
        f"data @> '{json.dumps({str(n): n for n in range(10_000)})}'",
        f"key = '{'x' * 1_000_000}'",
        "(((((data->>'n')::int)::text)::int)::text)::int = 1000000",
    ]
    for clause in much:
        begun = time.monotonic()
        for form in (("QUERY", "t", "WHERE " + clause), ("QUERY", "t", "COUNT", "WHERE " + clause)):
            reply = client(*form)
            if isinstance(reply, Fault):
                assert reply.startswith(b"ERR ") and len(reply) < 1000, (clause[:100], reply[:2000])
            else:
                assert reply in ([], 0), (clause[:100], reply)
        assert time.monotonic() - begun < NAP_SECONDS, clause[:100]
    assert isinstance(client("QUERY", "t", "ORDER BY " + ", ".join(["key"] * 20_000)), (list, Fault))
    assert isinstance(client("QUERY", "t", "SELECT " + ", ".join(["key"] * 20_000) + " LIMIT 1"), (list, Fault))
    assert len(client("QUERY", "t", "LIMIT 99999999999999999999999999")) == len(RECORDS)
    assert client("QUERY", "t", "OFFSET 99999999999999999999999999") == []
