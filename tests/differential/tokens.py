"""What random commands are made of: keys, values, numbers and words, chosen so that they meet often.

Few keys, so that commands hit what others left; numbers at the edges; words that are nearly options.
"""

FAR = 4102444800  # 2100-01-01, in seconds: an absolute time that no test run reaches
TYPED = {"string": [b"s1", b"s2", b"s3", b"s:{t}"], "list": [b"l1", b"l2", b"l3"], "hash": [b"h1", b"h2", b"h3"]}
ANY = [b"k1", b"k2", b"", b"\x00\xff\r\n", "clé".encode(), b"nokey"]
ALL_KEYS = [key for keys in TYPED.values() for key in keys] + ANY
FIELDS = [b"f1", b"f2", b"f3", b"f4", b"", b"\x00f", b"10"]
NUMBERS = [b"0", b"1", b"-1", b"2", b"3", b"5", b"10", b"-2", b"-3", b"100"]
EDGES = [
    b"9223372036854775807",
    b"9223372036854775808",
    b"-9223372036854775808",
    b"-9223372036854775809",
    b"18446744073709551615",
    b"2147483647",
    b"2147483648",
    b"-2147483648",
    b"4294967295",
    b"4294967296",
]
NOT_NUMBERS = [
    b"",
    b" ",
    b"abc",
    b"1.5",
    b" 1",
    b"1 ",
    b"+1",
    b"01",
    b"-0",
    b"1e3",
    b"0x10",
    b"nan",
    b"inf",
    b"-inf",
    b"1\x00",
    b"--1",
    b"1.",
    b".5",
    b"1_000",
    b"\xff",
    b"1" * 40,
]
FLOATS = [
    b"1.5",
    b"-0.1",
    b"0.1",
    b"1e3",
    b"3.0",
    b"5e-10",
    b"1e300",
    b"-1e300",
    b"0",
    b"10",
    b"inf",
    b"nan",
    b"1e400",
    b"0x1p3",
    b"3.14159265358979323846",
    b"1e17",
    b"123456789012345678",
    b"0.0000001",
    b" 1.5",
    b"1.5 ",
    b"-inf",
    b"+2.5",
    b"1e-320",
]
WORDS = [
    b"NX",
    b"XX",
    b"GT",
    b"LT",
    b"EX",
    b"PX",
    b"EXAT",
    b"PXAT",
    b"KEEPTTL",
    b"PERSIST",
    b"GET",
    b"IFEQ",
    b"COUNT",
    b"MATCH",
    b"LEFT",
    b"RIGHT",
    b"BEFORE",
    b"AFTER",
    b"BY",
    b"LIMIT",
    b"ASC",
    b"DESC",
    b"ALPHA",
    b"STORE",
    b"REPLACE",
    b"DB",
    b"RANK",
    b"MAXLEN",
    b"LEN",
    b"IDX",
    b"MINMATCHLEN",
    b"WITHMATCHLEN",
    b"FIELDS",
    b"FNX",
    b"FXX",
    b"WITHVALUES",
    b"NOVALUES",
    b"TYPE",
    b"ASYNC",
    b"SYNC",
    b"nosuchoption",
]


def value(r):
    """A value: mostly short, at times at the limits of the encodings, at times binary."""
    pick = r.random()
    if pick < 0.3:
        return b"%d" % r.randint(-20, 200)
    if pick < 0.6:
        return r.choice(
            [
                b"a",
                b"b",
                b"c",
                b"hello",
                b"foo bar",
                b"",
                b"A",
                b"\x00\x01\xfe\xff",
                b"x\r\ny",
                b"ohmytext",
                b"mynewtext",
            ]
        )
    if pick < 0.7:
        return r.choice(EDGES + FLOATS)
    if pick < 0.9:
        return bytes([r.choice(b"abcxyz01")]) * r.choice([1, 3, 19, 20, 21, 43, 44, 45, 63, 64, 65, 100])
    if pick < 0.97:
        return bytes(r.randrange(256) for _ in range(r.randint(1, 30)))
    return b"v" * r.choice([200, 1000, 5000, 20000])


def key(r, kind=None):
    """A key: of the kind nine times out of ten, and else any."""
    if kind and r.random() < 0.9:
        return r.choice(TYPED[kind])
    return r.choice(ALL_KEYS)


def field(r):
    """A hash field."""
    return r.choice(FIELDS) if r.random() < 0.9 else value(r)


def fields(r, most=3):
    """One to `most` fields, at times the same one twice."""
    return [field(r) for _ in range(r.randint(1, most))]


def number(r):
    """An integer, or something that nearly is one."""
    pick = r.random()
    return r.choice(NUMBERS) if pick < 0.86 else r.choice(EDGES) if pick < 0.93 else r.choice(NOT_NUMBERS)


def index(r):
    """An index or offset, small."""
    return b"%d" % r.randint(-6, 8) if r.random() < 0.93 else number(r)


def a_float(r):
    """A float, or something that nearly is one."""
    return r.choice(FLOATS) if r.random() < 0.6 else number(r)


def spelled(r, word):
    """An option in one of the spellings of its case."""
    return r.choice([word, word, word.lower(), word.title()])


def maybe(r, chance, *args):
    """The arguments, with this chance; else none."""
    return list(args) if r.random() < chance else []


def wrong_time(r):
    """A time that is refused or long past; small positive ones would pass at chance between two commands."""
    return r.choice([b"0", b"-1", b"-100", *EDGES, *NOT_NUMBERS])


def seconds(r):
    """A relative time to live that outlasts the test."""
    return r.choice([b"100", b"200", b"1000", b"5000", b"100000"]) if r.random() < 0.9 else wrong_time(r)


def milliseconds(r):
    """As `seconds`, in milliseconds."""
    return r.choice([b"100000", b"200500", b"1000000", b"5000999"]) if r.random() < 0.9 else wrong_time(r)


def at_seconds(r):
    """An absolute time: far ahead, or (deleting) past."""
    pick = r.random()
    return (
        b"%d" % (FAR + r.randint(0, 3)) if pick < 0.8 else r.choice([b"1", b"1000000000"]) if pick < 0.9 else number(r)
    )


def at_milliseconds(r):
    """As `at_seconds`, in milliseconds."""
    pick = r.random()
    return (
        b"%d" % (FAR * 1000 + r.randint(0, 3))
        if pick < 0.8
        else r.choice([b"1", b"1000000000000"]) if pick < 0.9 else number(r)
    )


def expiry(r, *more):
    """One of the four expiry options with its time, or one of `more`, or at times two at once."""
    choices = [(b"EX", seconds), (b"PX", milliseconds), (b"EXAT", at_seconds), (b"PXAT", at_milliseconds)]
    out = []
    for _ in range(1 if r.random() < 0.92 else 2):
        if more and r.random() < 0.3:
            out.append(spelled(r, r.choice(more)))
        else:
            word, when = r.choice(choices)
            out += [spelled(r, word), when(r)]
    return out
