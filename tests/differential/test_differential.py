"""Random sequences of commands on Ramekin and Valkey: every reply and the dataset they leave have to be the same.

Quick with fixed seeds in `make test`; TEST_SEQUENCES and TEST_SEED make it longer and other.
"""

import os
import random

import pytest

from differential.families import FAMILIES
from differential.replay import compare, confirmed, shrunk
from differential.sequences import sequence
from harness.server import Server

SEQUENCES = int(os.environ.get("TEST_SEQUENCES", 200))
SEED = int(os.environ.get("TEST_SEED", 1))
LENGTH = 50
# Those that set, change and move strings.
COMPRESSED_FAMILIES = ["strings", "keys", "mixed", "transactions"]


def side_by_side(**directives):
    """Valkey, and Ramekin with these directives."""
    servers = []
    try:
        servers.append(Server("valkey"))
        servers.append(Server("ramekin", **directives))
        yield servers
    finally:
        for server in servers:
            server.remove()


@pytest.fixture(scope="module")
def pair():
    """Valkey and Ramekin, side by side."""
    yield from side_by_side()


@pytest.fixture(scope="module", params=["lz4", "zstd"])
def compressing(request):
    """The same, where Ramekin keeps nearly every string compressed that becomes smaller by it."""
    yield from side_by_side(compression=request.param, compression_min_bytes=8)


@pytest.mark.parametrize("protocol", [2, 3])
@pytest.mark.parametrize("family", list(FAMILIES))
def test_random_sequences_answer_and_end_as_in_valkey(pair, family, protocol):
    run_sequences(pair, family, protocol, SEQUENCES)


@pytest.mark.parametrize("family", COMPRESSED_FAMILIES)
def test_values_that_are_compressed_are_seen_by_nobody(compressing, family):
    run_sequences(compressing, family, 2, SEQUENCES // 4)


def run_sequences(pair, family, protocol, count):
    passing = 0
    for number in range(count):
        seed = f"{SEED}/{family}/{protocol}/{number}"
        r = random.Random(seed)
        commands = sequence(r, family, LENGTH)
        chunks = number if number % 4 == 3 else None
        if compare(*pair, commands, protocol, chunks) is None:
            continue
        found = confirmed(*pair, commands, protocol, chunks)
        if found:
            pytest.fail(f"seed {seed}\n{shrunk(*pair, found).text()}", pytrace=False)
        passing += 1
    assert passing <= count // 20 + 2, f"{passing} of {count} sequences differed once and not again"
