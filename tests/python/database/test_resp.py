"""The protocol as bytes: what is written, and replies that arrive in any pieces."""

import random

import pytest

from ramekin import errors
from ramekin._resp import Decoder, ProtocolError, Push, encode

REPLIES = [
    (b"+OK\r\n", "OK"),
    (b":-12\r\n", -12),
    (b"$5\r\nhello\r\n", b"hello"),
    (b"$0\r\n\r\n", b""),
    (b"$4\r\n\r\n\r\n\r\n", b"\r\n\r\n"),
    (b"$-1\r\n", None),
    (b"*-1\r\n", None),
    (b"_\r\n", None),
    (b"*0\r\n", []),
    (b"%0\r\n", {}),
    (b"~2\r\n:1\r\n:1\r\n", [1, 1]),
    (b"*3\r\n:1\r\n*2\r\n$1\r\na\r\n*0\r\n+x\r\n", [1, [b"a", []], "x"]),
    (b"%2\r\n$1\r\na\r\n:1\r\n$1\r\nb\r\n*1\r\n_\r\n", {b"a": 1, b"b": [None]}),
    (b"%1\r\n*1\r\n:1\r\n:2\r\n", [[[1], 2]]),
    (b"#t\r\n", True),
    (b"#f\r\n", False),
    (b",1.5\r\n", 1.5),
    (b",-inf\r\n", float("-inf")),
    (b"(3492890328409238509324850943850943825024385\r\n", 3492890328409238509324850943850943825024385),
    (b"=8\r\ntxt:text\r\n", b"text"),
    (b">2\r\n+message\r\n:1\r\n", Push(["message", 1])),
    (b"|1\r\n+ttl\r\n:9\r\n:5\r\n", 5),
    (b"*2\r\n|1\r\n+ttl\r\n:9\r\n:5\r\n:6\r\n", [5, 6]),
]


@pytest.mark.parametrize("text, value", REPLIES)
def test_a_reply_means_the_same_in_one_piece_and_byte_by_byte(text, value):
    assert Decoder().feed(text) == [value]
    decoder = Decoder()
    found = [decoder.feed(text[i : i + 1]) for i in range(len(text))]
    assert found[:-1] == [[]] * (len(text) - 1) and found[-1] == [value]
    assert type(found[-1][0]) is type(value)


def test_replies_in_random_pieces_come_out_in_order():
    rng = random.Random(7)
    for _ in range(300):
        chosen = rng.choices(REPLIES, k=rng.randrange(1, 30))
        text = b"".join(part for part, _ in chosen)
        decoder, found = Decoder(), []
        while text:
            cut = rng.randrange(1, 40)
            found += decoder.feed(text[:cut])
            text = text[cut:]
        assert found == [value for _, value in chosen]
        assert decoder.wanted == 0


def test_errors_are_of_their_kind_and_keep_the_whole_text():
    text = b"-WRONGTYPE Operation against a key\r\n!12\r\nERR it\r\nis x\r\n-oops lower case\r\n"
    wrong, blob, plain = Decoder().feed(text)
    assert type(wrong) is errors.WrongTypeError and str(wrong) == "WRONGTYPE Operation against a key"
    assert type(blob) is errors.CommandError and str(blob) == "ERR it\r\nis x"
    assert plain.code == "ERR" and str(plain) == "oops lower case"


def test_a_long_value_is_waited_for_by_its_length():
    decoder = Decoder()
    assert decoder.feed(b"*2\r\n:1\r\n$100000\r\nab") == []
    assert decoder.wanted == 100_000
    assert decoder.feed(b"x" * 99_998) == []
    assert decoder.wanted == 2
    [[one, value]] = decoder.feed(b"\r\n")
    assert one == 1 and value == b"ab" + b"x" * 99_998


def test_a_long_value_in_many_pieces_is_not_copied_for_each():
    import time

    def seconds(size):
        decoder, began = Decoder(), time.perf_counter()
        decoder.feed(b"$%d\r\n" % size)
        for _ in range(size // 1000):
            decoder.feed(b"x" * 1000)
        assert len(decoder.feed(b"\r\n")[0]) == size
        return time.perf_counter() - began

    # Some hundredths of a second; if each piece were copied with all before it, these were 512 GB.
    assert seconds(32_000_000) < 10


def test_thousands_of_levels_need_no_stack():
    [value] = Decoder().feed(b"*1\r\n" * 100_000 + b":1\r\n")
    for _ in range(100_000):
        [value] = value
    assert value == 1


@pytest.mark.parametrize("text", [b"HTTP/1.1 400 Bad Request\r\n", b"$x\r\n", b":\r\n", b"#maybe\r\n", b"*1\r\n?\r\n", b"\r\n"])
def test_what_is_not_the_protocol_is_said_so(text):
    with pytest.raises(ProtocolError):
        Decoder().feed(text)


def test_arguments_are_written_as_what_they_are():
    written = encode(["SET", b"\x00\r\n", "\u00e9", 12, 1.5, bytearray(b"a"), memoryview(b"b")])
    assert written == b"*7\r\n$3\r\nSET\r\n$3\r\n\x00\r\n\r\n$2\r\n\xc3\xa9\r\n$2\r\n12\r\n$3\r\n1.5\r\n$1\r\na\r\n$1\r\nb\r\n"


@pytest.mark.parametrize("arg", [None, True, [1], {"a": 1}, object()])
def test_what_is_no_argument_is_refused(arg):
    with pytest.raises(TypeError):
        encode(["SET", "k", arg])
