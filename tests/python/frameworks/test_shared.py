"""What a process shares: one backend for one configuration, none with a child."""

import os

import pytest

from ramekin.contrib._shared import shared


@pytest.mark.places("server")
def test_one_configuration_is_one_backend_and_another_is_another(place_of_data):
    first = shared(place_of_data, {})
    assert shared(place_of_data, {}) is first
    assert shared(place_of_data, {"connect_timeout": 3}) is not first


@pytest.mark.places("server")
def test_a_child_has_a_backend_of_its_own(place_of_data):
    first = shared(place_of_data, {})
    first.execute("SET", "k", "1")
    child = os.fork()
    if child == 0:
        # Whatever happens, the child ends here.
        try:
            other = shared(place_of_data, {})
            os._exit(0 if other is not first and other.execute("INCR", "k") == 2 else 1)
        except BaseException:
            os._exit(2)
    assert os.waitpid(child, 0)[1] == 0
    assert first.execute("GET", "k") == b"2"
