"""A data set with every type and encoding, and what of it Ramekin has."""

import random


def fill(client, everything):
    """Writes it; `everything` also what only Valkey has. Times are far away, so that none comes while tests run."""
    r = random.Random(1)
    for number in ("0", "-1", "127", "-128", "32767", "-32768", "2147483647", "-2147483648", "2147483648"):
        client("SET", f"int:{number}", number)
    client("SET", "empty", "")
    client("SET", "binary", bytes(range(256)))
    client("SET", "compressible", "ramekin " * 500)
    client("SET", "noise", r.randbytes(5000))
    client("SET", "not an integer", "007")
    client("SET", b"key \x00\xff\r\n", "a key of any bytes")
    client("SET", "compressible key " * 20, "v")
    client("SET", "expires", "later", "PXAT", 4102444800123)
    client("RPUSH", "list:small", "a", "", "12", "-300", "4000000000", "x" * 60)
    client("RPUSH", "list:large", *(f"element {n}" for n in range(3000)))
    client("RPUSH", "list:plain", "first", r.randbytes(20_000), "y" * 70_000, "last")
    client("HSET", "hash:small", "f", "v", "n", 12, "", "empty name", "long", "z" * 64)
    client("HSET", "hash:large", *(word for n in range(700) for word in (f"field {n}", n)))
    client("HSET", "hash:wide", "f", "w" * 3000)
    client("HSET", "hash:times", "a", 1, "b", 2, "c", "never")
    client("HPEXPIREAT", "hash:times", 4102444800000, "FIELDS", 1, "a")
    client("HPEXPIREAT", "hash:times", 4102444805000, "FIELDS", 1, "b")
    client("PEXPIREAT", "hash:times", 4102444900000)
    client("SELECT", 3)
    client("SET", "other", "database")
    client("RPUSH", "list:small", 1)
    client("SELECT", 15)
    client("HSET", "last", "database", 15)
    client("SELECT", 0)
    if everything:
        _fill_the_rest(client)


def _fill_the_rest(client):
    client("SADD", "set:int", 1, 2, 70_000)
    client("SADD", "set:small", "a", "b")
    client("SADD", "set:large", *(f"member {n}" for n in range(300)))
    client("ZADD", "zset:small", 1, "a", "inf", "b", -2.5, "c")
    client("ZADD", "zset:large", *(word for n in range(300) for word in (n / 3, f"member {n}")))
    for n in range(300):
        client("XADD", "stream", f"{n + 1}-1", "field", n, "other", "x" * 20)
    client("XGROUP", "CREATE", "stream", "group", 0)
    client("XREADGROUP", "GROUP", "group", "one", "COUNT", 20, "STREAMS", "stream", ">")
    client("XREADGROUP", "GROUP", "group", "two", "COUNT", 5, "STREAMS", "stream", ">")
    client("XACK", "stream", "group", "3-1")
    client("XDEL", "stream", "5-1")
    client("PFADD", "hyperloglog", "a", "b", "c")
    client("SETBIT", "bitmap", 1000, 1)
    client("FUNCTION", "LOAD", "#!lua name=lib\nserver.register_function('f', function() return 1 end)")


# Keys of the first database that Ramekin has no type for yet.
ELSEWHERE = {"set:int", "set:small", "set:large", "zset:small", "zset:large", "stream"}


def digests(client, databases=(0, 3, 15), without=()):
    """Key, expiry and DEBUG DIGEST-VALUE of everything."""
    found = {}
    for db in databases:
        client("SELECT", db)
        for key in client("KEYS", "*"):
            if bytes(key) not in {word.encode() for word in without}:
                digest = client("DEBUG", "DIGEST-VALUE", key)
                found[db, bytes(key)] = (digest, client("PEXPIRETIME", key))
    client("SELECT", 0)
    return found
