"""A key-value store with tags and lifetimes, as a program for NADB has it.

python nadb_basics.py [FOLDER OR ADDRESS]
"""

import sys

from ramekin import KeyValueStore, KeyValueSync


def main(address: str) -> None:
    sync = KeyValueSync(flush_interval_seconds=5)
    sync.start()
    kv = KeyValueStore(address, db="app", buffer_size_mb=1, namespace="prod", sync=sync)

    kv.set("user:1", b"Ada", tags=["user", "admin"])
    kv.set("user:2", "Grace", tags=["user"])
    kv.set("picture", bytes(range(256)), tags=["binary"])
    kv.set_with_ttl("session", b"token", ttl_seconds=3600)
    print("value:", kv.get("user:1"))
    print("admins:", list(kv.query_by_tags(["user", "admin"])))
    print("tags:", kv.list_all_tags())
    print("lives for a while:", 3500 < kv.ttl("session") <= 3600)

    kv.set("text", b"many words " * 1000)
    told = kv.get_with_metadata("text")["metadata"]
    print("compressed:", told["size"], "->", "a tenth" if told["stored_size"] < told["size"] / 10 else told["stored_size"])

    with kv.transaction() as tx:
        tx.set("balance:ada", b"90")
        tx.set("balance:grace", b"110")
    print("visits:", kv.incr("visits"), kv.incr("visits"))
    print("first to take the lock:", kv.set_if_absent("lock", b"me"), kv.set_if_absent("lock", b"you"))

    try:
        kv.get("nobody")
    except KeyError as error:
        print("missing:", error.args[0])
    print("keys:", kv.get_stats()["count"])
    kv.close()
    sync.sync_exit()


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "./data")
