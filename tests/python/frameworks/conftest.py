"""Fixtures: Django, set up once, with nothing but a secret."""

import pytest
from django.conf import settings

if not settings.configured:
    settings.configure(SECRET_KEY="of the tests", USE_TZ=True, CACHES={}, INSTALLED_APPS=[])


@pytest.fixture
def place_of_data(address):
    """An address at which frameworks keep data; it is closed before its place is removed."""
    from ramekin.contrib._shared import close_shared

    yield address
    close_shared()


@pytest.fixture
def make_cache(place_of_data):
    """Caches at this address, as Django makes them."""
    from ramekin.contrib.django.cache import RamekinCache

    return lambda **params: RamekinCache(place_of_data, params)
