"""A store of one's own behind a database: three methods over a file of SQLite, and all that was written comes back from it.

python own_store.py
"""

import sqlite3
import tempfile
import threading

from ramekin import Database


class Table:
    """Bytes by bytes in a table. A transaction is what makes `save` all or nothing."""

    def __init__(self, path):
        self.path = path
        self.own = threading.local()
        self.connection().execute("CREATE TABLE IF NOT EXISTS kept (key BLOB PRIMARY KEY, value BLOB) WITHOUT ROWID")

    def connection(self):
        """Each thread has its own."""
        if not hasattr(self.own, "connection"):
            self.own.connection = sqlite3.connect(self.path, timeout=30, isolation_level=None)
        return self.own.connection

    def load(self, keys):
        """What lies at these keys."""
        found = {}
        for start in range(0, len(keys), 500):
            some = keys[start : start + 500]
            marks = ",".join("?" * len(some))
            found.update(self.connection().execute(f"SELECT key, value FROM kept WHERE key IN ({marks})", some))
        return [found.get(key) for key in keys]

    def save(self, changes):
        """All of it, or nothing."""
        connection = self.connection()
        connection.execute("BEGIN IMMEDIATE")
        try:
            connection.executemany(
                "INSERT OR REPLACE INTO kept VALUES (?, ?)", [pair for pair in changes.items() if pair[1] is not None]
            )
            connection.executemany("DELETE FROM kept WHERE key = ?", [(key,) for key, value in changes.items() if value is None])
            connection.execute("COMMIT")
        except BaseException:
            connection.execute("ROLLBACK")
            raise

    def scan(self, prefix, after, limit):
        """In order, from one key on."""
        start = prefix if after is None else after + b"\0"
        rows = self.connection().execute("SELECT key, value FROM kept WHERE key >= ? ORDER BY key LIMIT ?", (start, limit))
        return [(key, value) for key, value in rows if key.startswith(prefix)]


def main():
    """Writes, has it settle, takes it out of memory and reads it again."""
    with tempfile.TemporaryDirectory() as folder:
        with Database(f"{folder}/data", store=Table(f"{folder}/own.db")) as db:
            db.set("greeting", "hello")
            db.rpush("queue", "first", "second")
            db.table_put("calls", "c-17", {"state": "ringing", "seconds": 12})
            db.execute("FLUSH")
            print("out of memory:", db.execute("EVICT", 0))
            print(db.get("greeting"), db.lrange("queue", 0, -1), db.table_get("calls", "c-17"))
            print(db.query("calls", "data->>'state' = 'ringing'"))


if __name__ == "__main__":
    main()
