"""What the log keeps, printed as commands and run on Valkey, gives the dataset that Ramekin had."""

import random
import subprocess

import pytest

from differential.families import FAMILIES
from differential.replay import clean, dataset, dataset_difference, run
from differential.sequences import sequence
from differential.test_differential import SEED
from harness import binaries
from harness.resp import Fault, encode
from harness.server import Server

LENGTH = 2000
END = b"the end of the log"


@pytest.fixture(scope="module")
def valkey():
    """One Valkey, emptied for each test."""
    server = Server("valkey")
    try:
        yield server
    finally:
        server.remove()


def contents(server):
    """The dataset without encodings: another way to the same value may leave it in another form."""
    return {
        where: {name: part for name, part in item.items() if name != "encoding"}
        for where, item in dataset(server).items()
    }


@pytest.mark.parametrize("family", list(FAMILIES))
def test_the_commands_of_the_log_give_the_same_data_in_valkey(valkey, family):
    server = Server("ramekin")
    try:
        run(server, sequence(random.Random(f"{SEED}/log/{family}"), family, LENGTH), 2)
        expected = contents(server)
        server.terminate()
        printed = subprocess.run([str(binaries.ramekin()), "log", str(server.folder)], capture_output=True, check=True)
    finally:
        server.remove()
    clean(valkey)
    with valkey.client() as client:
        client.raw(printed.stdout + encode(["ECHO", END]))
        replies = list(iter(client.read, END))
    assert not [reply for reply in replies if isinstance(reply, Fault)]
    assert dataset_difference(expected, contents(valkey)) is None
