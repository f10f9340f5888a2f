"""A database for as long as an application of FastAPI or Starlette runs.

    db = Opened(lambda: MemDB("./data"))
    app = FastAPI(lifespan=db.lifespan)

    @app.get("/users/{key}")
    async def read(key: str, users: Annotated[MemDB, Depends(db)]):
        return await users.get("users", key)

It is opened in the loop that serves, and closed when that ends. Left out: several applications in one process that share an
`Opened`; give each its own.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Generic, TypeVar

from ..errors import ClosedError

T = TypeVar("T")


class Opened(Generic[T]):
    """What `make` makes, opened by `lifespan`; as a dependency it is the open database."""

    def __init__(self, make: Callable[[], AbstractAsyncContextManager[T]]) -> None:
        self._make = make
        self._now: T | None = None

    @asynccontextmanager
    async def lifespan(self, app: Any) -> AsyncIterator[None]:
        """For `FastAPI(lifespan=…)`."""
        async with self._make() as opened:
            self._now = opened
            try:
                yield
            finally:
                self._now = None

    async def __call__(self) -> T:
        """For `Depends`."""
        if self._now is None:
            raise ClosedError("the application does not run: give it the lifespan, FastAPI(lifespan=db.lifespan)")
        return self._now
