"""Random commands by family. Each function makes one command; the tables say how often each is drawn.

Commands that block, end the server or answer by chance have forms here that stay comparable.
"""

import struct

from differential.connection import connection
from differential.tokens import (
    a_float,
    at_milliseconds,
    at_seconds,
    expiry,
    field,
    fields,
    index,
    key,
    maybe,
    milliseconds,
    number,
    seconds,
    spelled,
    value,
    FAR,
    WORDS,
)


def strings(r):
    """Any command on strings."""
    k = key(r, "string")
    return r.choice(STRINGS)(r, k)


def set_command(r, k):
    """SET with its options in any order, right ones and wrong ones."""
    options = []
    if r.random() < 0.35:
        options.append(r.choice([[b"NX"], [b"XX"], [b"IFEQ", value(r)], [b"NX"], [b"XX"]]))
    if r.random() < 0.25:
        options.append([b"GET"])
    if r.random() < 0.35:
        options.append(expiry(r, b"KEEPTTL"))
    if r.random() < 0.06:
        options.append([r.choice(WORDS)])
    r.shuffle(options)
    return [b"SET", k, value(r)] + [
        spelled(r, w) if len(w) < 8 and w.isalpha() and w.isupper() else w for o in options for w in o
    ]


def pairs(r, most=4):
    """Keys with values, mostly of the string keys."""
    return [x for _ in range(r.randint(1, most)) for x in (key(r, "string"), value(r))]


def msetex(r, _):
    """MSETEX, its count at times wrong. Never with a time long past: Valkey counts such keys until it sweeps them."""
    items = pairs(r)
    count = len(items) // 2 if r.random() < 0.9 else number(r)
    times = [
        [b"EX", seconds(r)],
        [b"PX", milliseconds(r)],
        [b"EXAT", b"%d" % FAR],
        [b"PXAT", b"%d" % (FAR * 1000)],
        [b"KEEPTTL"],
    ]
    options = [*maybe(r, 0.3, spelled(r, r.choice([b"NX", b"XX"]))), *maybe(r, 0.06, r.choice(WORDS))]
    for word, *when in r.sample(times, r.choice([0, 1, 1, 1, 2])):
        options += [spelled(r, word), *when]
    return [b"MSETEX", count, *items, *options]


def lcs(r, k):
    """LCS with its options."""
    options = [o for o in ([b"LEN"], [b"IDX"], [b"MINMATCHLEN", number(r)], [b"WITHMATCHLEN"]) if r.random() < 0.35]
    return [b"LCS", k, key(r, "string"), *(spelled(r, w) if i == 0 else w for o in options for i, w in enumerate(o))]


def small_offset(r):
    """An offset of SETRANGE that costs no memory, or is refused."""
    return r.choice([b"0", b"1", b"5", b"30", b"100", b"-1", b"9223372036854775807", b"abc", b"536870912"])


STRINGS = [
    set_command,
    set_command,
    set_command,
    set_command,
    lambda r, k: [b"GET", k],
    lambda r, k: [b"GET", k],
    lambda r, k: [b"SETNX", k, value(r)],
    lambda r, k: [b"SETEX", k, seconds(r), value(r)],
    lambda r, k: [b"PSETEX", k, milliseconds(r), value(r)],
    lambda r, k: [b"GETSET", k, value(r)],
    lambda r, k: [b"GETDEL", k],
    lambda r, k: [b"GETEX", k, *(expiry(r, b"PERSIST") if r.random() < 0.8 else [])],
    lambda r, k: [b"APPEND", k, value(r)],
    lambda r, k: [b"STRLEN", k],
    lambda r, k: [b"SETRANGE", k, small_offset(r), value(r)],
    lambda r, k: [b"GETRANGE", k, index(r), index(r)],
    lambda r, k: [b"SUBSTR", k, index(r), index(r)],
    lambda r, k: [b"INCR", k],
    lambda r, k: [b"DECR", k],
    lambda r, k: [b"INCRBY", k, number(r)],
    lambda r, k: [b"DECRBY", k, number(r)],
    lambda r, k: [b"INCRBYFLOAT", k, a_float(r)],
    lambda r, k: [b"MGET", k, key(r), key(r, "string")],
    lambda r, k: [b"MSET", *pairs(r)],
    lambda r, k: [b"MSETNX", *pairs(r)],
    msetex,
    lcs,
    lambda r, k: [b"DELIFEQ", k, value(r)],
    lambda r, k: [b"SET", k, r.choice([b"1", b"10", b"3.0", b"5.0e3", b"-7"])],
]


def lists(r):
    """Any command on lists that does not wait."""
    return r.choice(LISTS)(r, key(r, "list"))


def side(r):
    """LEFT or RIGHT, or neither."""
    return spelled(r, r.choice([b"LEFT", b"RIGHT"])) if r.random() < 0.95 else r.choice(WORDS)


def values(r, most=4):
    """Some values."""
    return [value(r) for _ in range(r.randint(1, most))]


def element(r):
    """A value that lists are likely to hold."""
    return r.choice([b"a", b"b", b"c", b"1", b"2"]) if r.random() < 0.8 else value(r)


def elements(r, most=6):
    """Some likely values."""
    return [element(r) for _ in range(r.randint(1, most))]


def lpos(r, k):
    """LPOS with its options."""
    options = [o for o in ([b"RANK", index(r)], [b"COUNT", number(r)], [b"MAXLEN", number(r)]) if r.random() < 0.4]
    r.shuffle(options)
    return [b"LPOS", k, element(r), *(x for o in options for x in (spelled(r, o[0]), o[1]))]


def lmpop(r, k):
    """LMPOP."""
    keys = [k] + [key(r, "list") for _ in range(r.randint(0, 2))]
    count = len(keys) if r.random() < 0.9 else number(r)
    return [b"LMPOP", count, *keys, side(r), *maybe(r, 0.4, spelled(r, b"COUNT"), number(r))]


LISTS = [
    lambda r, k: [b"LPUSH", k, *elements(r)],
    lambda r, k: [b"RPUSH", k, *elements(r)],
    lambda r, k: [b"RPUSH", k, *values(r)],
    lambda r, k: [b"LPUSH", k, *values(r)],
    lambda r, k: [b"LPUSHX", k, *elements(r)],
    lambda r, k: [b"RPUSHX", k, *elements(r)],
    lambda r, k: [b"LPOP", k, *maybe(r, 0.4, number(r))],
    lambda r, k: [b"RPOP", k, *maybe(r, 0.4, number(r))],
    lambda r, k: [b"LLEN", k],
    lambda r, k: [b"LRANGE", k, index(r), index(r)],
    lambda r, k: [b"LRANGE", k, 0, -1],
    lambda r, k: [b"LINDEX", k, index(r)],
    lambda r, k: [b"LSET", k, r.choice([b"0", b"1", b"-1", b"-2", b"5", b"99", b"x", b""]), value(r)],
    lambda r, k: [b"LREM", k, index(r), element(r)],
    lambda r, k: [b"LTRIM", k, index(r), index(r)],
    lambda r, k: [b"LINSERT", k, spelled(r, r.choice([b"BEFORE", b"AFTER"])), element(r), r.choice([b"a", b"new"])],
    lpos,
    lmpop,
    lambda r, k: [b"LMOVE", k, key(r, "list"), side(r), side(r)],
    lambda r, k: [b"RPOPLPUSH", k, key(r, "list")],
]


def hashes(r):
    """Any command on hashes."""
    return r.choice(HASHES)(r, key(r, "hash"))


def field_pairs(r, most=3):
    """Fields with values."""
    return [x for _ in range(r.randint(1, most)) for x in (field(r), value(r))]


def counted(r, items, width=1):
    """FIELDS count item..., the count at times wrong, the word at times another."""
    count = len(items) // width if r.random() < 0.93 else number(r)
    return [spelled(r, b"FIELDS") if r.random() < 0.97 else r.choice(WORDS), count, *items]


def hexpire(name, when):
    """HEXPIRE and its family."""
    return lambda r, k: [
        name,
        k,
        when(r),
        *maybe(r, 0.4, spelled(r, r.choice([b"NX", b"XX", b"GT", b"LT"]))),
        *counted(r, fields(r)),
    ]


def hsetex(r, k):
    """HSETEX."""
    return [
        b"HSETEX",
        k,
        *maybe(r, 0.15, r.choice([b"NX", b"XX"])),
        *maybe(r, 0.3, spelled(r, r.choice([b"FNX", b"FXX"]))),
        *(expiry(r, b"KEEPTTL") if r.random() < 0.7 else []),
        *counted(r, field_pairs(r), 2),
    ]


HASHES = [
    lambda r, k: [b"HSET", k, *field_pairs(r)],
    lambda r, k: [b"HSET", k, *field_pairs(r, 6)],
    lambda r, k: [b"HMSET", k, *field_pairs(r)],
    lambda r, k: [b"HSETNX", k, field(r), value(r)],
    lambda r, k: [b"HGET", k, field(r)],
    lambda r, k: [b"HMGET", k, *fields(r)],
    lambda r, k: [b"HGETALL", k],
    lambda r, k: [b"HKEYS", k],
    lambda r, k: [b"HVALS", k],
    lambda r, k: [b"HLEN", k],
    lambda r, k: [b"HEXISTS", k, field(r)],
    lambda r, k: [b"HSTRLEN", k, field(r)],
    lambda r, k: [b"HDEL", k, *fields(r)],
    lambda r, k: [b"HINCRBY", k, field(r), number(r)],
    lambda r, k: [b"HINCRBYFLOAT", k, field(r), a_float(r)],
    lambda r, k: [
        b"HRANDFIELD",
        k,
        *(maybe(r, 0.7, r.choice([b"1", b"100", b"0", b"-3", b"2"]), *maybe(r, 0.4, b"WITHVALUES"))),
    ],
    lambda r, k: [
        b"HSCAN",
        k,
        0,
        b"COUNT",
        1000,
        *maybe(r, 0.4, b"MATCH", r.choice([b"f*", b"*", b"?1"])),
        *maybe(r, 0.3, b"NOVALUES"),
    ],
    hexpire(b"HEXPIRE", seconds),
    hexpire(b"HPEXPIRE", milliseconds),
    hexpire(b"HEXPIREAT", at_seconds),
    hexpire(b"HPEXPIREAT", at_milliseconds),
    lambda r, k: [b"HTTL", k, *counted(r, fields(r))],
    lambda r, k: [b"HPTTL", k, *counted(r, fields(r))],
    lambda r, k: [b"HEXPIRETIME", k, *counted(r, fields(r))],
    lambda r, k: [b"HPEXPIRETIME", k, *counted(r, fields(r))],
    lambda r, k: [b"HPERSIST", k, *counted(r, fields(r))],
    lambda r, k: [b"HGETEX", k, *(expiry(r, b"PERSIST") if r.random() < 0.7 else []), *counted(r, fields(r))],
    lambda r, k: [b"HGETDEL", k, *counted(r, fields(r))],
    hsetex,
    hsetex,
]


def keys(r):
    """Any command on keys of any type."""
    return r.choice(KEYS)(r, key(r))


def glob(r):
    """A pattern for keys."""
    return r.choice(
        [b"*", b"s*", b"?1", b"[sl]1", b"[^s]*", b"h[1-2]", b"\\s1", b"", b"*1*", b"[", b"s[", b"[z-a]1", b"**1"]
    )


def expire(name, when):
    """EXPIRE and its family."""
    return lambda r, k: [
        name,
        k,
        when(r),
        *maybe(r, 0.3, spelled(r, r.choice([b"NX", b"XX", b"GT", b"LT"]))),
        *maybe(r, 0.04, r.choice(WORDS)),
    ]


def copy(r, k):
    """COPY with its options."""
    return [
        b"COPY",
        k,
        key(r),
        *maybe(r, 0.2, b"DB", r.choice([b"0", b"1", b"2", b"99", b"-1", b"x"])),
        *maybe(r, 0.5, spelled(r, b"REPLACE")),
    ]


def payload(body, version=80):
    """What DUMP would answer for an object."""
    data = body + struct.pack("<H", version)
    crc = 0
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ 0x95AC9329AC4BC9B5 if crc & 1 else crc >> 1
    return data + struct.pack("<Q", crc)


PAYLOADS = [
    payload(b"\x00\x05hello"),
    payload(b"\x00\xc1\x39\x30", 9),
    payload(b"\x01\x03\x01a\x01b\xc0\x07"),
    payload(b"\x12\x01\x02\x0f\x0f\0\0\0\x03\0\x81a\x02\x81b\x02\x01\x01\xff", 11),
    payload(b"\x04\x02\x02f1\x011\x02f2\xc0\x05"),
    payload(b"\x10\x0d\x0d\0\0\0\x02\0\x81f\x02\x81v\x02\xff"),
    payload(b"\x16\x02\x02f1\x011" + struct.pack("<q", 4102444800000) + b"\x02f2\x012" + struct.pack("<q", -1)),
    payload(b"\x01\x00"),
    payload(b"\x00\x05hello", 79),
    payload(b"\x00\x05hello")[:-1],
]


def restore(r, k):
    """RESTORE with its options in any order, of payloads right and wrong."""
    options = [
        *maybe(r, 0.5, [b"REPLACE"]),
        *maybe(r, 0.15, [r.choice([b"IDLETIME", b"FREQ"]), r.choice([b"0", b"10", b"-1", b"300", b"x"])]),
        *maybe(r, 0.02, [r.choice(WORDS)]),
    ]
    ttl = r.choice([b"0", b"0", b"0", b"100000", b"-1", b"x", b"9223372036854775807"])
    if r.random() < 0.2:
        ttl = r.choice([b"0", b"1", b"1000", b"4102444800000"])
        options.append([b"ABSTTL"])
    r.shuffle(options)
    return [b"RESTORE", k, ttl, r.choice(PAYLOADS), *(w if i else spelled(r, w) for o in options for i, w in enumerate(o))]


KEYS = [
    lambda r, k: [b"DUMP", k],
    restore,
    restore,
    lambda r, k: [b"DEL", k, *maybe(r, 0.3, key(r), key(r))],
    lambda r, k: [b"UNLINK", k, *maybe(r, 0.3, key(r))],
    lambda r, k: [b"EXISTS", k, *maybe(r, 0.5, key(r), k)],
    lambda r, k: [b"TYPE", k],
    lambda r, k: [b"TOUCH", k, *maybe(r, 0.5, key(r))],
    lambda r, k: [b"KEYS", glob(r)],
    lambda r, k: [b"DBSIZE"],
    lambda r, k: [
        b"SCAN",
        0,
        b"COUNT",
        1000,
        *maybe(r, 0.5, b"MATCH", glob(r)),
        *maybe(r, 0.4, b"TYPE", r.choice([b"string", b"list", b"HASH", b"zset", b"nope"])),
    ],
    lambda r, k: [b"RENAME", k, key(r)],
    lambda r, k: [b"RENAMENX", k, key(r)],
    lambda r, k: [b"MOVE", k, r.choice([b"0", b"1", b"2", b"16", b"-1", b"a"])],
    copy,
    copy,
    lambda r, k: [b"SELECT", r.choice([b"0", b"0", b"0", b"1", b"2", b"16", b"-1", b"a"])],
    lambda r, k: [b"SWAPDB", r.choice([b"0", b"1", b"16", b"a"]), r.choice([b"0", b"1", b"2", b"a"])],
    expire(b"EXPIRE", seconds),
    expire(b"PEXPIRE", milliseconds),
    expire(b"EXPIREAT", at_seconds),
    expire(b"PEXPIREAT", at_milliseconds),
    lambda r, k: [b"TTL", k],
    lambda r, k: [b"PTTL", k],
    lambda r, k: [b"EXPIRETIME", k],
    lambda r, k: [b"PEXPIRETIME", k],
    lambda r, k: [b"PERSIST", k],
    lambda r, k: [b"OBJECT", spelled(r, r.choice([b"ENCODING", b"ENCODING", b"REFCOUNT", b"FREQ", b"IDLETIME"])), k],
    lambda r, k: [b"RANDOMKEY"],
    lambda r, k: (
        [b"FLUSHDB", *maybe(r, 0.6, spelled(r, r.choice([b"ASYNC", b"SYNC", b"NOW"])))]
        if r.random() < 0.3
        else [b"DBSIZE"]
    ),
    lambda r, k: [b"WAITAOF", 0, 0, 0],
    lambda r, k: [b"OBJECT", b"ENCODING", k],
]


def sorting(r):
    """SORT and SORT_RO over lists of numbers, words and names of keys."""
    pick = r.random()
    if pick < 0.25:
        return [
            b"RPUSH",
            r.choice([b"l1", b"l2"]),
            *[r.choice([b"1", b"2", b"3", b"10", b"-5", b"2.5", b"1", b"30"]) for _ in range(5)],
        ]
    if pick < 0.3:
        return [b"RPUSH", b"l3", *(element.replace(b"\0", b"0") for element in elements(r))]
    if pick < 0.45:
        return r.choice(
            [
                [b"SET", b"w_" + r.choice([b"1", b"2", b"3", b"a"]), r.choice([b"9", b"1", b"5", b"zz", b"-2"])],
                [
                    b"HSET",
                    b"o_" + r.choice([b"1", b"2", b"3"]),
                    b"name",
                    r.choice([b"pear", b"fig", b"Fig", b"10", b""]),
                    b"w",
                    r.choice([b"3", b"1", b"2"]),
                ],
            ]
        )
    k = r.choice([b"l1", b"l2", b"l3", b"l1", b"s1", b"nokey", b"h1"])
    options = []
    if r.random() < 0.4:
        options.append([b"BY", r.choice([b"w_*", b"o_*->w", b"nosort", b"o_*->none", b"w_*->", b"*"])])
    if r.random() < 0.4:
        options.append([b"LIMIT", index(r), index(r)])
    for _ in range(r.choice([0, 0, 1, 2])):
        options.append([b"GET", r.choice([b"#", b"w_*", b"o_*->name", b"o_*->none", b"*", b"none"])])
    if r.random() < 0.4:
        options.append([r.choice([b"ASC", b"DESC"])])
    # Words of equal weight have no order that is promised, so ALPHA stands alone or beside no sorting at all.
    if r.random() < 0.5 and not any(option[0] == b"BY" and option[1] != b"nosort" for option in options):
        options.append([b"ALPHA"])
    name = b"SORT"
    if r.random() < 0.25:
        options.append([b"STORE", r.choice([b"l2", b"k1", b"l3"])])
    elif r.random() < 0.4:
        name = b"SORT_RO"
    if r.random() < 0.03:
        options.append([r.choice([word for word in WORDS if word != b"ALPHA"])])
    r.shuffle(options)
    return [name, k, *(w if i else spelled(r, w) for o in options for i, w in enumerate(o))]


def transactions(r):
    """MULTI, EXEC and what can go wrong between them."""
    pick = r.random()
    if pick < 0.12:
        return [b"MULTI"]
    if pick < 0.24:
        return [b"EXEC"]
    if pick < 0.26:
        return [b"DISCARD"]
    if pick < 0.32:
        return [b"WATCH", key(r), *maybe(r, 0.3, key(r))]
    if pick < 0.34:
        return [b"UNWATCH"]
    if pick < 0.37:
        return r.choice(
            [
                [b"NOSUCH", b"x"],
                [b"GET"],
                [b"SET", b"s1"],
                [b"INCR", b"l1"],
                [b"EXEC", b"x"],
                [b"MULTI", b"x"],
                [b"WATCH"],
                [b"BLPOP", b"nokey", b"0.01"],
                [b"BLMOVE", b"nokey", b"l1", b"LEFT", b"LEFT", b"0.01"],
            ]
        )
    return r.choice([strings, lists, hashes, keys])(r)


def mixed(r):
    """All families together: wrong types come by themselves."""
    return r.choice([strings, lists, hashes, keys, sorting])(r)


FAMILIES = {
    "strings": strings,
    "lists": lists,
    "hashes": hashes,
    "keys": lambda r: r.choice([keys, keys, mixed])(r),
    "sort": sorting,
    "transactions": transactions,
    "mixed": mixed,
    "connection": connection,
}
