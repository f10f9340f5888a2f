"""A query finds the same rows wherever the records are: in memory, in a store, in both by halves.

Records and queries are made up (`clauses.py`). A server without a store says what is right; where a query is one of PostgreSQL
as it stands, plain SQL on the settled table says it too. TEST_SEQUENCES makes it longer, TEST_SEED other; a failure tells what
to run.
"""

import asyncio
import contextlib
import os
import random
import time

import asyncpg
import pytest

from harness.resp import NIL, Fault
from store.behind import sql
from store.clauses import READ_BY_POSTGRESQL_ALONE, TEXTS, Maker

SEED = os.environ.get("TEST_SEED", "1")
QUERIES = int(os.environ.get("TEST_SEQUENCES", 200)) // 2
RECORDS = 160
KEYS = [f"k{n:03}" for n in range(RECORDS)] + ["k00'7", "K1", "é", "😀", " ", "%", "a_b", "k\\", "x" * 400]
# Nothing settles, leaves or comes unless the test says so.
BY_HAND = {"flush-interval": "3600", "evict-interval": "0", "flush-bytes": "1gb", "store-poll-interval": "3600"}
# Far off, and told apart by a clause.
EXPIRIES = [1_795_249_815_250 + 86_400_000 * 365 * n for n in range(3)]

pytestmark = pytest.mark.ours


@pytest.fixture(params=["postgresql", "sqlite"])
def store(request):
    """The address of a store."""
    return request.getfixturevalue("url") if request.param == "postgresql" else "sqlite:"


class Pair:
    """A server without a store, and one with; what is done to one is done to both."""

    def __init__(self, start_ramekin, store, seed, texts=TEXTS):
        self.seed = seed
        self.r = random.Random(seed)
        self.maker = Maker(self.r, texts)
        self.memory = start_ramekin(**BY_HAND).client()
        self.server = start_ramekin(store=store, **BY_HAND)
        self.stored = self.server.client()
        self.asked = 0

    def both(self, *command):
        one, other = self.memory(*command), self.stored(*command)
        assert one == other, (self.seed, command, one, other)
        return one

    def put(self, key):
        """A record, which a third of the time expires some day."""
        record = self.maker.record()
        expiry = ("PXAT", self.r.choice(EXPIRIES)) if self.maker.one_in(3) else ()
        assert self.both("TABLE.PUT", "t", key, record, *expiry) == b"OK", (self.seed, record)

    def flush(self):
        said = self.stored("FLUSH")
        assert said == b"OK", (self.seed, said)

    def evict(self):
        while self.stored("EVICT"):
            pass

    def check(self, *words):
        """Asks both, and gives what memory says."""
        self.asked += 1
        one, other = self.memory("QUERY", "t", *words), self.stored("QUERY", "t", *words)
        assert self.same(words, one, other), told(self, words, one, other)
        return one

    @staticmethod
    def same(words, one, other):
        if isinstance(one, list) and isinstance(other, list) and "ORDER BY" not in " ".join(words):
            return exact(sorted(one, key=repr)) == exact(sorted(other, key=repr))
        return exact(one) == exact(other) and isinstance(one, Fault) == isinstance(other, Fault)


def exact(reply):
    """Rows that equal only the same rows: a null is no text."""
    return [[None if cell is NIL else cell for cell in row] for row in reply] if isinstance(reply, list) else reply


def told(pair, words, one, other):
    """What a failure shows."""
    head = f"seed {pair.seed}, query {pair.asked}: {' '.join(words)}"
    if isinstance(one, list) and isinstance(other, list):
        here, there = [repr(row) for row in one], [repr(row) for row in other]
        only = [row for row in here if row not in there][:4], [row for row in there if row not in here][:4]
        return f"{head}\n{len(one)} and {len(other)} rows; only in memory: {only[0]}\nonly with a store: {only[1]}\n{here[:6]}\n{there[:6]}"
    return f"{head}\nmemory: {one!r:.800}\nwith a store: {other!r:.800}"


def ask(pair, may_repeat=False):
    """One made up clause in each form that a query has. Gives the clause and the number of rows, none if it is refused."""
    clause = f"WHERE {pair.maker.condition()}"
    rows = pair.check(clause)
    if isinstance(rows, Fault):
        return None
    assert pair.check("COUNT", clause) == len(rows), (pair.seed, clause)
    pick = pair.r.randrange(4)
    if pick == 0:
        pair.check(clause, "ORDER BY", pair.maker.order())
    elif pick == 1:
        limit, offset = pair.r.choice([0, 1, 3, 10, 50]), pair.r.choice([0, 0, 1, 5, 40])
        pair.check(clause, "ORDER BY", pair.maker.order(), "LIMIT", str(limit), "OFFSET", str(offset))
        some = pair.stored("QUERY", "t", clause, f"LIMIT {limit} OFFSET {offset}")
        assert len(some) == max(min(limit, len(rows) - offset), 0), (pair.seed, clause, limit, offset, len(rows), len(some))
        assert all(row in rows for row in some), (pair.seed, clause, limit, offset)
    elif pick == 2:
        pair.check("SELECT", ", ".join(pair.maker.selected()[0]), clause)
        pair.check("SELECT", ", ".join(pair.maker.selected()[0]), clause, "ORDER BY", pair.maker.order())
    else:
        limit = pair.r.choice([1, 7, 100, 1000])
        found = pages(pair.stored, clause, limit)
        # Twice is told only what has not settled, and nothing is left out.
        assert sorted(set(found)) == sorted(map(tuple, rows)), told(pair, [clause, "LIMIT", str(limit), "CURSOR"], rows, found)
        assert len(found) == len(rows) or may_repeat and max(map(found.count, found)) == 2, (pair.seed, clause, limit)
    return clause, len(rows)


def pages(client, clause, limit):
    """All rows, page by page."""
    cursor, found = b"0", []
    while True:
        reply = client("QUERY", "t", clause, "LIMIT", limit, "CURSOR", cursor)
        assert not isinstance(reply, Fault), (clause, limit, cursor, reply)
        cursor, rows = reply
        found += map(tuple, rows)
        if cursor == b"0":
            return found


def is_selective(counts):
    """Most clauses mean some records and not all: else they tell nothing."""
    return sum(0 < count < RECORDS * 9 // 10 for count in counts) > len(counts) // 3


def test_what_was_evicted_is_found_as_if_it_were_in_memory(start_ramekin, store):
    pair = Pair(start_ramekin, store, f"evicted {SEED}")
    for key in KEYS:
        pair.put(key)
    pair.flush()
    pair.evict()
    counts = []
    for turn in range(QUERIES):
        counts += [asked[1]] if (asked := ask(pair)) else []
        if turn % 10 == 9:
            pair.evict()
    assert len(counts) > QUERIES * 3 // 4 and is_selective(counts), (pair.seed, counts)
    told = dict(zip(*[iter(pair.stored("EXPLAIN", "t", "WHERE data->>'state' = 'ringing'"))] * 2, strict=True))
    assert told[b"store"].startswith(b"asked"), told


def change(pair):
    """Something happens to records, or to where they are."""
    key, pick = pair.r.choice(KEYS), pair.r.randrange(20)
    if pick < 8:
        pair.put(key)
    elif pick < 11:
        pair.both("TABLE.DEL", "t", key)
    elif pick < 12:
        pair.both("PEXPIREAT", f"t:{key}", pair.r.choice(EXPIRIES))
    elif pick < 13:
        pair.both("PERSIST", f"t:{key}")
    elif pick < 14:
        # It is gone before it is asked for, whether it has settled or not.
        pair.both("PEXPIRE", f"t:{key}", 25)
        if pair.maker.one_in(2):
            pair.flush()
            pair.stored("EVICT")
        time.sleep(0.03)
    elif pick < 15:
        pair.flush()
    elif pick < 16:
        pair.evict()
    else:
        for key in pair.r.sample(KEYS, 30):
            pair.both("TABLE.GET", "t", key)


@pytest.mark.parametrize("indexed", [False, True], ids=["", "indexed"])
def test_half_of_it_in_memory_and_some_of_it_not_settled_makes_no_difference(start_ramekin, store, indexed):
    pair = Pair(start_ramekin, store, f"halves {indexed} {SEED}")
    for key in KEYS:
        pair.put(key)
    if indexed:
        for name, path in (("a", "data->>'state'"), ("b", "(data->>'seconds')::int"), ("c", "score"), ("d", "data->>'who'")):
            assert pair.both("INDEX.CREATE", name, "ON", "t", f"({path})") == b"OK"
    pair.flush()
    pair.evict()
    for _ in range(60):
        pair.both("TABLE.GET", "t", pair.r.choice(KEYS))
    counts = []
    for _ in range(QUERIES):
        for _ in range(pair.r.randrange(4)):
            change(pair)
        counts += [asked[1]] if (asked := ask(pair, may_repeat=True)) else []
    assert len(counts) > QUERIES * 3 // 4 and is_selective(counts), (pair.seed, counts)


def test_a_cursor_goes_on_wherever_records_are_by_then(start_ramekin, store):
    pair = Pair(start_ramekin, store, f"cursor {SEED}")
    count = 2500
    pair.stored.pipeline([("TABLE.PUT", "t", f"k{n}", f'{{"n": {n}, "odd": {n % 2}}}') for n in range(count)])
    pair.flush()
    pair.evict()
    for n in range(0, count, 50):
        assert pair.stored("TABLE.PUT", "t", f"k{n}", f'{{"n": {n}, "odd": 1, "new": true}}') == b"OK"
    cursor, found, turn = b"0", {}, 0
    while turn == 0 or cursor != b"0":
        reply = pair.stored("QUERY", "t", "WHERE data->'odd' = 1", "LIMIT", pair.r.choice([1, 40, 100]), "CURSOR", cursor)
        assert not isinstance(reply, Fault), (pair.seed, turn, cursor, reply)
        cursor, rows = reply
        found.update(dict(rows))
        # What is told later comes, leaves, settles, is all there for a while; none of it is passed over.
        what = turn % 8
        if what == 2:
            pair.flush()
        elif what == 4:
            assert len(pair.stored("QUERY", "t", "WHERE data->'n' >= 0")) == count
        elif what == 5:
            assert all(pair.stored.pipeline([("TABLE.GET", "t", f"k{n}") for n in range(count)]))
        elif what == 7:
            pair.evict()
        turn += 1
    meant = {f"k{n}".encode() for n in range(count) if n % 2 or n % 50 == 0}
    assert turn > 10 and set(found) == meant, (pair.seed, turn, sorted(meant ^ set(found))[:10])


def test_records_that_the_store_refuses_are_found_with_the_others(start_ramekin, url):
    pair = Pair(start_ramekin, url, f"refused {SEED}")
    for n in range(20):
        pair.both("TABLE.PUT", "t", f"k{n}", f'{{"n": {n}, "text": "{"a" if n % 3 else chr(92) + "u0000"}"}}')
    assert pair.stored("FLUSH").startswith(b"QUARANTINED")
    pair.evict()
    assert len(pair.check("WHERE data->'n' < 10 ORDER BY data->'n', key")) == 10
    assert len(pair.check("WHERE data->>'text' <> 'a' ORDER BY key")) == 7
    assert pair.check("COUNT") == 20


@contextlib.contextmanager
def connected(url):
    """A function that asks PostgreSQL; it gives None where it refuses."""
    with asyncio.Runner() as runner:
        connection = runner.run(asyncpg.connect(url))

        def query(text):
            try:
                return runner.run(connection.fetch(text))
            except (asyncpg.SyntaxOrAccessError, asyncpg.DataError):
                return None

        try:
            yield query
        finally:
            runner.run(connection.close())


def folds_letters_of_its_own(clause):
    """ILIKE knows ASCII letters only; PostgreSQL knows those of the database."""
    return "ILIKE" in clause and (not clause.isascii() or "K" in clause.upper() or "S" in clause.upper())


def test_where_a_query_is_postgresql_s_own_it_finds_the_same_rows(start_ramekin, postgres, schema, url):
    texts = [text for text in TEXTS if text not in READ_BY_POSTGRESQL_ALONE]
    pair = Pair(start_ramekin, url, f"plain {SEED}", texts)
    for key in KEYS:
        pair.put(key)
    pair.flush()
    # Others put in what is no object.
    others = ["[1, 2]", '"ringing"', "12.50", "null", "[]", '[{"state": "idle"}, "state"]', "1e400"]
    sql(postgres, *[f"INSERT INTO {schema}.t (key, data) VALUES ('o{at}', '{data}')" for at, data in enumerate(others)])
    pair.evict()
    compared = 0
    with connected(postgres.url) as query:
        for turn in range(QUERIES * 2):
            clause, (selected, is_plain) = pair.maker.condition(), pair.maker.selected()
            there = query(f"SELECT key, data::text AS data FROM {schema}.t WHERE {clause} ORDER BY key")
            if there is None or folds_letters_of_its_own(clause):
                continue
            compared += 1
            rows = pair.stored("QUERY", "t", f"WHERE {clause} ORDER BY key")
            there = [[row["key"].encode(), row["data"].encode()] for row in there]
            assert rows == there, told(pair, [clause], rows, there)
            ordered = pair.maker.order()
            there = query(f"SELECT key FROM {schema}.t WHERE {clause} ORDER BY {ordered}")
            if there is not None:
                rows = pair.stored("QUERY", "t", f"SELECT key WHERE {clause} ORDER BY {ordered}")
                there = [[row["key"].encode()] for row in there]
                assert rows == there, told(pair, [clause, "ORDER BY", ordered], rows, there)
            texts = ", ".join(f"({item})::text AS c{at}" for at, item in enumerate(selected))
            if is_plain and (there := query(f"SELECT {texts} FROM {schema}.t WHERE {clause} ORDER BY key")) is not None:
                rows = pair.stored("QUERY", "t", f"SELECT {', '.join(selected)} WHERE {clause} ORDER BY key")
                there = [[None if cell is None else cell.encode() for cell in row] for row in there]
                assert exact(rows) == there, told(pair, [", ".join(selected), clause], rows, there)
            if turn % 10 == 9:
                pair.evict()
    assert compared > QUERIES // 2, (pair.seed, compared)
