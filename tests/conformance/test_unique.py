"""Unique indexes: no value of a table's records is there twice, however a record comes."""

import json
import threading
import time

import pytest

from harness.resp import NIL, Fault

pytestmark = pytest.mark.ours


@pytest.fixture
def users(client):
    """An empty table with a unique index over `mail`."""
    client("TABLE.CREATE", "users")
    assert client("INDEX.CREATE", "by_mail", "ON", "users", "(mail)", "UNIQUE") == b"OK"
    yield client
    client("TABLE.DROP", "users")


def taken_by(key):
    text = f"DUPLICATE unique index 'by_mail' of table 'users' has this value already, in record '{key}'"
    return text.encode()


def put(client, key, mail, *options):
    return client("TABLE.PUT", "users", key, json.dumps({"mail": mail}), *options)


def listed(client, table="users"):
    return [dict(zip(index[::2], index[1::2])) for index in client("INDEX.LIST", table)]


def test_a_value_that_is_there_is_refused_by_name_and_nothing_changes(users):
    assert put(users, "u17", "a@x") == b"OK"
    assert put(users, "u18", "a@x") == taken_by("u17")
    assert users("TABLE.GET", "users", "u18") is NIL
    assert put(users, "u18", "b@x") == b"OK"
    assert put(users, "u18", "a@x") == taken_by("u17")
    assert json.loads(users("TABLE.GET", "users", "u18")) == {"mail": "b@x"}
    assert put(users, "u17", "a@x") == b"OK", "it has it itself"
    assert put(users, "u17", "c@x") == b"OK"
    assert put(users, "u18", "a@x", "XX") == b"OK"
    (index,) = listed(users)
    assert (index[b"name"], index[b"unique"], index[b"state"]) == (b"by_mail", 1, b"ready")
    users("TABLE.DEL", "users", "u18")
    assert put(users, "u19", "a@x") == b"OK"


def test_records_without_a_value_are_not_compared(users):
    for key, record in enumerate(["{}", "{}", '{"mail": null}', '{"mail": null}', '{"name": 1}']):
        assert users("TABLE.PUT", "users", key, record) == b"OK"


@pytest.mark.parametrize(
    ("as_type", "same", "different"),
    [
        ("", [1, 1.0], ["1", 2, True, [1]]),
        (" AS text", ["1", 1], ["1.0", " 1"]),
        (" AS integer", [7, "007", " 7 "], [8]),
        (" AS numeric", ["1.50", 1.5, "15e-1"], ["1.51"]),
        (" AS boolean", [True, "yes", "t", 1], [False]),
        (" AS timestamptz", ["2026-11-21T08:30Z", "2026-11-21 09:30+01"], ["2026-11-21 08:31"]),
    ],
)
def test_values_are_compared_as_a_query_compares_them(client, as_type, same, different):
    client("TABLE.CREATE", "t")
    assert client("INDEX.CREATE", "i", "ON", "t", f"(v{as_type})", "UNIQUE") == b"OK"
    assert client("TABLE.PUT", "t", "first", json.dumps({"v": same[0]})) == b"OK"
    for value in same[1:]:
        assert client("TABLE.PUT", "t", "other", json.dumps({"v": value})).startswith(b"DUPLICATE"), value
    for at, value in enumerate(different):
        assert client("TABLE.PUT", "t", f"d{at}", json.dumps({"v": value})) == b"OK", value
    client("TABLE.DROP", "t")


def test_records_that_are_renamed_copied_and_moved_are_compared(users, connect):
    put(users, "a", 1)
    assert users("COPY", "users:a", "users:b") == taken_by("a")
    assert users("RENAME", "users:a", "users:b") == b"OK"
    assert put(users, "c", 1) == taken_by("b")
    assert users("COPY", "users:b", "users:b", "DB", 1) == 1
    other = connect()
    other("SELECT", 1)
    assert other("COPY", "users:b", "users:z", "DB", 0) == taken_by("b")
    users("DEL", "users:b")
    assert put(users, "c", 1) == b"OK"
    assert other("MOVE", "users:b", 0) == taken_by("c")
    assert other("EXISTS", "users:b") == 1
    assert users("SWAPDB", 0, 1).startswith(b"ERR SWAPDB is not possible with database 0 while a table has a unique index")
    other("FLUSHDB")


def test_each_command_of_a_transaction_is_judged_by_itself(users):
    users("MULTI")
    put(users, "a", 1)
    put(users, "b", 1)
    put(users, "a", 2)
    put(users, "b", 1)
    users("RENAME", "users:b", "users:c")
    users("COPY", "users:c", "users:d")
    assert users("EXEC") == [b"OK", taken_by("a"), b"OK", b"OK", b"OK", taken_by("c")]


def test_an_expired_record_refuses_nobody(users):
    assert users("DEBUG", "SET-ACTIVE-EXPIRE", 0) == b"OK"
    try:
        for at in range(20):
            assert put(users, f"short{at}", at, "PX", 1) == b"OK"
        time.sleep(0.02)
        for at in range(10):
            assert put(users, f"next{at}", at) == b"OK"
        users("MULTI")
        for at in range(10, 20):
            put(users, f"next{at}", at)
        assert users("EXEC") == [b"OK"] * 10
        assert users("DBSIZE") == 20
    finally:
        users("DEBUG", "SET-ACTIVE-EXPIRE", 1)


def test_an_index_over_values_that_are_there_twice_is_not_made_and_names_two(client):
    client.pipeline([("TABLE.PUT", "calls", n, json.dumps({"line": n})) for n in range(5000)])
    client("TABLE.PUT", "calls", "twin", '{"line": 4711.0}')
    refused = client("INDEX.CREATE", "by_line", "ON", "calls", "(line) UNIQUE")
    assert refused == b"DUPLICATE no unique index 'by_line' of table 'calls': records '4711' and 'twin' have the same value"
    assert listed(client, "calls") == []
    client("TABLE.DEL", "calls", "twin")
    assert client("INDEX.CREATE", "by_line", "ON", "calls", "(line)", "unique") == b"OK"
    assert client("TABLE.PUT", "calls", "twin", '{"line": 4711}').startswith(b"DUPLICATE")
    assert client("QUERY", "calls", "data->'line' = 4711") == [[b"4711", b'{"line": 4711}']]
    assert isinstance(client("INDEX.CREATE", "i", "ON", "calls", "(line) DISTINCT"), Fault)
    client("TABLE.DROP", "calls")


def test_of_many_clients_who_put_one_value_exactly_one_wins(users, connect):
    rounds, clients = 200, 6
    answers = [[] for _ in range(clients)]
    barrier = threading.Barrier(clients)

    def work(mine, connection):
        for at in range(rounds):
            barrier.wait()
            answers[mine].append(put(connection, f"{at}-{mine}", at))

    threads = [threading.Thread(target=work, args=(mine, connect())) for mine in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for at in range(rounds):
        said = [answer[at] for answer in answers]
        winner = said.index(b"OK")
        assert sorted(set(said)) == sorted({b"OK", taken_by(f"{at}-{winner}")}), said
        assert said.count(b"OK") == 1
    assert users("QUERY", "users", "COUNT") == rounds


def test_after_a_restart_values_are_as_unique_as_before(start_ramekin):
    server = start_ramekin(appendonly="yes")
    with server.client() as client:
        client("TABLE.CREATE", "users")
        client("INDEX.CREATE", "by_mail", "ON", "users", "(mail)", "UNIQUE")
        client.pipeline([("TABLE.PUT", "users", n, json.dumps({"mail": f"{n}@x"})) for n in range(1000)])
    server.kill()
    server.restart()
    with server.client() as client:
        assert put(client, "new", "999@x") == taken_by("999")
        assert put(client, "new", "1000@x") == b"OK"
        assert listed(client)[0][b"state"] == b"ready"
