"""COMMAND: the table that clients and proxies route by."""

import pytest

from harness.resp import Map, Set
from harness.server import Server

# Containers of which Ramekin has the subcommands that make sense without replicas, tracking and a cluster.
CONTAINERS_IN_PART = {"client", "memory", "latency", "commandlog"}


COMMANDS = """
append decr decrby delifeq get getdel getex getrange getset incr incrby incrbyfloat lcs mget mset msetex msetnx psetex set setex
setnx setrange strlen substr
blmove blmpop blpop brpop brpoplpush lindex linsert llen lmove lmpop lpop lpos lpush lpushx lrange lrem lset ltrim rpop rpoplpush
rpush rpushx
hdel hexists hexpire hexpireat hexpiretime hget hgetall hgetdel hgetex hincrby hincrbyfloat hkeys hlen hmget hmset hpersist
hpexpire hpexpireat hpexpiretime hpttl hrandfield hscan hset hsetex hsetnx hstrlen httl hvals
copy del exists expire expireat expiretime keys move object|encoding object|freq object|help object|idletime object|refcount
persist pexpire pexpireat pexpiretime pttl randomkey rename renamenx scan sort sort_ro touch ttl type unlink waitaof
multi exec discard watch unwatch
auth echo hello ping quit reset select client|getname client|id client|info client|kill client|list client|no-evict
client|no-touch client|pause client|reply client|setinfo client|setname client|unblock client|unpause
command|count command|docs command|getkeys command|info command|list config|get config|resetstat config|rewrite config|set
dbsize debug flushall flushdb info lolwut monitor shutdown slowlog|get slowlog|len slowlog|reset swapdb time
""".split()


def test_command_count_list_info_and_docs_agree(client):
    names = client("COMMAND", "LIST")
    top = {name for name in names if b"|" not in name}
    assert client("COMMAND", "COUNT") == len(top)
    table = client("COMMAND")
    assert {row[0] for row in table} == top
    for row in table:
        assert len(row) == 10, row[0]
        name, arity, flags, first, last, step, categories, tips, specs, subcommands = row
        assert (
            arity != 0
            and all(isinstance(flag, bytes) for flag in flags)
            and all(c.startswith(b"@") for c in categories)
        ), name
        assert (first == 0) == (last == 0), name
    docs = client("COMMAND", "DOCS")
    assert set(docs[::2]) == top
    for name, doc in zip(docs[::2], docs[1::2]):
        keys = dict(zip(doc[::2], doc[1::2]))
        assert {b"summary", b"since", b"group"} <= set(keys), name


def test_command_info_says_what_clients_need(client, client3):
    get, nothing = client("COMMAND", "INFO", "get", "nosuch")
    assert get[:6] == [b"get", 2, [b"readonly", b"fast"], 1, 1, 1]
    assert set(get[6]) == {b"@read", b"@string", b"@fast"}
    assert get[8][0][:6:2] == [b"flags", b"begin_search", b"find_keys"]
    assert not nothing
    row = client3("COMMAND", "INFO", "set")[0]
    assert isinstance(row[2], Set) and isinstance(row[6], Set) and isinstance(row[8][0], Map)
    sub = client("COMMAND", "INFO", "config|get")[0]
    assert sub[0] == b"config|get" and sub[1] == -3


def facts(row):
    """What clients and proxies take from a row of COMMAND, the sets of it without an order."""
    return {
        "arity": row[1],
        "flags": sorted(row[2]),
        "keys": row[3:6],
        "categories": sorted(row[6]),
        "tips": sorted(row[7]),
        "subcommands": sorted(sub[0] for sub in row[9]),
    }


def test_the_rows_of_the_command_table_equal_valkeys(client, valkey_rows):
    rows = {row[0].decode(): row for row in client("COMMAND")}
    different = []
    for name in sorted(set(rows) & set(valkey_rows)):
        mine, theirs = facts(rows[name]), facts(valkey_rows[name])
        if name in CONTAINERS_IN_PART:
            mine["subcommands"] = theirs["subcommands"] = []
        different += [
            f"{name}: {what}: {mine[what]}, Valkey {theirs[what]}" for what in mine if mine[what] != theirs[what]
        ]
    assert not different, "\n".join(different)


def test_every_command_that_clients_use_has_a_row(client):
    names = set(client("COMMAND", "LIST"))
    missing = [name for name in COMMANDS if name.encode() not in names]
    assert not missing


@pytest.fixture(scope="module")
def valkey_rows():
    """COMMAND of a Valkey, by name."""
    server = Server("valkey")
    with server.client() as client:
        rows = {row[0].decode(): row for row in client("COMMAND")}
    server.remove()
    return rows


def test_command_list_filters_and_getkeys_finds_keys(client):
    assert b"get" in client("COMMAND", "LIST", "FILTERBY", "PATTERN", "ge*")
    assert b"set" in client("COMMAND", "LIST", "FILTERBY", "ACLCAT", "write")
    assert client("COMMAND", "LIST", "FILTERBY", "MODULE", "nosuch") == []
    assert client("COMMAND", "GETKEYS", "MSET", "a", 1, "b", 2) == [b"a", b"b"]
    assert client("COMMAND", "GETKEYS", "LMPOP", 2, "x", "y", "LEFT") == [b"x", b"y"]
    assert client("COMMAND", "GETKEYS", "SORT", "l", "STORE", "d") == [b"l", b"d"]
    assert client("COMMAND", "GETKEYSANDFLAGS", "SET", "k", "v")[0][0] == b"k"
    assert client("COMMAND", "GETKEYS", "PING") == b"ERR The command has no key arguments"
