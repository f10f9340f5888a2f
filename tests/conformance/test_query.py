"""Queries over records, and indexes: QUERY, EXPLAIN, INDEX.*."""

import json
import threading

import pytest

from harness.resp import NIL, Fault

pytestmark = pytest.mark.ours

STATES = ["ringing", "idle", "held"]


@pytest.fixture
def calls(client):
    commands = []
    for number in range(300):
        record = {"state": STATES[number % 3], "seconds": number, "tags": ["new"] if number % 10 == 0 else []}
        commands.append(("TABLE.PUT", "calls", f"c-{number:03}", json.dumps(record)))
    client.pipeline(commands)
    return client


def keys(rows):
    return [key.decode() for key, _ in rows]


def explained(reply):
    return dict(zip(reply[::2], reply[1::2]))


def test_records_are_found_by_what_they_hold(calls):
    rows = calls("QUERY", "calls", "WHERE data->>'state' = 'ringing' AND data->'seconds' < 10 ORDER BY key")
    assert keys(rows) == ["c-000", "c-003", "c-006", "c-009"]
    assert json.loads(rows[1][1]) == {"state": "ringing", "seconds": 3, "tags": []}
    assert calls("QUERY", "calls", "COUNT", "WHERE", "data->'tags' ? 'new'") == 30
    rows = calls("QUERY", "calls", "SELECT key, data->>'state', data->'seconds' ORDER BY data->'seconds' DESC LIMIT 2 OFFSET 1")
    assert rows == [[b"c-298", b"idle", b"298"], [b"c-297", b"ringing", b"297"]]
    assert calls("QUERY", "calls", "SELECT data->>'none' LIMIT 1") == [[NIL]]
    assert calls("QUERY", "calls", "key IN ('c-001', 'c-999')") == [[b"c-001", calls("TABLE.GET", "calls", "c-001")]]


def test_an_index_is_used_and_changes_with_the_records(calls):
    clause = "WHERE (data->>'seconds')::int BETWEEN 100 AND 103 ORDER BY key"
    assert explained(calls("EXPLAIN", "calls", clause))[b"memory"] == b"all records"
    assert calls("INDEX.CREATE", "by_seconds", "ON", "calls", "((data->>'seconds')::int)") == b"OK"
    told = explained(calls("EXPLAIN", "calls", clause))
    assert told[b"memory"].startswith(b"index by_seconds") and told[b"found"] == 4 and told[b"judged"] <= 5
    calls("TABLE.DEL", "calls", "c-101")
    calls("TABLE.PUT", "calls", "c-000", '{"seconds": 102}')
    calls("PEXPIRE", "calls:c-103", "1")
    calls("DEBUG", "SLEEP", "0.01")
    assert keys(calls("QUERY", "calls", clause)) == ["c-000", "c-100", "c-102"]
    (listed,) = calls("INDEX.LIST", "calls")
    assert dict(zip(listed[::2], listed[1::2]))[b"state"] == b"ready"
    assert calls("INDEX.DROP", "by_seconds", "ON", "calls") == b"OK"
    assert calls("INDEX.LIST") == []
    assert keys(calls("QUERY", "calls", clause)) == ["c-000", "c-100", "c-102"]


def test_a_transaction_asks_about_what_it_has_done(calls):
    calls("MULTI")
    calls("TABLE.PUT", "calls", "new", '{"state": "lost"}')
    calls("QUERY", "calls", "COUNT", "WHERE data->>'state' = 'lost'")
    calls("TABLE.DEL", "calls", "new")
    calls("QUERY", "calls", "COUNT", "WHERE data->>'state' = 'lost'")
    assert calls("EXEC") == [b"OK", 1, 1, 0]


@pytest.mark.parametrize("limit", [1, 7, 1000])
def test_a_cursor_goes_through_all_records_that_are_meant(calls, limit):
    cursor, found = b"0", []
    while True:
        cursor, rows = calls("QUERY", "calls", "data->>'state' = 'idle'", "LIMIT", limit, "CURSOR", cursor)
        found += keys(rows)
        assert len(rows) <= limit
        if cursor == b"0":
            break
    assert sorted(found) == [f"c-{number:03}" for number in range(1, 300, 3)]
    assert isinstance(calls("QUERY", "calls", "CURSOR", "x"), Fault)
    assert isinstance(calls("QUERY", "calls", "ORDER BY key CURSOR 0"), Fault)


def test_what_is_no_query_is_refused_with_its_place(calls):
    refused = calls("QUERY", "calls", "WHERE data->>'state' == 'x'")
    assert refused == b'ERR syntax error at or near "==" (at character 22)'
    assert calls("QUERY", "calls", "WHERE data->>'a' = 'x' LIMIT many") == (
        b"ERR a number that is not negative belongs here (at character 30)"
    )
    assert calls("QUERY", "nothing") == b"ERR no such table 'nothing'"
    assert calls("INDEX.CREATE", "i", "ON", "calls", "(data->0)").startswith(b"ERR an index is over")
    assert calls("PING") == b"PONG"


def test_a_query_that_takes_too_long_is_given_up_and_others_are_served(server, client):
    client("CONFIG", "SET", "query-timeout", "1")
    client.pipeline([("TABLE.PUT", "big", n, json.dumps({"text": "x" * 50, "n": n})) for n in range(60_000)])
    slow = "QUERY", "big", "COUNT", "WHERE " + " OR ".join(f"data->>'text' LIKE '%y{n}%z'" for n in range(300))
    with server.client() as other:
        answers = []
        thread = threading.Thread(target=lambda: answers.append(client(*slow)))
        thread.start()
        while thread.is_alive():
            assert other("TABLE.GET", "big", "1") is not NIL
        thread.join()
    assert answers[0].startswith(b"ERR the query was given up after 1 ms")
    client("CONFIG", "SET", "query-timeout", "30000")
    assert client("QUERY", "big", "COUNT") == 60_000
