"""Django's cache: what its documentation promises of a backend, each call for threads and for tasks."""

import asyncio
import datetime
import pickle
import threading
import time
import warnings

import pytest
from django.core.cache.backends.base import InvalidCacheKey

from ramekin.errors import RamekinError

# A database of PostgreSQL for each test takes its time: some calls meet one.
pytestmark = pytest.mark.places("folder", "sqlite", "server")
EVERYWHERE = pytest.mark.places("folder", "sqlite", "postgres", "server")


class Both:
    """A cache whose calls are made in both ways: `set` or, with a loop, `aset`."""

    def __init__(self, cache, is_async):
        self._cache = cache
        self._loop = asyncio.new_event_loop() if is_async else None

    def __getattr__(self, name):
        if self._loop is None:
            return getattr(self._cache, name)
        return lambda *args, **named: self._loop.run_until_complete(getattr(self._cache, "a" + name)(*args, **named))


@pytest.fixture(params=["threads", "tasks"])
def way(request):
    return request.param == "tasks"


@pytest.fixture
def both(make_cache, way):
    made = []

    def make(**params):
        made.append(Both(make_cache(**params), way))
        return made[-1]

    yield make
    for cache in made:
        if cache._loop is not None:
            cache._loop.close()


@pytest.fixture
def cache(both):
    return both()


def within(condition, seconds=10):
    """Waits until a condition holds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


VALUES = [
    "text", "", "тест ☃", b"\x00\xff bytes", 0, -7, 2**80, 1.5, True, False, None, [1, [2]], {"a": {"b": 1}}, (1, "two"), {1, 2},
    datetime.datetime(2026, 11, 21, tzinfo=datetime.timezone.utc),
]


@EVERYWHERE
def test_every_value_that_can_be_pickled_comes_back_as_it_was(cache):
    for at, value in enumerate(VALUES):
        cache.set(f"k{at}", value)
        found = cache.get(f"k{at}", "missing")
        assert found == value and type(found) is type(value)
    found = cache.get_many([f"k{at}" for at in range(len(VALUES))])
    assert list(found.values()) == VALUES


def test_what_is_returned_is_the_callers_own(cache):
    cache.set("k", {"list": [1]})
    cache.get("k")["list"].append(2)
    assert cache.get("k") == {"list": [1]}


def test_what_cannot_be_pickled_is_refused_and_changes_nothing(cache):
    cache.set("k", 1)
    with pytest.raises((pickle.PicklingError, TypeError, AttributeError)):
        cache.set("k", threading.Lock())
    assert cache.get("k") == 1


def test_a_missing_key_is_the_default_and_a_stored_none_is_not(cache):
    assert cache.get("k") is None and cache.get("k", 5) == 5
    cache.set("k", None)
    assert cache.get("k", 5) is None and cache.has_key("k")
    assert cache.get_or_set("k", 6) is None


def test_add_sets_only_what_is_not_there(cache):
    assert cache.add("k", 1) is True and cache.add("k", 2) is False
    assert cache.get("k") == 1
    assert cache.add("gone", 1, timeout=0) is True and cache.get("gone") is None
    assert cache.add("k", 3, timeout=0) is False and cache.get("k") == 1


def test_delete_tells_whether_there_was_a_key(cache):
    cache.set("k", 1)
    assert cache.delete("k") is True and cache.delete("k") is False
    assert not cache.has_key("k")


@EVERYWHERE
def test_many_keys_are_set_read_and_deleted_at_once(cache):
    assert cache.set_many({"a": 1, "b": "two", "c": None}) == []
    assert cache.get_many(["a", "b", "c", "d"]) == {"a": 1, "b": "two", "c": None}
    assert cache.get_many(iter(["a"])) == {"a": 1}
    cache.delete_many(["a", "c", "d"])
    assert cache.get_many(["a", "b", "c"]) == {"b": "two"}
    assert cache.set_many({}) == [] and cache.get_many([]) == {}
    cache.delete_many([])


def test_counters_go_up_and_down_and_a_missing_one_is_an_error(cache):
    cache.set("n", 41)
    assert cache.incr("n") == 42 and cache.incr("n", 10) == 52
    assert cache.decr("n", 2) == 50 and cache.decr("n", 60) == -10
    assert cache.get("n") == -10
    for call in (cache.incr, cache.decr):
        with pytest.raises(ValueError, match="'missing' not found"):
            call("missing")
    assert cache.get("missing") is None
    cache.set("f", 1.5)
    assert cache.incr("f", 0.25) == 1.75
    cache.set("t", "text")
    with pytest.raises(TypeError):
        cache.incr("t")


def test_a_counter_keeps_its_time_to_live(cache):
    cache.set("n", 1, timeout=0.3)
    cache.incr("n")
    within(lambda: cache.get("n") is None, 5)


def test_a_timeout_is_kept_to_the_millisecond_and_zero_is_at_once(cache):
    cache.set("short", 1, timeout=0.05)
    cache.set("long", 1, timeout=60 * 60 * 24 * 365 * 3)
    cache.set("now", 1)
    cache.set("now", 2, timeout=0)
    cache.set("past", 1, timeout=-1)
    assert cache.get("now") is None and cache.get("past") is None and cache.get("long") == 1
    within(lambda: not cache.has_key("short"))
    cache.set_many({"a": 1, "b": 2}, timeout=0.05)
    within(lambda: cache.get_many(["a", "b"]) == {})


def test_the_timeout_of_a_cache_is_that_of_its_settings(both):
    short, forever = both(TIMEOUT=0.05), both(TIMEOUT=None)
    short.set("k", 1)
    forever.set("f", 1)
    short.set("stays", 1, timeout=None)
    within(lambda: not short.has_key("k"))
    assert forever.get("f") == 1 and short.get("stays") == 1


def test_touch_gives_a_key_another_time(cache):
    cache.set("k", 1, timeout=0.2)
    assert cache.touch("k", None) is True
    cache.set("m", 1, timeout=None)
    assert cache.touch("m", 0.05) is True
    within(lambda: not cache.has_key("m"))
    time.sleep(0.2)  # longer than the first time of `k`
    assert cache.get("k") == 1
    assert cache.touch("k", 0) is True and cache.get("k") is None
    assert cache.touch("missing") is False and cache.touch("missing", None) is False


def test_get_or_set_takes_a_value_or_calls_for_it(cache):
    assert cache.get_or_set("k", 1) == 1 and cache.get_or_set("k", 2) == 1
    assert cache.get_or_set("called", lambda: "made") == "made" and cache.get("called") == "made"
    assert cache.get_or_set("none", None) is None and cache.has_key("none")


def test_versions_do_not_see_each_other(both):
    one, two = both(), both(VERSION=2)
    one.set("k", "first")
    assert two.get("k") is None and two.get("k", version=1) == "first" and one.get("k", version=2) is None
    one.set("k", "second", version=2)
    assert two.get("k") == "second" and one.get("k") == "first"
    assert two.add("k", "other") is False and two.add("k", "third", version=3) is True
    assert two.delete("k", version=1) is True and one.get("k") is None and two.get("k") == "second"
    assert one.incr_version("k", version=2) == 3 and two.get("k") is None and two.get("k", version=3) == "second"
    assert one.decr_version("k", version=3) == 2 and two.get("k") == "second"
    with pytest.raises(ValueError):
        one.incr_version("missing")
    one.set_many({"a": 1}, version=5)
    assert one.get_many(["a"], version=5) == {"a": 1} and one.get_many(["a"]) == {}
    assert one.touch("a", 10, version=5) is True and one.touch("a", 10) is False
    one.set("n", 1, version=7)
    assert one.incr("n", version=7) == 2 and one.has_key("n", version=7) and not one.has_key("n")


@EVERYWHERE
def test_clear_removes_the_keys_of_this_cache_and_nothing_else(both, make_cache):
    names = ["", "a", "a*", "[a]", "a:1"]
    caches = {name: both(KEY_PREFIX=name) for name in names}
    backend = make_cache()._backend
    backend.execute("SET", "mine", "1")
    for name, cache in caches.items():
        cache.set_many({f"k{at}": name for at in range(50)})
        cache.set("other", name, version=9)
    for name in names:
        caches[name].clear()
        assert caches[name].get("k7") is None and caches[name].get("other", version=9) is None
        for later in names[names.index(name) + 1:]:
            assert caches[later].get("k7") == later, (name, later)
    assert backend.execute("GET", "mine") == b"1"


def test_a_function_of_keys_and_a_prefix_are_used(both):
    cache = both(KEY_PREFIX="p", KEY_FUNCTION=lambda key, prefix, version: f"{prefix}-{version}-{key}")
    cache.set("k", 1)
    assert cache.get("k") == 1 and both(KEY_PREFIX="p").get("k") is None


def test_keys_that_memcached_could_not_take_are_warned_of_and_work(cache):
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        cache.set("with space", 1)
        cache.set("long" * 100, 2)
        assert cache.get("with space") == 1 and cache.get("long" * 100) == 2
    assert seen and not any(isinstance(warning.message, InvalidCacheKey) for warning in seen)


@pytest.mark.places("server", "folder")
def test_counters_that_many_threads_raise_miss_nothing(make_cache):
    make_cache().set("n", 0, timeout=None)
    failed = []

    def work():
        try:
            cache = make_cache()
            for _ in range(50):
                cache.incr("n")
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed and make_cache().get("n") == 400


@pytest.mark.places("server", "folder")
def test_one_of_many_threads_adds_a_key(make_cache):
    barrier, won = threading.Barrier(8), []

    def work(number):
        cache = make_cache()
        barrier.wait()
        if cache.add("leader", number):
            won.append(number)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(won) == 1 and make_cache().get("leader") == won[0]


@pytest.mark.places("server", "folder")
def test_a_directive_that_does_not_exist_is_refused_by_name(make_cache):
    with pytest.raises((RamekinError, TypeError, ValueError), match="no.such.thing"):
        make_cache(OPTIONS={"no_such_thing": 1}).get("k")
