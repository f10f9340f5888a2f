"""JSON documents with an index, queries put together bit by bit, a large file, and a backup.

python nadb_documents.py [FOLDER OR ADDRESS]
"""

import sys

from ramekin import open_store


def main(address: str) -> None:
    with open_store(address, db="shop", namespace="eu") as kv:
        kv.create_index("status")
        for number, status in enumerate(["open", "paid", "open", "sent"], 1):
            kv.set_json(f"order:{number}", {"status": status, "total": 10 * number}, tags=["order"])
        print("open:", kv.query_index("status", "open"))
        print("newest two:", kv.query().tag("order").prefix("order:").order_by("key", reverse=True).limit(2).keys())

        with kv.open_writer("video", tags=["file"], chunk_size=100_000) as writer:
            for piece in range(10):
                writer.write(bytes([piece]) * 50_000)
        with kv.open_reader("video") as reader:
            reader.seek(250_000)
            print("from the middle of the file:", reader.read(3))

        backup = kv.create_backup()
        kv.delete("order:1")
        kv.set_json("order:2", {"status": "lost"})
        changes = kv.create_incremental_backup(backup.backup_id)
        print("changed since:", changes.file_count, "deleted:", changes.deleted)
        kv.restore_backup(backup.backup_id, clear_existing=True)
        print("restored:", kv.get_json("order:2"), kv.verify_backup(backup.backup_id))


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "./data")
