"""The command line: `python -m ramekin.kv --data ./data --db app --namespace prod get greeting`."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from typing import Optional

from .importing import import_folder
from .store import KeyValueStore


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m ramekin.kv", description="Looks at and changes key-value stores.")
    parser.add_argument("--data", default="./data", help="data folder, or an address such as ramekin://host:port")
    parser.add_argument("--db", default="default", help="database name")
    parser.add_argument("--namespace", default="default", help="namespace")
    parser.add_argument("--backend", default="fs", help="storage backend: fs, sqlite, redis, postgres, or an address")
    commands = parser.add_subparsers(dest="command", required=True)

    def add(name: str, help: str, *arguments: str) -> argparse.ArgumentParser:
        command = commands.add_parser(name, help=help)
        for argument in arguments:
            command.add_argument(argument)
        return command

    add("set", "set a key to a text", "key", "value")
    add("get", "print a value", "key")
    add("keys", "print all keys as JSON")
    add("tags", "print all tags and how many keys have them, as JSON")
    add("delete", "delete a key", "key")
    add("export", "write all keys as JSON lines", "path")
    add("import", "set the keys of such a file", "path")
    add("compact", "compress what is not, and trim the log")
    add("verify", "read every value and compare it with its checksum")
    add("cleanup-expired", "nothing to do: what has expired is gone by itself")
    nadb = add("import-nadb", "take over a data folder of NADB, all of its databases and namespaces", "path")
    nadb.add_argument("--encryption-key", help="the key that NADB encrypted with")
    return parser


def main(argv: Optional[Sequence[str]] = None) -> int:
    """Runs one command. 1: there is no such key, or something is damaged; the reason is on stderr."""
    args = build_parser().parse_args(argv)
    with KeyValueStore(args.data, args.db, namespace=args.namespace, storage_backend=args.backend) as store:
        try:
            return _run(store, args)
        except KeyError as error:
            print(error.args[0], file=sys.stderr)
        except (OSError, ValueError) as error:
            print(error, file=sys.stderr)
        return 1


def _run(store: KeyValueStore, args: argparse.Namespace) -> int:
    command = args.command
    if command == "set":
        store.set_text(args.key, args.value)
        print("ok")
    elif command == "get":
        value = store.get_bytes(args.key)
        sys.stdout.buffer.write(value + b"\n")
        sys.stdout.flush()
    elif command == "keys":
        print(json.dumps(store.get_all_keys()))
    elif command == "tags":
        print(json.dumps(store.list_all_tags()))
    elif command == "delete":
        store.delete(args.key)
        print("ok")
    elif command == "export":
        print(store.export_backup_stream(args.path))
    elif command == "import":
        print(store.import_backup_stream(args.path))
    elif command == "compact":
        print(json.dumps(store.compact_storage(), default=str))
    elif command == "verify":
        found = store.verify()
        print(json.dumps({**store.get_stats(), **found}, default=str))
        return 1 if found["damaged"] else 0
    elif command == "cleanup-expired":
        print(json.dumps(store.cleanup_expired(), default=str))
    elif command == "import-nadb":
        report = import_folder(args.path, store, args.encryption_key)
        print(report)
        return 0 if report.complete else 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
