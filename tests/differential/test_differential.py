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


@pytest.fixture(scope="module")
def pair():
    """Valkey and Ramekin, side by side."""
    servers = []
    try:
        servers.append(Server("valkey"))
        servers.append(Server("ramekin"))
        yield servers
    finally:
        for server in servers:
            server.remove()


@pytest.mark.parametrize("protocol", [2, 3])
@pytest.mark.parametrize("family", list(FAMILIES))
def test_random_sequences_answer_and_end_as_in_valkey(pair, family, protocol):
    passing = 0
    for number in range(SEQUENCES):
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
    assert passing <= SEQUENCES // 20 + 2, f"{passing} of {SEQUENCES} sequences differed once and not again"
