"""Tables of records: TABLE.*, which Ramekin alone has."""

import json
import threading

import pytest

from harness.resp import NIL, NIL_ARRAY

pytestmark = pytest.mark.ours

WRONG_TYPE = b"WRONGTYPE Operation against a key holding the wrong kind of value"


@pytest.fixture
def client(client):
    """Tables outlive FLUSHALL: the ones of the test before are dropped."""
    for name in client("TABLE.LIST"):
        assert client("TABLE.DROP", name) == b"OK"
    return client


def test_a_record_is_put_read_and_deleted(client):
    record = {"total": 1.5, "id": 8, "tags": ["a", {"é": None}], "paid": True, "note": 'say "hi"\n'}
    assert client("TABLE.PUT", "orders", "o-1", json.dumps(record)) == b"OK"
    assert json.loads(client("TABLE.GET", "orders", "o-1")) == record
    assert client("TABLE.GET", "orders", "o-1").startswith(b'{"id": 8, "note": ')
    assert client("TABLE.GET", "orders", "o-2") == NIL
    assert client("TABLE.PUT", "orders", "o-1", '{"id":9}') == b"OK"
    assert client("TABLE.GET", "orders", "o-1") == b'{"id": 9}'
    assert client("TABLE.DEL", "orders", "o-1", "o-2") == 1
    assert client("TABLE.GET", "orders", "o-1") == NIL


def test_a_record_is_a_key_of_database_0(client):
    client("SELECT", 5)
    assert client("TABLE.PUT", "orders", "o-1", '{"a":1}', "EX", 100) == b"OK"
    assert client("DBSIZE") == 0
    client("SELECT", 0)
    assert client("KEYS", "*") == [b"orders:o-1"]
    assert client("TYPE", "orders:o-1") == b"ReJSON-RL"
    assert client("SCAN", 0, "TYPE", "ReJSON-RL", "COUNT", 100)[1] == [b"orders:o-1"]
    assert 0 < client("TTL", "orders:o-1") <= 100
    assert client("PERSIST", "orders:o-1") == 1
    assert client("MEMORY", "USAGE", "orders:o-1") > 0
    assert client("GET", "orders:o-1") == WRONG_TYPE
    assert client("COPY", "orders:o-1", "orders:o-2") == 1
    assert client("TABLE.GET", "orders", "o-2") == b'{"a": 1}'
    assert client("DEL", "orders:o-1", "orders:o-2") == 2
    client("SET", "orders:o-3", "text")
    assert client("TABLE.GET", "orders", "o-3") == WRONG_TYPE


def test_a_schema_is_kept_to(client):
    assert client("TABLE.CREATE", "calls", "SCHEMA", '{"caller": "string", "seconds": "integer"}', "TTL", 60) == b"OK"
    assert client("TABLE.PUT", "calls", "c", '{"caller": "+44", "seconds": 12, "state": "ringing"}') == b"OK"
    assert client("TABLE.PUT", "calls", "c", '{"seconds": "12"}') == (
        b"ERR field 'seconds' is declared as integer, and holds string"
    )
    assert b'"seconds": 12' in client("TABLE.GET", "calls", "c")
    assert 0 < client("TTL", "calls:c") <= 60
    info = dict(zip(*[iter(client("TABLE.INFO", "calls"))] * 2))
    assert info[b"records"] == 1 and info[b"ttl"] == 60 and info[b"bytes"] > 0
    assert info[b"schema"] == [b"caller", b"string", b"seconds", b"integer"]


def test_what_is_no_record_is_refused(client):
    assert client("TABLE.PUT", "t", "k", '{"a":}') == b"ERR invalid JSON at byte 5: no value begins like this"
    assert client("TABLE.PUT", "t", "k", "[]") == b"ERR a record has to be a JSON object, not array"
    assert client("TABLE.PUT", "t", "k", '{"a":' * 600).startswith(b"ERR invalid JSON at byte 2560: the value is nested too")
    assert client("TABLE.PUT", "t:u", "k", "{}").startswith(b"ERR a table's name begins with a letter")
    assert client("TABLE.DROP", "t") == b"ERR no such table 't'"
    assert client("TABLE.LIST") == []


def test_conditions_and_transactions(client):
    assert client("TABLE.PUT", "t", "k", "{}", "XX") == NIL
    client("MULTI")
    client("TABLE.PUT", "t", "k", '{"n": 1}', "NX")
    client("TABLE.PUT", "t", "k", '{"n": 2}', "NX")
    client("TABLE.GET", "t", "k")
    client("TABLE.LIST")
    client("TABLE.INFO", "t")
    answers = client("EXEC")
    assert answers[:4] == [b"OK", NIL, b'{"n": 1}', [b"t"]] and b"records" in answers[4]
    client("MULTI")
    assert client("TABLE.DROP", "t").startswith(b"ERR Command 'table.drop' not allowed inside a transaction")
    client("DISCARD")


def test_watch_sees_a_record_change(client, connect):
    client("TABLE.PUT", "t", "k", "{}")
    client("WATCH", "t:k")
    connect()("TABLE.PUT", "t", "k", '{"n": 1}')
    client("MULTI")
    client("PING")
    assert client("EXEC") == NIL_ARRAY


def test_keys_are_told_though_they_are_made_of_two_words(client):
    assert client("COMMAND", "GETKEYS", "TABLE.PUT", "t", "k", "{}") == [b"t:k"]
    assert client("COMMAND", "GETKEYS", "TABLE.DEL", "t", "a", "b") == [b"t:a", b"t:b"]
    assert client("COMMAND", "GETKEYS", "TABLE.CREATE", "t") == b"ERR The command has no key arguments"


def test_a_dropped_table_takes_its_records_along_while_others_write(client, connect):
    puts = [("TABLE.PUT", "t", number, '{"n": %d}' % number) for number in range(2000)]
    assert set(client.pipeline(puts)) == {b"OK"}
    client("TABLE.PUT", "kept", "k", "{}")
    other, refused = connect(), []

    def write():
        for number in range(500):
            answer = other("TABLE.PUT", "t", "late-%d" % number, "{}")
            if answer != b"OK":
                refused.append(answer)

    thread = threading.Thread(target=write)
    thread.start()
    assert client("TABLE.DROP", "t") == b"OK"
    assert all(client("EXISTS", "t:%d" % number) == 0 for number in range(0, 2000, 100))
    thread.join()
    assert all(b"dropped" in answer for answer in refused)
    assert client("TABLE.GET", "kept", "k") == b"{}"


def test_a_pipeline_of_puts_and_gets_answers_in_order(client):
    pairs = [(("TABLE.PUT", "p", n, '{"n": %d}' % n), ("TABLE.GET", "p", n)) for n in range(300)]
    answers = client.pipeline([command for pair in pairs for command in pair])
    assert answers[::2] == [b"OK"] * 300
    assert answers[1::2] == [b'{"n": %d}' % number for number in range(300)]


def test_records_survive_a_restart(server, client):
    client("TABLE.CREATE", "t", "SCHEMA", "n", "integer")
    client("TABLE.PUT", "t", "k", '{"n": 1}')
    digest = client("DEBUG", "DIGEST")
    server.restart()
    with server.client() as again:
        assert again("TABLE.GET", "t", "k") == b'{"n": 1}'
        assert again("DEBUG", "DIGEST") == digest
        assert again("TABLE.PUT", "t", "k", '{"n": 1.5}').startswith(b"ERR field 'n'")
