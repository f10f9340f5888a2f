"""Django's sessions in Ramekin.

    SESSION_ENGINE = "ramekin.contrib.django.sessions"
    RAMEKIN_SESSIONS = {"LOCATION": "./data", "OPTIONS": {"appendfsync": "always"}}

A session is one key, which expires by itself, so `clearsessions` has nothing to do. What must hold: a session that was ended
meanwhile is not brought back by a request that still had it. Left out: cookies and signing, which are Django's.
"""

from __future__ import annotations

from typing import Any

from django.conf import settings  # type: ignore[import-untyped,unused-ignore]
from django.contrib.sessions.backends.base import (  # type: ignore[import-untyped,unused-ignore]
    CreateError,
    SessionBase,
    UpdateError,
)

from ..._backend import Arg, Backend
from .._shared import shared

PREFIX = "django.session:"


def _backend() -> Backend:
    place = getattr(settings, "RAMEKIN_SESSIONS", None) or {}
    if isinstance(place, str):
        place = {"LOCATION": place}
    return shared(place.get("LOCATION") or None, place.get("OPTIONS") or {})


class SessionStore(SessionBase):  # type: ignore[misc,unused-ignore]
    """The session of a request."""

    def _saving(self, data: dict[str, Any], age: float, must_create: bool) -> list[Arg]:
        left_ms = int(age * 1000)
        expiry: list[Arg] = ["PX", left_ms] if left_ms > 0 else ["PXAT", 1]
        return ["SET", f"{PREFIX}{self._session_key}", self.encode(data), "NX" if must_create else "XX", *expiry]

    def _loaded(self, data: bytes | None) -> dict[str, Any]:
        if data is None:
            self._session_key = None
            return {}
        decoded: dict[str, Any] = self.decode(data.decode())
        return decoded

    @staticmethod
    def _saved(reply: Any, must_create: bool) -> None:
        if reply is None:
            raise CreateError if must_create else UpdateError

    def exists(self, session_key: str | None) -> bool:
        return bool(session_key) and bool(_backend().execute("EXISTS", f"{PREFIX}{session_key}"))

    def create(self) -> None:
        while True:
            self._session_key = self._get_new_session_key()
            try:
                self.save(must_create=True)
            except CreateError:
                continue
            self.modified = True
            return

    def save(self, must_create: bool = False) -> None:
        if self.session_key is None:
            return self.create()
        data = self._get_session(no_load=must_create)
        self._saved(_backend().execute(*self._saving(data, self.get_expiry_age(), must_create)), must_create)

    def load(self) -> dict[str, Any]:
        return self._loaded(_backend().execute("GET", f"{PREFIX}{self.session_key}") if self.session_key else None)

    def delete(self, session_key: str | None = None) -> None:
        key = session_key or self.session_key
        if key is not None:
            _backend().execute("DEL", f"{PREFIX}{key}")

    @classmethod
    def clear_expired(cls) -> None:
        """Nothing is left to clear."""

    async def aexists(self, session_key: str | None) -> bool:
        return bool(session_key) and bool(await _backend().execute_async("EXISTS", f"{PREFIX}{session_key}"))

    async def acreate(self) -> None:
        while True:
            self._session_key = await self._aget_new_session_key()
            try:
                await self.asave(must_create=True)
            except CreateError:
                continue
            self.modified = True
            return

    async def asave(self, must_create: bool = False) -> None:
        if self.session_key is None:
            return await self.acreate()
        data = await self._aget_session(no_load=must_create)
        command = self._saving(data, await self.aget_expiry_age(), must_create)
        self._saved(await _backend().execute_async(*command), must_create)

    async def aload(self) -> dict[str, Any]:
        key = self.session_key
        return self._loaded(await _backend().execute_async("GET", f"{PREFIX}{key}") if key else None)

    async def adelete(self, session_key: str | None = None) -> None:
        key = session_key or self.session_key
        if key is not None:
            await _backend().execute_async("DEL", f"{PREFIX}{key}")

    @classmethod
    async def aclear_expired(cls) -> None:
        """Nothing is left to clear."""
