"""What goes into a record comes out of it, or is refused by the name of the field."""

import asyncio
import enum
import json
import math
import random
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from uuid import UUID

import pytest

from python.memdb.session import on
from ramekin._records import DEPTH_MAX, decode, encode
from ramekin.errors import SchemaError

EAST = timezone(timedelta(hours=5, minutes=30))
VALUES = {
    "datetime": [
        datetime(2026, 11, 21, 8, 30), datetime(2026, 11, 21, 8, 30, 15, 250, tzinfo=timezone.utc), datetime(1, 1, 1, tzinfo=EAST),
        datetime.max, datetime.min,
    ],
    "date": [date(2026, 11, 21), date.min, date.max],
    "time": [time(8, 30), time(23, 59, 59, 999999), time(1, 2, 3, tzinfo=EAST)],
    "timedelta": [
        timedelta(0), timedelta(1), timedelta(days=3, hours=4, minutes=5, seconds=6, microseconds=7), -timedelta(microseconds=1),
        -timedelta(days=2, seconds=3), timedelta.max, timedelta.min, timedelta(seconds=0.5),
    ],
    "decimal": [Decimal("1.10"), Decimal("-0.001"), Decimal(5), Decimal("1E+30"), Decimal("12345678901234567890.123456789012345678901")],
    "uuid": [UUID(int=0), UUID("6f1c2b1e-7a44-4b50-9d2e-0d3a5b6c7d8e")],
    "bytes": [b"", b"\0\xff", bytes(range(256))],
    "text": ["\0", "a\0b", "\ud800", "\\0", "\\\0\\u0000", "\udfff\\ud800\0"],
    None: [
        "", "text", "ключ 📞", "\\", '"', "\n\x01\x7f", 0, -1, 2**63, -(2**64), 10**100, True, False, None, 0.1, 1.0, 1e16, -1e22, 1e300,
        5e-324, 1.7976931348623157e308, 123456789.12345679, [], {}, [[]], {"a": {"b": [1, {"c": None}]}}, [None, True, 1.5, "x"],
    ],
}
ALL = [(kind, value) for kind, values in VALUES.items() for value in values]


def same(one, other):
    """Equal, of the same types all the way down."""
    if isinstance(one, dict):
        return type(other) is dict and one.keys() == other.keys() and all(same(one[name], other[name]) for name in one)
    if isinstance(one, list):
        return type(other) is list and len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, datetime):
        return type(other) is datetime and one == other and one.utcoffset() == other.utcoffset()
    return type(one) is type(other) and one == other


@pytest.mark.parametrize(("noted", "value"), ALL, ids=lambda it: ascii(it)[:30])
def test_a_value_comes_back_as_it_was_wherever_it_stands(noted, value):
    for record in ({"f": value}, {"a": [1, {"b": value}]}, {"a/b~c": {"": value}}, {"0": [[value], value]}):
        text = encode(record)
        assert same(record, decode(text)), text
        stored = json.loads(text)
        kinds = set(stored.pop("$types", {}).values())
        if noted == "text" and value == "\\0":
            noted = None
        assert kinds == ({noted} if noted else set()), text


def test_what_is_stored_can_be_read_by_people():
    text = encode({
        "when": datetime(2026, 11, 21, 8, 30, tzinfo=timezone.utc), "day": date(2026, 11, 21), "at": time(8, 30),
        "took": timedelta(days=1, hours=2, seconds=4.5), "price": Decimal("19.90"), "id": UUID(int=1), "raw": b"\0\1",
        "items": [{"price": Decimal("1E+3")}],
    })
    assert json.loads(text) == {
        "when": "2026-11-21T08:30:00+00:00", "day": "2026-11-21", "at": "08:30:00", "took": "P1DT2H4.5S", "price": 19.9,
        "id": "00000000-0000-0000-0000-000000000001", "raw": "AAE=", "items": [{"price": 1000}],
        "$types": {
            "/when": "datetime", "/day": "date", "/at": "time", "/took": "timedelta", "/price": "decimal", "/id": "uuid",
            "/raw": "bytes", "/items/0/price": "decimal",
        },
    }
    assert b'"price":19.90' in text


class Colour(enum.Enum):
    RED = 1


class Word(str):
    """A subclass of what JSON has."""


def itself():
    record = {}
    record["me"] = [record]
    return record


@pytest.mark.parametrize(
    ("record", "said"),
    [
        ({"a": math.nan}, "'a' holds nan"),
        ({"a": [1, {"b": math.inf}]}, r"'a\[1\]\.b' holds inf"),
        ({"a": -math.inf}, "'a' holds -inf"),
        ({"a": Decimal("NaN")}, "'a' holds NaN"),
        ({"a": Decimal("1E+5000")}, "'a' holds a Decimal of too many digits"),
        ({"a": Decimal("1E-20000")}, "'a' holds a Decimal of too many digits"),
        ({"a": Decimal("1E+99999999")}, "'a' holds a Decimal of too many digits"),
        ({"a": 10**5000}, "'a' holds an integer of more than 4300 digits"),
        ({"a": {1, 2}}, "'a' holds set"),
        ({"a": object()}, "'a' holds object"),
        ({"a": 1j}, "'a' holds complex"),
        ({"a": Colour.RED}, "'a' holds Colour"),
        ({1: "a"}, "key of type int"),
        ({"a": {None: 1}}, "'a' has a key of type NoneType"),
        ({"a": [{("x",): 1}]}, r"'a\[0\]' has a key of type tuple"),
        ({"a\0b": 1}, "key with a zero character"),
        ({"a": {"\ud800": 1}}, "'a' has a key with a zero"),
        ({"$types": {}}, r"'\$types' is reserved"),
        ({"$types": 1, "a": date.min}, r"'\$types' is reserved"),
        (itself(), "'me.*nested more than"),
        ([], "dict, not list"),
        ("{}", "dict, not str"),
    ],
)
def test_what_a_record_cannot_hold_is_refused_by_the_name_of_its_field(record, said):
    with pytest.raises(SchemaError, match=said):
        encode(record)


def test_records_may_be_nested_deeply_but_not_without_end():
    def nested(levels):
        record = {}
        for _ in range(levels - 1):
            record = {"a": record}
        return record

    assert decode(encode(nested(DEPTH_MAX))) == nested(DEPTH_MAX)
    with pytest.raises(SchemaError, match="nested more than"):
        encode(nested(DEPTH_MAX + 1))


def test_a_tuple_comes_back_as_a_list_and_a_subclass_as_what_it_is_one_of():
    assert decode(encode({"a": (1, (date.min,))})) == {"a": [1, [date.min]]}
    record = decode(encode({Word("a"): Word("b"), "n": enum.IntEnum("N", "X").X, "raw": bytearray(b"x")}))
    assert same(record, {"a": "b", "n": 1, "raw": b"x"})


def test_a_note_that_no_longer_fits_is_passed_over():
    notes = {"/gone": "date", "/day": "date", "/deep/0/x": "uuid", "/n": "decimal", "/ok": "date", "": "date", "x": "date", "/l/-": "uuid"}
    stored = {"day": "tomorrow", "deep": {}, "n": "1.5", "ok": "2026-11-21", "l": [], "$types": notes}
    assert decode(json.dumps(stored)) == {"day": "tomorrow", "deep": {}, "n": "1.5", "ok": date(2026, 11, 21), "l": []}


@pytest.mark.parametrize("notes", [[], "x", 1, None, {"/a": "colour"}, {"/a": 1}])
def test_a_field_named_like_the_notes_that_is_none_is_left_as_it_is(notes):
    stored = {"a": "2026-11-21", "$types": notes}
    assert decode(json.dumps(stored)) == stored


def random_records(seed, count):
    """Records of all kinds of values, nested."""
    chance = random.Random(seed)
    leaves = [value for _, value in ALL if not isinstance(value, (dict, list))]

    def value(depth):
        kind = chance.random()
        if depth and kind < 0.2:
            return {chance.choice(["a", "b/c", "~", "", "0", "$types"]): value(depth - 1) for _ in range(chance.randrange(4))}
        if depth and kind < 0.4:
            return [value(depth - 1) for _ in range(chance.randrange(4))]
        if kind > 0.9:
            small, any_size = chance.uniform(-1e3, 1e3), chance.gauss(0, 1) * 10.0 ** chance.randrange(-300, 300)
            return chance.choice([small, any_size, chance.getrandbits(90)])
        return chance.choice(leaves)

    for _ in range(count):
        yield {name: value(4) for name in chance.sample("abcdef", chance.randrange(6))}


def test_random_records_come_back_as_they_were():
    for record in random_records(7, 2000):
        assert same(record, decode(encode(record))), record


@pytest.mark.places("folder", "server")
def test_a_record_is_the_same_to_the_engine_however_it_gets_there(address):
    async def body(db):
        for record in random_records(8, 500):
            await db.insert("t", "k", record)
            text = await db._run("TABLE.GET", "t", "k")
            await db._run("TABLE.PUT", "t", "k2", encode(record))
            assert text == await db._run("TABLE.GET", "t", "k2"), record
            assert same(record, await db.get("t", "k")), record
            assert same(record, await db.get("t", "k2")), record

    on(address, body)


def test_values_come_back_through_memory_and_queries(address):
    async def body(db):
        for n, (_, value) in enumerate(ALL):
            await db.insert("t", f"{n:03d}", {"f": value, "in": [value]})
        for n, (_, value) in enumerate(ALL):
            assert same({"f": value, "in": [value]}, await db.get("t", f"{n:03d}"))
        rows = await db.query("t", "ORDER BY key", limit=None)
        assert len(rows) == len(ALL)
        for row, (_, value) in zip(rows, ALL, strict=True):
            del row["_key"]
            assert same({"f": value, "in": [value]}, row)
        assert [row["_key"] for row in await db.query("t", "data->>'f' = '2026-11-21'")] == [
            f"{n:03d}" for n, (_, value) in enumerate(ALL) if value == date(2026, 11, 21) and type(value) is date
        ]

    on(address, body)


def test_values_come_back_from_the_database(behind):
    async def body():
        async with behind.open(evict_interval=0) as db:
            for n, (_, value) in enumerate(ALL):
                await db.insert("t", f"{n:03d}", {"f": value, "in": [value]})
            await db.flush()
            assert db.stats()["quarantined_records"] == 0
            assert await db.evict_idle() == len(ALL)
            rows = await db.query("t", "ORDER BY key", limit=None)
            for n, (row, (_, value)) in enumerate(zip(rows, ALL, strict=True)):
                assert same({"f": value, "in": [value], "_key": f"{n:03d}"}, row)
                assert same({"f": value, "in": [value]}, await db.get("t", f"{n:03d}"))

    asyncio.run(body())


@pytest.mark.places("folder", "server")
def test_a_declared_timestamp_takes_moments_as_objects_texts_and_numbers(address):
    async def body(db):
        await db.create_table("t", {"at": "timestamp"})
        moments = [datetime(2026, 11, 21, 8, 30), datetime(2026, 1, 1, tzinfo=timezone.utc), date(2026, 11, 21), 1700000000.5]
        for at in moments:
            await db.insert("t", "k", {"at": at})
            assert same({"at": at}, await db.get("t", "k"))
        await db.insert("t", "k", {"at": moments[0]})
        assert len(await db.query("t", "(data->>'at')::timestamp > '2026-11-20'")) == 1
        for wrong in (time(8), timedelta(1), b"2026-11-21"):
            with pytest.raises(SchemaError, match="'at'"):
                await db.insert("t", "k", {"at": wrong})

    on(address, body)


def test_what_is_returned_is_the_callers_own(address):
    async def body(db):
        given = {"list": [1, {"n": 1}], "dict": {"a": []}}
        await db.insert("t", "k", given)
        given["list"][1]["n"] = "changed"
        first, second = await db.get("t", "k"), await db.get("t", "k")
        assert first == {"list": [1, {"n": 1}], "dict": {"a": []}}
        first["list"][1]["n"] = "changed"
        first["dict"]["a"].append(1)
        (row,) = await db.query("t")
        row["dict"]["a"].append(2)
        assert second == await db.get("t", "k") == {"list": [1, {"n": 1}], "dict": {"a": []}}

    on(address, body)


@pytest.mark.parametrize("number", ["9" * 5000, "-" + "9" * 5000])
def test_a_number_of_more_digits_than_python_reads_is_a_decimal(number):
    assert decode('{"a":%s,"b":1}' % number) == {"a": Decimal(number), "b": 1}


def test_a_note_that_is_no_text_is_a_field_as_any_other():
    record = {"$types": {"/a": []}, "a": 1}
    assert decode(json.dumps(record)) == record


def test_bytes_that_lie_apart_are_kept():
    assert decode(encode({"a": memoryview(b"abcdef")[::2]})) == {"a": b"ace"}


@pytest.mark.places("memory")
def test_a_query_finds_the_records_beside_one_that_others_have_put(address):
    async def run(db):
        await db.insert("t", "plain", {"a": 1})
        await db._run("TABLE.PUT", "t", "large", '{"a":1e5000}')
        await db._run("TABLE.PUT", "t", "noted", '{"$types":{"/a":[]},"a":1}')
        return {record["_key"] for record in await db.query("t")}

    assert on(address, run) == {"plain", "large", "noted"}
