"""A chat: messages that stay, and who is there, which ends by itself.

Presence is a record with a TTL that each sign of life renews; history is a query in order.

    python chat_presence.py [address]
"""

import asyncio
import sys
from datetime import datetime, timezone

from ramekin import MemDB

PRESENCE_SECONDS = 1.0


class Chat:
    """Rooms, their messages and who is in them."""

    def __init__(self, db: MemDB) -> None:
        self.db = db
        self.sent = 0

    async def seen(self, room: str, user: str) -> None:
        """A sign of life: they are in the room for the next while."""
        await self.db.insert("presence", f"{room}:{user}", {"room": room, "user": user}, ttl=PRESENCE_SECONDS)

    async def present(self, room: str) -> list[str]:
        # A quote in a clause is doubled, as in SQL.
        name = room.replace("'", "''")
        return [row["user"] for row in await self.db.query("presence", f"data->>'room' = '{name}' ORDER BY key")]

    async def say(self, room: str, user: str, text: str) -> None:
        self.sent += 1
        await self.seen(room, user)
        at = datetime.now(timezone.utc)
        await self.db.insert("messages", f"{room}:{self.sent:08d}", {"room": room, "user": user, "text": text, "at": at})

    async def history(self, room: str, last: int = 10) -> list[dict[str, object]]:
        name = room.replace("'", "''")
        newest = await self.db.query("messages", f"data->>'room' = '{name}' ORDER BY key DESC", limit=last)
        return newest[::-1]


async def main(address: str | None) -> None:
    async with MemDB(address) as db:
        await db.create_table("messages", {"room": "string", "user": "string", "text": "string", "at": "timestamp"})
        chat = Chat(db)
        await chat.say("Ada's room", "ada", "hello")
        await chat.say("Ada's room", "grace", "hi, it's me")
        print("present:", await chat.present("Ada's room"))
        for message in await chat.history("Ada's room"):
            print(f"{message['at']:%H:%M} {message['user']}: {message['text']}")
        # Ada stays, Grace says nothing more.
        for _ in range(8):
            await chat.seen("Ada's room", "ada")
            await asyncio.sleep(PRESENCE_SECONDS / 6)
        await chat.seen("Ada's room", "ada")
        print("still present:", await chat.present("Ada's room"))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1] if len(sys.argv) > 1 else None))
