"""Fixtures of the key-value store's tests: stores at each place where data can be."""

import pytest

from ramekin.kv import KeyValueStore


class Shelf:
    """Opens stores at one address, and closes those that a test leaves open."""

    def __init__(self, address):
        self.address = address
        self.opened = []

    def __call__(self, db="app", namespace="prod", **keywords):
        store = KeyValueStore(self.address, db, 1, namespace, **keywords)
        self.opened.append(store)
        return store

    def again(self, **keywords):
        """A store after all that were open have been closed."""
        self.close()
        return self(**keywords)

    def close(self):
        while self.opened:
            self.opened.pop().close()


@pytest.fixture
def shelf(address):
    """Opens stores in an empty database: `shelf(namespace="other")`, `shelf.again()`."""
    shelf = Shelf(address)
    yield shelf
    shelf.close()


@pytest.fixture
def kv(shelf):
    """A store in an empty database."""
    return shelf()
