"""Carts on MemDB with aiohttp: a cart is gone half an hour after its last change.

    pip install ramekin aiohttp
    python examples/python/aiohttp_server.py

PG_DSN says where the data is: a folder (`./data`, the default), `postgresql://…`, or `ramekin://host:6379`.
"""

from __future__ import annotations

from typing import Any

from aiohttp import web

from ramekin import MemDB
from ramekin.contrib.aiohttp import opened

DB = web.AppKey("DB", MemDB)
CART_SECONDS = 30 * 60
routes = web.RouteTableDef()


@routes.get("/carts/{id}")
async def read(request: web.Request) -> web.Response:
    cart = await request.app[DB].get("carts", request.match_info["id"])
    if cart is None:
        raise web.HTTPNotFound(text="there is no such cart")
    return web.json_response(cart)


@routes.put("/carts/{id}/{product}")
async def put(request: web.Request) -> web.Response:
    db, key = request.app[DB], request.match_info["id"]
    body: dict[str, Any] = await request.json()
    cart = await db.get("carts", key) or {"lines": {}}
    cart["lines"][request.match_info["product"]] = int(body["count"])
    await db.upsert("carts", key, cart, ttl=CART_SECONDS)
    return web.json_response(cart)


@routes.get("/stats")
async def stats(request: web.Request) -> web.Response:
    return web.json_response(request.app[DB].stats())


def make_app() -> web.Application:
    app = web.Application()
    app.cleanup_ctx.append(opened(DB, MemDB))
    app.add_routes(routes)
    return app


if __name__ == "__main__":
    web.run_app(make_app(), host="127.0.0.1", port=8080)
