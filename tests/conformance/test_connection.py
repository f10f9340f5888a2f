"""Connections: PING to RESET, and CLIENT with its subcommands."""

import time

import pytest

from harness.resp import NIL, Closed, Fault, Map, Silent, Status


def fields(line):
    """One line of CLIENT LIST as a dictionary."""
    return dict(item.split("=", 1) for item in bytes(line).decode().strip().split(" "))


def listed(client, *filters):
    """CLIENT LIST as dictionaries."""
    return [fields(line) for line in client("CLIENT", "LIST", *filters).splitlines()]


def test_ping_echo_select(client):
    assert client("PING") == b"PONG" and isinstance(client("PING"), Status)
    reply = client("PING", "hello")
    assert reply == b"hello" and not isinstance(reply, Status)
    assert client("ECHO", b"\x00\xff") == b"\x00\xff"
    assert client("SELECT", 15) == b"OK"
    assert client("SELECT", 16) == b"ERR DB index is out of range"


def test_quit_answers_and_closes(client):
    assert client("QUIT") == b"OK"
    assert client.closed()


def test_hello_switches_the_protocol_and_back(client):
    flat = client("HELLO")
    assert isinstance(flat, list) and flat[flat.index(b"proto") + 1] == 2
    reply = client("HELLO", 3, "SETNAME", "me")
    assert isinstance(reply, Map)
    assert reply.get(b"proto") == 3 and reply.get(b"mode") == b"standalone" and reply.get(b"role") == b"master"
    assert reply.get(b"id") == client("CLIENT", "ID") and isinstance(reply.get(b"modules"), list)
    assert client("CLIENT", "GETNAME") == b"me"
    assert isinstance(client("HELLO", 2), list)
    assert client("GET", "x") is NIL
    assert client("HELLO", 4) == b"NOPROTO unsupported protocol version"


def test_reset_brings_back_the_fresh_state(client):
    client("SELECT", 3)
    client("CLIENT", "SETNAME", "me")
    client("HELLO", 3)
    client("MULTI")
    assert client("RESET") == b"RESET"
    assert client("CLIENT", "GETNAME") is NIL
    assert client("EXEC") == b"ERR EXEC without MULTI"
    assert fields(client("CLIENT", "INFO"))["db"] == "0"


def test_auth_guards_a_server_with_a_password(start):
    server = start(requirepass="secret word")
    with server.client(password="secret word") as admin:
        assert admin("PING") == b"PONG"
        with server.client() as client:
            assert client("GET", "k") == b"NOAUTH Authentication required."
            assert client("PING") == b"NOAUTH Authentication required."
            assert client("HELLO", 3).startswith(b"NOAUTH HELLO must be called with the client already authenticated")
            assert client("AUTH", "wrong") == b"WRONGPASS invalid username-password pair or user is disabled."
            assert client("AUTH", "default", "secret word") == b"OK"
            assert client("GET", "k") is NIL
        with server.client() as client:
            assert isinstance(client("HELLO", 3, "AUTH", "default", "secret word"), Map)
            assert client("PING") == b"PONG"
        assert admin("CONFIG", "SET", "requirepass", "other") == b"OK"
        with server.client() as client:
            assert client("AUTH", "secret word").startswith(b"WRONGPASS")
            assert client("AUTH", "other") == b"OK"
            assert client("RESET") == b"RESET"
            assert client("GET", "k").startswith(b"NOAUTH")


def test_auth_without_a_password_set_is_an_error(client):
    assert client("AUTH", "x").startswith(b"ERR AUTH <password> called without any password configured")


def test_ids_rise_and_names_are_kept(client, connect):
    first = client("CLIENT", "ID")
    assert connect()("CLIENT", "ID") > first
    assert client("CLIENT", "GETNAME") is NIL
    assert client("CLIENT", "SETNAME", "worker-1") == b"OK"
    assert client("CLIENT", "GETNAME") == b"worker-1"
    assert client("CLIENT", "SETNAME", "a b").startswith(b"ERR Client names cannot contain spaces")
    assert client("CLIENT", "SETINFO", "LIB-NAME", "mylib") == b"OK"
    assert client("CLIENT", "SETINFO", "LIB-VER", "1.2") == b"OK"
    mine = fields(client("CLIENT", "INFO"))
    assert mine["name"] == "worker-1" and mine["lib-name"] == "mylib" and mine["lib-ver"] == "1.2"
    assert client("CLIENT", "SETNAME", "") == b"OK"
    assert client("CLIENT", "GETNAME") is NIL


def test_client_info_and_list_have_the_fields_that_tools_read(client, connect):
    other = connect(3)
    other("SELECT", 2)
    other("MULTI")
    other("GET", "x")
    rows = {int(row["id"]): row for row in listed(client)}
    other("DISCARD")
    row = rows[other("CLIENT", "ID")]
    assert row["db"] == "2" and row["multi"] == "1" and row["resp"] == "3" and "x" in row["flags"]
    assert row["cmd"] == "get" and row["user"] == "default"
    for name in (
        "addr",
        "laddr",
        "fd",
        "name",
        "age",
        "idle",
        "flags",
        "sub",
        "psub",
        "ssub",
        "watch",
        "qbuf",
        "qbuf-free",
        "argv-mem",
        "multi-mem",
        "rbs",
        "rbp",
        "obl",
        "oll",
        "omem",
        "tot-mem",
        "events",
        "redir",
        "lib-name",
        "lib-ver",
    ):
        assert name in row, name
    me = fields(client("CLIENT", "INFO"))
    assert me["cmd"] == "client|info" and me["addr"].startswith("127.0.0.1:")
    assert [int(row["id"]) for row in listed(client, "ID", me["id"])] == [int(me["id"])]
    assert listed(client, "TYPE", "pubsub") == []


def test_client_kill_by_id_address_and_filter(client, connect):
    victims = [connect() for _ in range(3)]
    infos = [fields(victim("CLIENT", "INFO")) for victim in victims]
    assert client("CLIENT", "KILL", infos[0]["addr"]) == b"OK"
    assert client("CLIENT", "KILL", "ID", infos[1]["id"]) == 1
    assert client("CLIENT", "KILL", "ADDR", infos[2]["addr"], "TYPE", "normal") == 1
    assert all(victim.closed() for victim in victims)
    assert client("CLIENT", "KILL", "127.0.0.1:1") == b"ERR No such client"
    assert client("CLIENT", "KILL", "ID", infos[1]["id"]) == 0


def test_client_kill_spares_the_caller_unless_told(client, connect):
    others = [connect() for _ in range(3)]
    for other in others:
        other("PING")
    assert client("CLIENT", "KILL", "TYPE", "normal") >= 3
    assert client("PING") == b"PONG"
    assert all(other.closed() for other in others)
    number = client("CLIENT", "ID")
    assert client("CLIENT", "KILL", "ID", number, "SKIPME", "no") == 1
    assert client.closed()


def test_client_pause_holds_writes_or_all_until_its_time(client, connect):
    other = connect()
    other("SET", "k", 0)
    assert client("CLIENT", "PAUSE", 300, "WRITE") == b"OK"
    assert other("GET", "k") == b"0"
    started = time.monotonic()
    assert other("SET", "k", 1) == b"OK"
    assert 0.15 < time.monotonic() - started < 3
    assert client("CLIENT", "PAUSE", 300, "ALL") == b"OK"
    started = time.monotonic()
    assert other("GET", "k") == b"1"
    assert 0.15 < time.monotonic() - started < 3


def test_client_unpause_lets_go_at_once(client, connect):
    other = connect()
    client("CLIENT", "PAUSE", 60000, "WRITE")
    other.send("SET", "k", 1)
    with pytest.raises(Silent):
        other.read(0.1)
    assert client("CLIENT", "UNPAUSE") == b"OK"
    assert other.read(2) == b"OK"


def test_client_pause_write_holds_transactions_that_write(client, connect):
    other = connect()
    other("MULTI")
    assert other("SET", "k", 1) == b"QUEUED"
    client("CLIENT", "PAUSE", 60000, "WRITE")
    try:
        other.send("EXEC")
        with pytest.raises(Silent):
            other.read(0.1)
    finally:
        client("CLIENT", "UNPAUSE")
    assert other.read(2) == [b"OK"]


def test_client_reply_off_and_skip_silence(client):
    client.send("CLIENT", "REPLY", "OFF")
    client.send("SET", "k", 1)
    client.send("NOSUCH")
    assert client("CLIENT", "REPLY", "ON") == b"OK"
    client.send("CLIENT", "REPLY", "SKIP")
    client.send("SET", "k", 2)
    assert client("GET", "k") == b"2"


def test_no_evict_and_no_touch_show_in_the_flags(client):
    assert client("CLIENT", "NO-EVICT", "ON") == b"OK"
    assert client("CLIENT", "NO-TOUCH", "ON") == b"OK"
    flags = fields(client("CLIENT", "INFO"))["flags"]
    assert "e" in flags and "T" in flags
    assert client("CLIENT", "NO-EVICT", "maybe") == b"ERR syntax error"


def test_unknown_commands_and_subcommands_name_what_was_sent(client):
    assert client("FOO", "bar", "baz") == b"ERR unknown command 'FOO', with args beginning with: 'bar' 'baz' "
    assert client("CLIENT", "FOO").startswith(b"ERR unknown subcommand 'FOO'. Try CLIENT HELP.")
    assert client("GET") == b"ERR wrong number of arguments for 'get' command"
    assert client("CLIENT", "GETNAME", "x") == b"ERR wrong number of arguments for 'client|getname' command"
    assert client(b"a\r\nb").startswith(b"ERR unknown command 'a  b'")


def test_help_is_a_list_of_lines(client):
    for name in ("CLIENT", "CONFIG", "COMMAND", "OBJECT", "SLOWLOG", "DEBUG"):
        lines = client(name, "HELP")
        assert isinstance(lines, list) and lines[0].startswith(name.encode() + b" <subcommand>"), name


def test_a_command_may_be_written_in_any_case(client):
    assert client("sEt", "k", "v") == b"OK"
    assert client("client", "ID") == client("CLIENT", "id")


def test_total_connections_and_clients_are_counted(client, connect, server):
    before = int(server.info("stats")["total_connections_received"])
    connections = [connect() for _ in range(5)]
    for connection in connections:
        connection("PING")
    info = server.info()
    assert int(info["connected_clients"]) >= 6
    assert int(info["total_connections_received"]) >= before + 5


def test_a_killed_client_gets_no_more_replies(client, connect):
    victim = connect()
    number = victim("CLIENT", "ID")
    client("CLIENT", "KILL", "ID", number)
    with pytest.raises((Closed, OSError)):
        for _ in range(20):
            victim("PING")
            time.sleep(0.01)


@pytest.mark.ours
@pytest.mark.parametrize("level", ["memory", "disk"])
def test_a_connection_chooses_how_durable_an_ok_is(client, level):
    assert client("CLIENT", "DURABILITY", level) == b"OK"
    assert client("SET", "k", 1) == b"OK"
    assert client("GET", "k") == b"1"
    assert isinstance(client("CLIENT", "DURABILITY", "hope"), Fault)
