"""Random commands about the connection and the server, in forms that answer the same on both."""

from differential.tokens import maybe, value


def connection(r):
    """Commands about the connection and the server that answer the same on both."""
    return r.choice(CONNECTION)(r)


CONNECTION = [
    lambda r: [b"PING", *maybe(r, 0.4, value(r))],
    lambda r: [b"ECHO", value(r)],
    lambda r: [b"SELECT", r.choice([b"0", b"1", b"15", b"16", b"-1", b"x", b"9223372036854775808"])],
    lambda r: [b"CLIENT", b"SETNAME", r.choice([b"me", b"", b"with space", b"x\n", b"you"])],
    lambda r: [b"CLIENT", b"GETNAME"],
    lambda r: [
        b"CLIENT",
        b"SETINFO",
        r.choice([b"LIB-NAME", b"lib-ver", b"nope"]),
        r.choice([b"a", b"1.0", b"a b", b""]),
    ],
    lambda r: [b"CLIENT", b"NO-EVICT", r.choice([b"ON", b"off", b"x"])],
    lambda r: [b"CLIENT", b"NO-TOUCH", r.choice([b"ON", b"off", b"x"])],
    lambda r: [
        b"CLIENT",
        b"UNBLOCK",
        r.choice([b"99999999", b"x"]),
        *maybe(r, 0.5, r.choice([b"ERROR", b"TIMEOUT", b"x"])),
    ],
    lambda r: [b"CLIENT", b"UNPAUSE"],
    lambda r: [b"CLIENT", b"PAUSE", r.choice([b"x", b"-1"]), *maybe(r, 0.5, b"WRITE")],
    lambda r: [
        b"CLIENT",
        b"KILL",
        *r.choice(
            [
                [b"1.2.3.4:5"],
                [b"ID", b"99999999"],
                [b"ID", b"x"],
                [b"TYPE", b"x"],
                [b"ADDR", b"a:1", b"SKIPME", b"x"],
                [b"ID"],
                [b"NOPE", b"x"],
                [b"USER", b"nouser"],
                [b"LADDR", b"1.2.3.4:1"],
                [b"MAXAGE", b"x"],
            ]
        ),
    ],
    lambda r: [b"CLIENT", b"REPLY", r.choice([b"ON", b"x"])],
    lambda r: [b"CLIENT", r.choice([b"NOPE", b"LIST", b"INFO", b"ID"]), b"extra"],
    lambda r: [b"CLIENT"],
    lambda r: [b"CLIENT", b"GETREDIR"],
    lambda r: [b"CLIENT", b"TRACKINGINFO"],
    lambda r: [
        b"HELLO",
        *r.choice(
            [
                [],
                [b"2"],
                [b"3"],
                [b"4"],
                [b"x"],
                [b"1"],
                [b"3", b"SETNAME", b"me"],
                [b"2", b"AUTH", b"default", b"x"],
                [b"3", b"NOPE"],
                [b"3", b"AUTH", b"u"],
                [b"2", b"SETNAME", b"a b"],
            ]
        ),
    ],
    lambda r: [b"AUTH", *r.choice([[b"x"], [b"default", b"x"], [b"nouser", b"x"], [b"a", b"b", b"c"]])],
    lambda r: [b"RESET"],
    lambda r: [b"TIME", *maybe(r, 0.2, b"x")],
    lambda r: [b"DBSIZE", *maybe(r, 0.2, b"x")],
    lambda r: [b"COMMAND", r.choice([b"COUNT", b"NOPE"]), b"x"],
    lambda r: [
        b"COMMAND",
        b"GETKEYS",
        *r.choice(
            [
                [b"SET", b"a", b"b"],
                [b"MSET", b"a", b"1", b"b", b"2"],
                [b"LMPOP", b"2", b"a", b"b", b"LEFT"],
                [b"PING"],
                [b"NOSUCH"],
                [b"GET"],
                [b"SORT", b"a", b"STORE", b"b"],
                [b"BLPOP", b"a", b"b", b"0"],
                [b"COPY", b"a", b"b"],
                [b"MSETEX", b"1", b"a", b"b"],
            ]
        ),
    ],
    lambda r: [b"COMMAND", b"INFO", b"nosuch"],
    lambda r: [b"COMMAND", b"DOCS", b"nosuch"],
    lambda r: [b"COMMAND", b"LIST", b"FILTERBY", r.choice([b"PATTERN", b"NOPE"]), b"xyz*"],
    lambda r: [b"CONFIG", b"GET", r.choice([b"appendfsync", b"nosuch", b"timeout", b"databases", b"maxclients"])],
    lambda r: [
        b"CONFIG",
        b"SET",
        *r.choice(
            [
                [b"timeout", b"x"],
                [b"nosuch", b"1"],
                [b"timeout", b"0", b"timeout", b"0"],
                [b"timeout"],
                [b"timeout", b"-1"],
                [b"maxmemory-policy", b"x"],
                [b"appendfsync", b"x"],
                [b"port", b"70000"],
                [b"timeout", b"0"],
                [b"hz", b"10"],
                [b"databases", b"3"],
            ]
        ),
    ],
    lambda r: [b"CONFIG", r.choice([b"NOPE", b"GET", b"RESETSTAT"]), *maybe(r, 0.3, b"x")],
    lambda r: [
        b"SLOWLOG",
        *r.choice([[b"RESET"], [b"LEN", b"x"], [b"GET", b"x"], [b"GET", b"-2"], [b"NOPE"], [b"GET", b"0"], []]),
    ],
    lambda r: [
        b"DEBUG",
        *r.choice(
            [
                [b"SLEEP", b"0"],
                [b"SLEEP"],
                [b"NOPE"],
                [b"SET-ACTIVE-EXPIRE", b"1"],
                [
                    b"PROTOCOL",
                    r.choice(
                        [
                            b"string",
                            b"integer",
                            b"double",
                            b"null",
                            b"array",
                            b"set",
                            b"map",
                            b"attrib",
                            b"push",
                            b"verbatim",
                            b"true",
                            b"false",
                            b"bignum",
                            b"nope",
                        ]
                    ),
                ],
                [b"LOG", b"x"],
                [b"QUICKLIST-PACKED-THRESHOLD", b"100b"],
                [b"REPLYBUFFER", b"RESIZING", b"0"],
                [b"OBJECT", b"nokey"],
                [b"OBJECT"],
            ]
        ),
    ],
    lambda r: [b"OBJECT", *r.choice([[b"ENCODING"], [b"NOPE", b"k"], [b"FREQ", b"nokey"], [b"HELP", b"x"], []])],
    lambda r: [b"SHUTDOWN", *r.choice([[b"NOPE"], [b"SAVE", b"NOSAVE"], [b"ABORT", b"x"], [b"ABORT"]])],
    lambda r: [b"NOSUCH", value(r).replace(b"\0", b"0"), value(r).replace(b"\0", b"0")],
    lambda r: [b"nosuch" * 30, b"x" * 200],
    lambda r: [b"", b"x"],
    lambda r: [b"WAIT", 0, 0],
    lambda r: [b"FLUSHALL", r.choice([b"ASYNC", b"SYNC", b"x"])],
    lambda r: [b"LASTSAVE", b"x"],
    lambda r: [b"MONITOR", b"x"],
    lambda r: [b"WAITAOF", *r.choice([[0, 0, 0], [2, 0, 0], [b"x", 0, 0], [0, 0, -1], [0, b"x", 0], [0, 0, b"x"]])],
    lambda r: [b"QUIT", b"x"] if r.random() < 0.1 else [b"PING"],
    lambda r: [b"LOLWUT", b"VERSION", b"x"] if r.random() < 0.1 else [b"PING"],
    lambda r: [b"INFO", b"nosuch"],
    lambda r: [b"SWAPDB", b"0", b"99"],
    lambda r: [b"SET", b"s1", b"1"],
    lambda r: [b"GET", b"s1"],
]
