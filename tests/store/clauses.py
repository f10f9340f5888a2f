"""Records and queries made up from a source of choices, for comparing who answers them.

Both are drawn from few names and values, those at which meanings part: missing paths, other types than expected, numbers beyond
a double, texts that nearly read as something else. What is made is text that Ramekin takes, but for a few clauses that it
refuses; whether PostgreSQL takes it as it stands depends on the records.
"""

import json

FIELDS = ["state", "seconds", "score", "tags", "at", "who", "é", "a.b"]
STATES = ["ringing", "idle", "held", "Ringing", "", "ring%", "r_ng", "back\\slash", "it's", "Été", "été", "😀 smile", "null"]
TEXTS = STATES + [
    "12", "012", " 12 ", "12.50", "12.5", "-0.0", ".5", "1e3", "1e400", "9007199254740993", "2147483648", "0x1F", "NaN",
    "true", "off", "[1]", '{"a": 1}', "2026-11-21", "2026-11-21 08:30:15+01", "2026-02-30", "2026-1-1", "ab" * 40, "\t", "a\nb",
    "ß", "SS",
]
# Forms of numbers and moments that a cast reads there and not here.
READ_BY_POSTGRESQL_ALONE = ["0x1F", "NaN", "2026-1-1"]
# As they are written in a record: digits matter.
NUMBERS = [
    "0", "-0", "1", "2", "12", "60", "10000", "10001", "-1", "0.0", "1.50", "1.5", "12.000", "-2.5", "0.1", "1e3", "1E-3",
    "9007199254740992", "9007199254740993", "-9007199254740993", "9007199254740993.50", "2147483647", "2147483648",
    "9223372036854775807", "9223372036854775808", "123456789012345678901234567890.12300", "1e20", "1e-20", "1e400", "-1e-400",
]
# As they stand in a clause.
CONSTANTS = ["0", "1", "12", "60", "10000", "-1", "1.5", "12.0", "2147483648", "9007199254740993", "1e20", "0.1"]
COMPARISONS = ["=", "=", "<>", "!=", "<", "<=", ">", ">="]
MOMENTS = ["2026-11-21", "2026-11-21 08:30", "2026-11-21T08:30:15.25Z", "2026-11-21 08:30:15+01:00", "0001-01-01"]


def quoted(text):
    return "'" + text.replace("'", "''") + "'"


class Maker:
    """Makes records, clauses and queries by the choices of `r`; records hold these texts."""

    def __init__(self, r, texts=TEXTS):
        self.r = r
        self.texts = texts

    def one_in(self, count):
        return self.r.randrange(count) == 0

    # Records.

    def record(self):
        """The JSON of a record."""
        fields = {name: self.field(name) for name in FIELDS if not self.one_in(4)}
        if self.one_in(12):
            fields["deep"] = "[" * 40 + self.r.choice(NUMBERS) + "]" * 40
        if self.one_in(4):
            fields[""] = self.value(0)
        pairs = [f"{json.dumps(name, ensure_ascii=self.one_in(2))}: {value}" for name, value in fields.items()]
        self.r.shuffle(pairs)
        if pairs and self.one_in(10):
            # A name that is there twice: the last one counts.
            pairs.append(f'"state": {json.dumps(self.r.choice(STATES))}')
        return "{" + ", ".join(pairs) + "}"

    def field(self, name):
        if self.one_in(6):
            return self.value(2)
        if name == "state":
            return json.dumps(self.r.choice(STATES), ensure_ascii=self.one_in(2))
        if name in ("seconds", "score"):
            number = self.r.choice(NUMBERS) if self.one_in(2) else str(self.r.randrange(200))
            return f'"{number}"' if name == "seconds" and self.one_in(2) else number
        if name == "tags":
            return json.dumps([self.r.choice(["new", "vip", "a", "state"]) for _ in range(self.r.randrange(4))])
        if name == "at":
            return json.dumps(self.r.choice(MOMENTS))
        return self.value(3)

    def value(self, depth):
        pick = self.r.randrange(8 if depth == 0 else 12)
        if pick < 1:
            return "null"
        if pick < 2:
            return self.r.choice(["true", "false"])
        if pick < 5:
            return self.r.choice(NUMBERS)
        if pick < 8:
            return json.dumps(self.r.choice(self.texts), ensure_ascii=self.one_in(2))
        if pick < 10:
            return "[" + ", ".join(self.value(depth - 1) for _ in range(self.r.randrange(4))) + "]"
        names = self.r.sample([*FIELDS, "a", "b", ""], self.r.randrange(4))
        return "{" + ", ".join(f"{json.dumps(name)}: {self.value(depth - 1)}" for name in names) + "}"

    # Values in a clause.

    def name(self):
        return self.r.choice([*FIELDS, *FIELDS[:3], *FIELDS[:3], "missing", "deep", "a", ""])

    def path(self):
        """A value of type jsonb."""
        if self.one_in(12):
            return "data"
        if self.one_in(8):
            keys = self.r.choice(["who,a", "tags,0", "who", "state", "é", "missing,x", "tags,-1", ""])
            return f"data#>'{{{keys}}}'"
        out = "data"
        for step in [self.name() for _ in range(self.r.choice([1, 1, 1, 2, 3]))]:
            out += f"->{self.r.choice(['0', '-1', '7'])}" if self.one_in(9) else f"->{quoted(step)}"
        return out

    def text(self):
        if self.one_in(10):
            return "key"
        if self.one_in(8):
            return f"data#>>'{{{self.r.choice(['who,a', 'tags,0', 'state', 'deep,0,0', ''])}}}'"
        if self.one_in(2):
            return f"data->>{quoted(self.name())}"
        path = self.path()
        return f"{path}->>{quoted(self.name())}" if path != "data" or self.one_in(2) else f"{path}->>'state'"

    def number(self):
        kind = self.r.choice(["int", "int", "integer", "bigint", "numeric", "float", "double precision"])
        text = f"data->>{quoted(self.r.choice(['seconds', 'seconds', 'score', 'missing']))}"
        inner = self.r.choice([text, f"data->{quoted(self.name())}"])
        if self.one_in(6):
            return f"CAST({inner} AS {kind})"
        if kind in ("int", "bigint", "numeric") and self.one_in(6):
            return f"(({inner})::{kind} {self.r.choice('+-*/')} {self.r.choice(['2', '7', '-3'])})"
        return f"({inner})::{kind}"

    def moment(self):
        return self.r.choice(["expires_at", "(data->>'at')::timestamptz", "(data->>'at')::date", "(data->>'at')::timestamp"])

    def pattern(self):
        parts = ["%", "_", "r", "ring", "idle", "R", "é", "\\%", "\\_", "\\\\", "'", "1", "😀", "ß", "null", ""]
        return "".join(self.r.choice(parts) for _ in range(self.r.choice([1, 2, 2, 3, 5])))

    # Clauses.

    def condition(self, depth=2):
        pick = self.r.randrange(6) if depth else 5
        if pick < 2:
            sign = self.r.choice([" AND ", " OR "])
            return sign.join(self.part(depth) for _ in range(self.r.choice([2, 2, 3])))
        if pick < 3:
            return f"NOT {self.part(depth)}"
        if pick < 4 and self.one_in(2):
            truth = self.r.choice(["TRUE", "FALSE", "UNKNOWN", "NULL"])
            return f"({self.condition(depth - 1)}) IS {self.negation()}{truth}"
        return self.test()

    def part(self, depth):
        inner = self.condition(depth - 1)
        return inner if self.one_in(4) else f"({inner})"

    def test(self):
        tests = [
            self.test_state, self.test_state, self.test_text, self.test_like, self.test_like, self.test_jsonb_number,
            self.test_jsonb_number, self.test_cast, self.test_cast, self.test_contains, self.test_contains, self.test_has,
            self.test_in, self.test_in, self.test_between, self.test_null, self.test_jsonb, self.test_moment, self.test_key,
        ]
        return self.r.choice(tests)()

    def negation(self):
        return self.r.choice(["", "", "NOT "])

    def test_state(self):
        return f"data->>'state' = {quoted(self.r.choice(STATES))}"

    def test_text(self):
        other = quoted(self.r.choice(TEXTS)) if not self.one_in(5) else self.text()
        sign = self.r.choice([*COMPARISONS, "IS DISTINCT FROM", "IS NOT DISTINCT FROM"])
        return f"{self.text()} {sign} {other}"

    def test_like(self):
        escape = self.r.choice([" ESCAPE '!'", " ESCAPE ''"]) if self.one_in(8) else ""
        return f"{self.text()} {self.negation()}{self.r.choice(['LIKE', 'ILIKE'])} {quoted(self.pattern())}{escape}"

    def test_jsonb_number(self):
        name = self.r.choice(["score", "seconds", "missing", "state"])
        return f"data->{quoted(name)} {self.r.choice(COMPARISONS)} {self.r.choice([*CONSTANTS, *CONSTANTS, 'true', 'false'])}"

    def test_cast(self):
        other = self.number() if self.one_in(5) else self.r.choice(CONSTANTS)
        return f"{self.number()} {self.r.choice(COMPARISONS)} {other}"

    def test_contains(self):
        name = json.dumps(self.r.choice(FIELDS), ensure_ascii=False)
        what = [f"{{{name}: {self.field('state')}}}", '{"tags": ["new"]}', '{"tags": ["vip", "a"]}', "{}", self.value(2)]
        return f"{self.path() if self.one_in(3) else 'data'} {self.r.choice(['@>', '@>', '<@'])} {quoted(self.r.choice(what))}"

    def test_has(self):
        names = [self.r.choice([*FIELDS, "new", "missing", "deep", ""]) for _ in range(2)]
        listed = ", ".join(map(quoted, names))
        return f"{self.path()} " + self.r.choice([f"? {quoted(names[0])}", f"?| ARRAY[{listed}]", f"?& ARRAY[{listed}]"])

    def test_in(self):
        if self.one_in(2):
            items = [self.r.choice(CONSTANTS) for _ in range(self.r.randrange(1, 5))]
            return f"{self.number()} {self.negation()}IN ({', '.join(items)})"
        items = [quoted(self.r.choice(TEXTS)) if not self.one_in(9) else "NULL" for _ in range(self.r.randrange(1, 6))]
        return f"{self.text()} {self.negation()}IN ({', '.join(items)})"

    def test_between(self):
        if self.one_in(2):
            return f"{self.number()} {self.negation()}BETWEEN {self.r.choice(CONSTANTS)} AND {self.r.choice(CONSTANTS)}"
        return f"{self.text()} {self.negation()}BETWEEN {quoted(self.r.choice(TEXTS))} AND {quoted(self.r.choice(TEXTS))}"

    def test_null(self):
        return f"{self.r.choice([self.text, self.path, self.number, self.moment])()} IS {self.negation()}NULL"

    def test_jsonb(self):
        other = self.path() if self.one_in(4) else quoted(self.value(2))
        return f"{self.path()} {self.r.choice(COMPARISONS)} {other}"

    def test_moment(self):
        other = quoted(self.r.choice(MOMENTS)) if self.one_in(2) else f"timestamptz {quoted(self.r.choice(MOMENTS[1:4]))}"
        return f"{self.moment()} {self.r.choice(COMPARISONS)} {other}"

    def test_key(self):
        key = f"k{self.r.randrange(160):03}"
        return self.r.choice([f"key = '{key}'", f"key IN ('{key}', 'none', 'k00''7')", f"key > '{key}'", "key LIKE 'k0%'"])

    # What stands around a clause.

    def order(self):
        """The keys to order by, the last of which tells all records apart."""
        keys = []
        for _ in range(self.r.choice([0, 1, 1, 2, 3])):
            value = self.r.choice([self.text, self.path, self.number, self.moment])()
            keys.append(value + self.r.choice(["", " ASC", " DESC"]) + self.r.choice(["", " NULLS FIRST", " NULLS LAST"]))
        return ", ".join([*keys, "key" + self.r.choice(["", " DESC"])])

    def selected(self):
        """Expressions to be returned, and whether PostgreSQL prints all of them as they are returned."""
        plain = self.one_in(2)
        kinds = [self.text, self.path] if plain else [self.text, self.path, self.number, self.moment]
        return [self.r.choice(kinds)() for _ in range(self.r.randrange(1, 4))], plain
