"""A database for as long as an application of aiohttp runs.

    DB = web.AppKey("db", MemDB)
    app = web.Application()
    app.cleanup_ctx.append(opened(DB, lambda: MemDB("./data")))

    async def read(request):
        return web.json_response(await request.app[DB].get("users", request.match_info["key"]))
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from typing import TypeVar

from aiohttp import web

T = TypeVar("T")


def opened(
    key: web.AppKey[T], make: Callable[[], AbstractAsyncContextManager[T]]
) -> Callable[[web.Application], AsyncIterator[None]]:
    """For `app.cleanup_ctx`: opens what `make` makes, puts it into the application, and closes it at the end."""

    async def context(app: web.Application) -> AsyncIterator[None]:
        async with make() as database:
            app[key] = database
            yield

    return context
