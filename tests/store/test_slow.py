"""A store that is slow, or whose connections break: reads of what is in memory stay quick, and nothing is lost or doubled."""

import os
import threading
import time

import pytest

from store.behind import FAST, settle, sql, until
from store.load import Load
from store.proxy import Proxy
from store.test_failures import check_against_the_store, limited

SECONDS = float(os.environ.get("TEST_STORE_SECONDS", 8))
SEED = os.environ.get("TEST_SEED", "1")

pytestmark = pytest.mark.ours


def test_reads_of_what_is_in_memory_do_not_wait_for_a_slow_store(start_ramekin, postgres, schema, url):
    server = start_ramekin(store=url, **{**FAST, "evict-interval": "0"})
    with server.client() as client:
        client.pipeline([("SET", f"key{n}", "v" * 200) for n in range(2000)])
        settle(server)
        sql(
            postgres,
            f"CREATE FUNCTION {schema}.slow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(1); RETURN NULL; END $$",
            f"CREATE TRIGGER slow BEFORE INSERT OR UPDATE ON {schema}.ramekin_keys"
            f" FOR EACH STATEMENT EXECUTE FUNCTION {schema}.slow()",
        )
        stop, lags = threading.Event(), []

        def write():
            with server.client() as writer:
                at = 0
                while not stop.is_set():
                    at += 1
                    assert writer("SET", f"key{at % 2000}", f"new{at}") == b"OK"

        def look():
            while not stop.is_set():
                lags.append(float(server.info("store")["store_lag_seconds"]))
                time.sleep(0.1)

        threads = [threading.Thread(target=work) for work in (write, look)]
        for thread in threads:
            thread.start()
        waits, deadline = [], time.monotonic() + SECONDS / 2
        while time.monotonic() < deadline:
            begun = time.monotonic()
            assert client("GET", f"key{len(waits) % 2000}")
            waits.append(time.monotonic() - begun)
        stop.set()
        for thread in threads:
            thread.join()
        waits.sort()
        p99, lag = waits[len(waits) * 99 // 100] * 1000, max(lags)
        print(f"{len(waits)} reads beside a store that takes a second for each batch: p99 {p99:.2f} ms; lag up to {lag:.1f} s")
        assert 0.5 < lag < 30, lag
        sql(postgres, f"DROP TRIGGER slow ON {schema}.ramekin_keys")
        settle(server)
        assert float(server.info("store")["store_lag_seconds"]) == 0


def test_commits_whose_connections_break_count_once(start_ramekin, postgres, url):
    with Proxy(postgres.port, SEED) as proxy:
        server = limited(start_ramekin, proxy.url(url))
        proxy.cut_commits, proxy.delay_s = 0.1, 0.002
        load = Load(server, SEED)
        load.start()
        deadline = time.monotonic() + SECONDS / 2
        while time.monotonic() < deadline or proxy.cuts < 4:
            assert time.monotonic() < deadline + 60, "nothing was in doubt"
            time.sleep(0.5)
            load.raise_failures()
            proxy.cut()
        load.end()
        proxy.cut_commits = 0.0
        server.directives["store"] = proxy.url(url)
        check_against_the_store(server, load, proxy.url(url))


def test_a_store_that_falls_silent_is_noticed_and_no_reader_of_memory_waits(start_ramekin, postgres, url):
    with Proxy(postgres.port) as proxy:
        server = start_ramekin(store=proxy.url(url) + "&statement_timeout=1", **FAST)
        with server.client() as client, server.client() as other:
            client.pipeline([("SET", f"cold{n}", "x") for n in range(10)])
            settle(server)
            client("EVICT")
            proxy.holds.set()
            # It waits for a store that says nothing.
            other.send("GET", "cold1")
            for n in range(1000):
                assert client("SET", f"new{n}", "y") == b"OK"
                assert client("GET", f"new{n}") == b"y"
            assert client("GET", "cold2").startswith(b"STOREDOWN")
            assert other.read().startswith(b"STOREDOWN")
            until(lambda: server.info("store")["store_state"] == "down", 10)
            proxy.holds.clear()
            settle(server)
            assert client("GET", "cold3") == b"x"
