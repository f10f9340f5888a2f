"""NAMESPACE: databases with names, which Ramekin alone has."""

import threading
import time

import pytest

from harness.resp import NIL

pytestmark = pytest.mark.ours

DROPPED = b"ERR the namespace has been dropped"


def pairs(flat):
    """The map of a reply in RESP2."""
    return dict(zip(flat[::2], flat[1::2], strict=True))


def names(client):
    return [pairs(entry)[b"name"].decode() for entry in client("NAMESPACE", "LIST")]


@pytest.fixture
def client(client):
    """Namespaces outlive FLUSHALL: the ones of the test before are dropped."""
    for name in names(client):
        assert client("NAMESPACE", "DROP", name, "FORCE") == b"OK"
    return client


@pytest.fixture
def tenant(client, connect):
    """A connection in a namespace of its own."""
    assert client("NAMESPACE", "CREATE", "tenant") == b"OK"
    inside = connect()
    assert inside("NAMESPACE", "USE", "tenant") == b"OK"
    return inside


def test_keys_and_databases_of_a_namespace_are_its_own(client, tenant):
    assert client("SET", "key", "main") == b"OK"
    assert tenant("GET", "key") == NIL
    assert tenant("SET", "key", "tenant") == b"OK"
    assert tenant("SELECT", 3) == b"OK"
    assert tenant("DBSIZE") == 0
    assert tenant("SET", "third", "x") == b"OK"
    assert tenant("COPY", "third", "copied", "DB", 0) == 1
    assert tenant("FLUSHDB") == b"OK"
    assert tenant("SELECT", 0) == b"OK"
    assert sorted(tenant("KEYS", "*")) == [b"copied", b"key"]
    assert client("KEYS", "*") == [b"key"]
    assert tenant("FLUSHALL") == b"OK"
    assert client("GET", "key") == b"main"


def test_a_connection_goes_from_one_to_another_and_back(client, tenant):
    assert client("NAMESPACE", "CREATE", "other") == b"OK"
    for name in ["tenant", "other", "default", "other", "tenant"]:
        assert client("NAMESPACE", "USE", name) == b"OK"
        assert pairs(client("NAMESPACE", "INFO"))[b"name"] == name.encode()
        assert client("SET", "where", name) == b"OK"
    assert client("NAMESPACE", "USE", "default") == b"OK"
    assert client("GET", "where") == b"default"
    assert tenant("GET", "where") == b"tenant"


def test_in_a_pipeline_each_command_runs_where_its_connection_is_by_then(client):
    commands = []
    for number in range(20):
        name = f"n{number % 4}"
        if number < 4:
            commands.append(("NAMESPACE", "CREATE", name))
        commands += [
            ("NAMESPACE", "USE", name),
            ("INCR", "count"),
            ("NAMESPACE", "USE", "default"),
            ("INCR", "count"),
        ]
    replies = [reply for reply in client.pipeline(commands) if isinstance(reply, int)]
    expected = [count for turn in range(20) for count in (turn // 4 + 1, turn + 1)]
    assert replies == expected
    for number in range(4):
        client("NAMESPACE", "USE", f"n{number}")
        assert client("GET", "count") == b"5"
        keys = [f"key:{key}" for key in range(50)]
        client.pipeline([("NAMESPACE", "USE", f"n{number}"), *[("SET", key, number) for key in keys]])
        assert [client("GET", key) for key in keys] == [b"%d" % number] * 50
    client("NAMESPACE", "USE", "default")
    assert client("GET", "count") == b"20" and client("DBSIZE") == 1


def test_list_and_info_tell_what_there_is(client, tenant):
    tenant("MSET", "a", 1, "b", 2)
    assert client("NAMESPACE", "CREATE", "limited", "MAXKEYS", 10, "MAXMEMORY", "10mb", "POLICY", "allkeys-lru") == b"OK"
    listed = {pairs(entry)[b"name"]: pairs(entry) for entry in client("NAMESPACE", "LIST")}
    assert sorted(listed) == [b"limited", b"tenant"]
    assert listed[b"tenant"][b"keys"] == 2 and listed[b"tenant"][b"state"] == b"open"
    assert listed[b"tenant"][b"store"] == NIL
    told = pairs(client("NAMESPACE", "INFO", "limited"))
    assert (told[b"maxkeys"], told[b"maxmemory"], told[b"policy"]) == (10, 10 << 20, b"allkeys-lru")
    assert abs(told[b"created"] - time.time()) < 60
    assert pairs(client("NAMESPACE", "INFO"))[b"name"] == b"default"
    assert pairs(tenant("NAMESPACE", "INFO"))[b"name"] == b"tenant"
    info = dict(line.split(":", 1) for line in client("INFO", "namespaces").decode().split("\r\n") if ":" in line)
    assert info["namespaces"] == "2" and info["namespaces_clients"] == "1"
    assert "db0:keys=2" in tenant("INFO", "keyspace").decode()
    assert client("NAMESPACE", "HELP")[0].startswith(b"NAMESPACE <subcommand>")


def test_names_and_words_that_are_none_are_refused(client):
    for name in ["", "a b", "a/b", "default", "n" * 129]:
        reply = client("NAMESPACE", "CREATE", name)
        assert reply.startswith(b"ERR "), name
    assert client("NAMESPACE", "CREATE", "Name_1-x.y:z") == b"OK"
    assert client("NAMESPACE", "CREATE", "Name_1-x.y:z") == b"ERR there is a namespace 'Name_1-x.y:z' already"
    assert client("NAMESPACE", "USE", "name_1-x.y:z") == b"ERR there is no namespace 'name_1-x.y:z'"
    assert client("NAMESPACE", "INFO", "none") == b"ERR there is no namespace 'none'"
    assert client("NAMESPACE", "DROP", "none") == b"ERR there is no namespace 'none'"
    assert client("NAMESPACE", "DROP", "default").startswith(b"ERR the database without a name cannot")
    for words in [["MAXKEYS"], ["MAXKEYS", "many"], ["MAXMEMORY", "x"], ["POLICY", "x"], ["COLOUR", "red"], ["ATTACH", "store"]]:
        assert client("NAMESPACE", "CREATE", "other", *words).startswith(b"ERR "), words
    assert client("NAMESPACE", "CREATE", "other", "STORE", "ftp://nowhere").startswith(b"ERR ")
    assert names(client) == ["Name_1-x.y:z"]


def test_dropped_under_a_connection_it_is_gone_and_its_name_is_free(client, tenant, connect):
    tenant("SET", "key", "value")
    waiting = connect()
    waiting("NAMESPACE", "USE", "tenant")
    waiting.send("BLPOP", "list", 0)
    time.sleep(0.1)
    assert client("NAMESPACE", "DROP", "tenant") == b"OK"
    assert waiting.read() == DROPPED
    for command in [("GET", "key"), ("SET", "key", 1), ("INFO",), ("MULTI",), ("FLUSHALL",)]:
        assert tenant(*command) == DROPPED, command
    assert tenant("PING") == b"PONG"
    assert client("NAMESPACE", "CREATE", "tenant") == b"OK"
    assert tenant("GET", "key") == DROPPED, "it is another one of the same name"
    assert tenant("NAMESPACE", "USE", "tenant") == b"OK"
    assert tenant("GET", "key") == NIL


def test_transactions_stay_where_they_began(client, tenant):
    tenant("SET", "key", 1)
    tenant("WATCH", "key")
    assert tenant("MULTI") == b"OK"
    assert tenant("NAMESPACE", "USE", "default") == b"ERR Command 'namespace|use' not allowed inside a transaction"
    assert tenant("EXEC").startswith(b"EXECABORT")
    assert tenant("MULTI") == b"OK"
    assert tenant("INCR", "key") == b"QUEUED"
    assert tenant("EXEC") == [2]
    # Who goes elsewhere watches nothing any more.
    tenant("WATCH", "key")
    client("NAMESPACE", "USE", "tenant")
    client("SET", "key", 5)
    tenant("NAMESPACE", "USE", "default")
    tenant("MULTI")
    tenant("PING")
    assert tenant("EXEC") == [b"PONG"]
    # The same name elsewhere is another key.
    client("NAMESPACE", "USE", "default")
    client("WATCH", "key")
    tenant("NAMESPACE", "USE", "tenant")
    tenant("SET", "key", 6)
    client("MULTI")
    client("GET", "key")
    assert client("EXEC") == [NIL]


def test_a_push_wakes_those_who_wait_in_the_same_namespace(client, tenant, connect):
    waiting = connect()
    waiting("NAMESPACE", "USE", "tenant")
    waiting.send("BLPOP", "list", 10)
    time.sleep(0.1)
    assert client("RPUSH", "list", "main") == 1
    assert not waiting.readable(0.2)
    assert tenant("RPUSH", "list", "tenant") == 1
    assert waiting.read() == [b"list", b"tenant"]
    assert client("LRANGE", "list", 0, -1) == [b"main"]


def test_replies_wait_for_the_log_of_their_namespace(client, tenant):
    assert tenant("CLIENT", "DURABILITY", "disk") == b"OK"
    replies = tenant.pipeline([("INCR", "count")] * 500)
    assert replies == list(range(1, 501))
    commands = [("INCR", "count"), ("NAMESPACE", "USE", "default"), ("INCR", "count"), ("NAMESPACE", "USE", "tenant")]
    replies = tenant.pipeline(commands * 20)
    assert replies[0::4] == list(range(501, 521)) and replies[2::4] == list(range(1, 21))
    tenant("CLIENT", "DURABILITY", "server")
    tenant("SET", "key", "value")
    assert tenant("WAITAOF", 1, 0, 5000) == [1, 0]
    assert tenant("CLIENT", "DURABILITY", "store").startswith(b"ERR there is no store")
    assert tenant("WAITSTORE", 1).startswith(b"ERR there is no store")


def test_reset_and_new_connections_are_without_a_namespace(client, tenant, connect):
    tenant("SET", "key", "tenant")
    assert tenant("RESET") == b"RESET"
    assert tenant("GET", "key") == NIL
    assert connect()("GET", "key") == NIL
    three = connect(3)
    assert three("NAMESPACE", "USE", "tenant") == b"OK"
    assert three("HELLO", 3).get(b"proto") == 3
    assert three("GET", "key") == b"tenant"
    assert three("NAMESPACE", "INFO").get(b"name") == b"tenant"


def test_tables_and_checkpoints_are_of_the_namespace(client, tenant):
    assert tenant("TABLE.PUT", "calls", "c-1", '{"a":1}') == b"OK"
    assert client("TABLE.LIST") == []
    assert tenant("TABLE.LIST") == [b"calls"]
    assert tenant("SAVE") == b"OK"
    assert pairs(client("NAMESPACE", "INFO", "tenant"))[b"checkpoint-bytes"] > 0
    assert tenant("BGSAVE") == b"Background saving started"
    assert tenant("TABLE.GET", "calls", "c-1") == b'{"a": 1}'
    assert tenant("TABLE.DROP", "calls") == b"OK"


def test_a_namespace_keeps_to_its_number_of_keys(client, connect):
    client("NAMESPACE", "CREATE", "few", "MAXKEYS", 5)
    client("NAMESPACE", "CREATE", "lru", "MAXKEYS", 5, "POLICY", "allkeys-lru")
    few = connect()
    few("NAMESPACE", "USE", "few")
    for number in range(5):
        assert few("SET", f"key:{number}", "value") == b"OK"
    assert few("SET", "key:5", "value").startswith(b"NAMESPACEFULL ")
    assert few("MSET", "key:0", "new", "key:6", "value").startswith(b"NAMESPACEFULL ")
    assert few("GET", "key:0") == b"value"
    assert few("DEL", "key:1") == 1
    assert few("SELECT", 2) == b"OK"
    assert few("SET", "key:5", "value") == b"OK"
    assert few("SET", "key:6", "value").startswith(b"NAMESPACEFULL ")
    assert client("MSET", *[word for number in range(20) for word in (f"key:{number}", "v")]) == b"OK"
    lru = connect()
    lru("NAMESPACE", "USE", "lru")
    for number in range(50):
        assert lru("SET", f"key:{number}", "value") == b"OK"
    assert 1 <= lru("DBSIZE") <= 5
    assert lru("GET", "key:49") == b"value"


def test_limits_of_a_namespace_can_be_changed(client, tenant):
    for key in "abc":
        assert tenant("SET", key, "value") == b"OK"
    assert client("NAMESPACE", "SET", "tenant", "MAXKEYS", 3, "MAXMEMORY", "1mb") == b"OK"
    assert tenant("SET", "d", "value").startswith(b"NAMESPACEFULL ")
    assert client("NAMESPACE", "SET", "tenant", "POLICY", "allkeys-random") == b"OK"
    assert tenant("SET", "d", "value") == b"OK" and tenant("DBSIZE") == 3
    told = pairs(client("NAMESPACE", "INFO", "tenant"))
    assert (told[b"maxkeys"], told[b"maxmemory"], told[b"policy"]) == (3, 1 << 20, b"allkeys-random")
    assert client("NAMESPACE", "SET", "tenant", "MAXKEYS", 0) == b"OK"
    assert tenant("MSET", *[word for key in range(10) for word in (key, "v")]) == b"OK"
    assert tenant("DBSIZE") == 13
    for words in [["STORE", "sqlite:"], ["MAXKEYS", -1], ["MAXKEYS", 1, "POLICY"], ["POLICY", "x"]]:
        assert client("NAMESPACE", "SET", "tenant", *words).startswith(b"ERR "), words
    assert client("NAMESPACE", "SET", "none", "MAXKEYS", 1) == b"ERR there is no namespace 'none'"
    assert client("NAMESPACE", "SET", "default", "MAXKEYS", 1).startswith(b"ERR the database without a name")
    assert pairs(client("NAMESPACE", "INFO", "tenant"))[b"maxkeys"] == 0


def test_client_list_tells_who_is_where(client, tenant):
    def where():
        return sorted(line.rsplit(" namespace=")[1] for line in client("CLIENT", "LIST").decode().splitlines())

    assert where().count("tenant") == 1 and "default" in where()
    assert tenant("CLIENT", "INFO").endswith(b" namespace=tenant\n")
    assert tenant("NAMESPACE", "USE", "default") == b"OK"
    assert set(where()) == {"default"}


def test_a_namespace_keeps_to_its_bytes(client, connect):
    client("NAMESPACE", "CREATE", "small", "MAXMEMORY", "200kb")
    client("NAMESPACE", "CREATE", "lru", "MAXMEMORY", "200kb", "POLICY", "allkeys-lru")
    small, lru = connect(), connect()
    small("NAMESPACE", "USE", "small")
    lru("NAMESPACE", "USE", "lru")
    replies = small.pipeline([("SET", f"key:{number}", "x" * 1000) for number in range(400)])
    taken = sum(reply == b"OK" for reply in replies)
    assert 150 < taken < 210
    assert replies[-1].startswith(b"NAMESPACEFULL ")
    assert small("GET", "key:0") == b"x" * 1000
    small("FLUSHALL")
    assert small("SET", "key", "x" * 1000) == b"OK"
    replies = lru.pipeline([("SET", f"key:{number}", "x" * 1000) for number in range(400)])
    assert replies == [b"OK"] * 400
    assert 50 < lru("DBSIZE") < 210
    assert lru("GET", "key:399") == b"x" * 1000


def test_many_connections_make_use_and_drop_at_once(client, server):
    failures = []

    def work(number):
        with server.client() as one:
            for turn in range(10):
                name = f"w{number}-{turn % 2}"
                steps = [
                    one("NAMESPACE", "CREATE", name) == b"OK",
                    one("NAMESPACE", "USE", name) == b"OK",
                    one("INCR", "count") == 1,
                    one("NAMESPACE", "USE", "default") == b"OK",
                    one("NAMESPACE", "DROP", name) == b"OK",
                ]
                if not all(steps):
                    failures.append((name, steps))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert names(client) == []
