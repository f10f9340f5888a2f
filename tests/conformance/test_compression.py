"""`compression`: strings and records that are kept compressed, which shows only in figures."""

import json
import time

import pytest

pytestmark = pytest.mark.ours

METHODS = ["lz4", "zstd"]


def record(number):
    return {
        "id": number,
        "name": f"name-{number * 7919 % 1000}",
        "state": ["new", "paid", "sent"][number % 3],
        "total": number * 31 % 977 + 0.25,
        "address": {"city": "Berlin", "street": f"Long Road {number % 90}"},
        "updated": f"2026-11-{number % 28 + 1:02}T10:00:00Z",
    }


def fill(server, numbers):
    with server.client() as c:
        for number in numbers:
            assert c("TABLE.PUT", "orders", number, json.dumps(record(number))) == b"OK"
            assert c("SET", f"page:{number}", f"<p>{json.dumps(record(number))}</p>" * 3) == b"OK"


def check(server, numbers):
    with server.client() as c:
        for number in numbers:
            assert json.loads(c("TABLE.GET", "orders", number)) == record(number)
            assert c("GET", f"page:{number}").decode() == f"<p>{json.dumps(record(number))}</p>" * 3


def wait_for_dictionaries(server, count):
    """They are made in the background, ten times a second."""
    end = time.monotonic() + 20
    while int(server.info("memory")["compression_dictionaries"]) < count:
        assert time.monotonic() < end, server.info("memory")
        time.sleep(0.05)


@pytest.mark.parametrize("method", METHODS)
def test_figures_tell_what_compression_saves(start, method):
    server = start(compression=method)
    fill(server, range(1000))
    wait_for_dictionaries(server, 2)
    fill(server, range(1000))
    seen = server.info("memory")
    assert seen["compression"] == method
    assert int(seen["compressed_values"]) == 2000
    assert int(seen["compressed_bytes"]) < 0.5 * int(seen["compressed_bytes_before"])
    assert float(seen["compression_ratio"]) < 0.5
    assert int(seen["compression_dictionary_bytes"]) < 100_000
    with server.client() as c:
        usage = c("MEMORY", "USAGE", "page:1")
        assert c("CONFIG", "SET", "compression", "none") == b"OK"
        fill(server, [1])
        assert c("MEMORY", "USAGE", "page:1") > 2 * usage
        assert int(server.info("memory")["compressed_values"]) == 1998
        assert c("STRLEN", "page:2") == len(f"<p>{json.dumps(record(2))}</p>" * 3)
        assert c("DBSIZE") == 2000
    check(server, range(0, 1000, 50))


def test_without_it_nothing_is_compressed(start):
    server = start()
    fill(server, range(600))
    seen = server.info("memory")
    assert (seen["compression"], seen["compressed_values"], seen["compression_dictionaries"]) == ("none", "0", "0")


def test_short_values_are_left_as_they_are(start):
    server = start(compression="lz4", compression_min_bytes=200)
    with server.client() as c:
        c("SET", "short", "ab" * 99)
        c("SET", "long", "ab" * 100)
        assert server.info("memory")["compressed_values"] == "1"
        assert c("CONFIG", "SET", "compression-min-bytes", "10") == b"OK"
        c("SET", "short", "ab" * 99)
        assert server.info("memory")["compressed_values"] == "2"


def test_the_method_may_change_between_restarts_and_kills(start):
    server = start(compression="lz4")
    fill(server, range(700))
    wait_for_dictionaries(server, 2)
    for day, method in enumerate(["none", "zstd", "lz4", "none", "lz4"]):
        numbers = range(700 + 50 * day)
        fill(server, numbers[-80:])
        server.directives["compression"] = method
        if day % 2 == 0:
            server.terminate(10)
        server.restart()
        check(server, numbers)
        with server.client() as c:
            digest = c("DEBUG", "DIGEST")
            assert c("DEBUG", "RELOAD") == b"OK"
            assert c("DEBUG", "DIGEST") == digest
            fill(server, range(700 + 50 * day, 750 + 50 * day))
    check(server, range(950))


def test_a_digest_and_a_dump_are_those_of_the_values(start):
    one, other = start(compression="lz4", compression_min_bytes=16), start()
    for server in (one, other):
        with server.client() as c:
            for number in range(300):
                c("SET", f"k:{number}", f"a line of text with {number} in it, " * 9)
    with one.client() as c, other.client() as plain:
        assert int(one.info("memory")["compressed_values"]) == 300
        assert c("DEBUG", "DIGEST") == plain("DEBUG", "DIGEST")
        assert c("DUMP", "k:7") == plain("DUMP", "k:7")
        payload = c("DUMP", "k:7")
        c("DEL", "k:7")
        assert c("RESTORE", "k:7", 0, payload) == b"OK"
        assert c("DEBUG", "DIGEST") == plain("DEBUG", "DIGEST")
        assert c("OBJECT", "ENCODING", "k:7") == plain("OBJECT", "ENCODING", "k:7")


def test_namespaces_compress_as_the_server_does_and_read_it_after_a_restart(start):
    server = start(compression="lz4")
    texts = [f"<p>{json.dumps(record(number))}</p>" for number in range(1200)]

    def figures(c):
        lines = c("INFO", "memory").decode().splitlines()
        return dict(line.split(":", 1) for line in lines if line.startswith("compress"))

    with server.client() as c:
        assert c("NAMESPACE", "CREATE", "tenant") == b"OK"
        assert c("NAMESPACE", "USE", "tenant") == b"OK"
        for number, text in enumerate(texts[:800]):
            c("SET", f"page:{number}", text)
        end = time.monotonic() + 20
        while figures(c)["compression_dictionaries"] == "0":
            assert time.monotonic() < end, figures(c)
            time.sleep(0.05)
        for number, text in enumerate(texts):
            c("SET", f"page:{number}", text)
        assert figures(c)["compressed_values"] == "1200"
        assert float(figures(c)["compression_ratio"]) < 0.5
        assert c("CONFIG", "SET", "compression", "none") == b"OK"
        assert figures(c)["compression"] == "none"
        c("SET", "page:0", texts[0])
        assert figures(c)["compressed_values"] == "1199"
    assert server.info("memory")["compressed_values"] == "0"
    server.restart()
    with server.client() as c:
        assert c("NAMESPACE", "USE", "tenant") == b"OK"
        assert [c("GET", f"page:{number}").decode() for number in range(1200)] == texts
