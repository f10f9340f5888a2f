"""Django's sessions: kept, expiring, ended for good; each call for threads and for tasks."""

import asyncio
import time

import pytest
from django.conf import settings
from django.contrib.sessions.backends.base import UpdateError
from django.test.utils import override_settings

pytestmark = pytest.mark.places("folder", "sqlite", "server")


@pytest.fixture(params=["threads", "tasks"])
def session(request, place_of_data):
    """Makes sessions, and calls their methods in both ways."""
    from ramekin.contrib.django.sessions import SessionStore

    loop = asyncio.new_event_loop() if request.param == "tasks" else None

    class Session(SessionStore):
        def set(self, key, value):
            self[key] = value

        def do(self, name, *args, **named):
            if loop is None:
                return getattr(self, name)(*args, **named)
            return loop.run_until_complete(getattr(self, "a" + name)(*args, **named))

    with override_settings(RAMEKIN_SESSIONS={"LOCATION": place_of_data}):
        yield Session
    if loop is not None:
        loop.close()


def test_a_session_is_there_again(session):
    first = session()
    first.do("set", "user", {"id": 7, "names": ["Ada"]})
    first.do("save")
    assert first.session_key and session().do("exists", first.session_key)
    assert session(first.session_key).do("get", "user") == {"id": 7, "names": ["Ada"]}


def test_an_unknown_key_is_an_empty_session_without_a_key(session):
    unknown = session("nothing0nothing0nothing0nothing0")
    assert unknown.do("load") == {} and unknown.session_key is None
    assert not unknown.do("exists", "nothing0nothing0nothing0nothing0") and not unknown.do("exists", None)


def test_a_session_that_was_ended_meanwhile_is_not_brought_back(session):
    first = session()
    first.do("create")
    late = session(first.session_key)
    late.do("set", "user", 1)
    first.do("delete")
    with pytest.raises(UpdateError):
        late.do("save")
    assert not late.do("exists", first.session_key)


def test_flush_ends_a_session_and_cycle_key_gives_it_another_key(session):
    first = session()
    first.do("set", "user", 1)
    first.do("save")
    before = first.session_key
    first.do("cycle_key")
    assert first.session_key != before and not first.do("exists", before)
    assert session(first.session_key).do("get", "user") == 1
    after = first.session_key
    first.do("flush")
    assert not first.do("exists", after) and first.session_key is None


def test_a_session_expires_by_itself(session):
    short = session()
    short.do("set_expiry", 1)
    short.do("set", "user", 1)
    short.do("save")
    key = short.session_key
    assert session(key).do("get", "user") == 1
    deadline = time.monotonic() + 10
    while session(key).do("exists", key):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    short.do("clear_expired")


def test_a_session_that_was_changed_in_the_store_is_not_trusted(session):
    from ramekin.contrib.django.sessions import PREFIX, _backend

    first = session()
    first.do("set", "admin", False)
    first.do("save")
    _backend().execute("SET", PREFIX + first.session_key, "forged:data")
    assert session(first.session_key).do("get", "admin") is None


@pytest.mark.places("server", "folder")
def test_the_address_may_be_a_text(place_of_data):
    from ramekin.contrib.django.sessions import SessionStore

    with override_settings(RAMEKIN_SESSIONS=place_of_data):
        first = SessionStore()
        first.create()
        assert SessionStore().exists(first.session_key)
    assert settings.SECRET_KEY
