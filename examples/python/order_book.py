"""An order book: orders by price and time, matched in memory, every change in the log before it counts.

    python order_book.py [address]
"""

import asyncio
import sys
from decimal import Decimal

from ramekin import MemDB


class Book:
    """The orders of one market. One task changes it at a time; everybody may read."""

    def __init__(self, db: MemDB) -> None:
        self.db = db
        self.turn = asyncio.Lock()
        self.number = 0

    async def best(self, side: str) -> dict[str, object] | None:
        order = "ASC" if side == "sell" else "DESC"
        clause = f"data->>'side' = '{side}' AND data->'left' > 0 ORDER BY (data->>'price')::numeric {order}, key"
        found = await self.db.query("orders", clause, limit=1)
        return found[0] if found else None

    async def place(self, side: str, price: str, amount: int) -> list[tuple[str, Decimal, int]]:
        """Puts an order, and gives the trades that it makes: with whom, at which price, how much."""
        async with self.turn:
            self.number += 1
            key, limit, left, trades = f"o-{self.number:06d}", Decimal(price), amount, []
            while left and (other := await self.best("sell" if side == "buy" else "buy")):
                their_price, their_left = Decimal(str(other["price"])), int(str(other["left"]))
                if their_price > limit if side == "buy" else their_price < limit:
                    break
                taken = min(left, their_left)
                left -= taken
                name = str(other.pop("_key"))
                await self.db.insert("orders", name, {**other, "left": their_left - taken})
                trades.append((name, their_price, taken))
            await self.db.insert("orders", key, {"side": side, "price": limit, "amount": amount, "left": left})
            return trades


async def main(address: str | None) -> None:
    async with MemDB(address) as db:
        await db.create_table("orders", {"side": "string", "price": "float", "amount": "integer", "left": "integer"})
        book = Book(db)
        for price, amount in (("10.20", 5), ("10.10", 3), ("10.10", 4)):
            await book.place("sell", price, amount)
        await book.place("buy", "9.95", 10)
        for name, paid, taken in await book.place("buy", "10.15", 6):
            print(f"bought {taken} at {paid} of {name}")
        for side in ("buy", "sell"):
            best = await book.best(side)
            print(f"best to {side}:", best and (best["price"], best["left"]))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1] if len(sys.argv) > 1 else None))
