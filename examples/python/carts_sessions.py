"""A shop: sessions that end when nobody uses them, carts that end later, prices that are exact.

    python carts_sessions.py [address]
"""

import asyncio
import secrets
import sys
from decimal import Decimal
from typing import Any

from ramekin import MemDB

SESSION_SECONDS = 1800
CART_SECONDS = 7 * 86400


class Shop:
    """Sessions and carts."""

    def __init__(self, db: MemDB) -> None:
        self.db = db

    async def log_in(self, user: str) -> str:
        token = secrets.token_urlsafe(16)
        await self.db.insert("sessions", token, {"user": user}, ttl=SESSION_SECONDS)
        return token

    async def user(self, token: str) -> str | None:
        """Who it is; the session goes on for another half hour."""
        session = await self.db.get("sessions", token)
        if session is None:
            return None
        await self.db.insert("sessions", token, session, ttl=SESSION_SECONDS)
        return str(session["user"])

    async def log_out(self, token: str) -> bool:
        return await self.db.delete("sessions", token)

    async def add(self, user: str, product: str, price: Decimal, count: int = 1) -> dict[str, Any]:
        cart = await self.db.get("carts", user) or {"lines": {}, "total": Decimal(0)}
        line = cart["lines"].setdefault(product, {"price": price, "count": 0})
        line["count"] += count
        cart["total"] += price * count
        await self.db.insert("carts", user, cart, ttl=CART_SECONDS)
        return cart


async def main(address: str | None) -> None:
    async with MemDB(address) as db:
        await db.create_table("carts", {"lines": "object", "total": "float"})
        shop = Shop(db)
        token = await shop.log_in("ada")
        user = await shop.user(token)
        print("session of:", user)
        await shop.add("ada", "lamp", Decimal("19.90"), 3)
        cart = await shop.add("ada", "bulb", Decimal("0.10"), 3)
        await shop.add("grace", "chair", Decimal("149.00"))
        print("total:", cart["total"])
        large = await db.query("carts", "(data->>'total')::numeric > 100")
        print("carts above 100:", [row["_key"] for row in large])
        print("logged out:", await shop.log_out(token), "session of:", await shop.user(token))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1] if len(sys.argv) > 1 else None))
