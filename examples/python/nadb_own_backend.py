"""A storage backend written in Python: values are files of a folder, keys, tags and lifetimes are Ramekin's.

python nadb_own_backend.py [FOLDER OR ADDRESS]
"""

import sys
from pathlib import Path
from typing import Optional

from ramekin.kv import BackendCapabilities, KeyValueStore, StorageBackend


class PlainFiles(StorageBackend):
    """Values as files. A path is written once, so that no reader meets half a value."""

    def __init__(self, folder: str) -> None:
        self.folder = Path(folder)

    def get_capabilities(self) -> BackendCapabilities:
        return BackendCapabilities(max_value_size_bytes=1 << 30)

    def write_data(self, relative_path: str, data: bytes) -> bool:
        path = self.folder / relative_path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        return True

    def read_data(self, relative_path: str) -> Optional[bytes]:
        try:
            return (self.folder / relative_path).read_bytes()
        except FileNotFoundError:
            return None

    def delete_file(self, relative_path: str) -> bool:
        (self.folder / relative_path).unlink(missing_ok=True)
        return True

    def file_exists(self, relative_path: str) -> bool:
        return (self.folder / relative_path).exists()

    def get_file_size(self, relative_path: str) -> int:
        return (self.folder / relative_path).stat().st_size if self.file_exists(relative_path) else 0

    def get_full_path(self, relative_path: str) -> str:
        return str(self.folder / relative_path)

    def ensure_directory_exists(self, path: str) -> bool:
        Path(path).mkdir(parents=True, exist_ok=True)
        return True


def files_of(folder: str) -> int:
    return sum(path.is_file() for path in Path(folder).rglob("*"))


def main(address: str) -> None:
    with KeyValueStore(address, db="app", namespace="prod", storage_backend=PlainFiles("./values")) as kv:
        kv.set("a", b"first", tags=["t"])
        kv.set("b", b"x" * 100_000)
        kv.set("a", b"second", tags=["t"])
        print("files:", files_of("./values"), "value:", kv.get("a"), "tagged:", list(kv.query_by_tags(["t"])))
        kv.delete("b")
        print("after a delete:", files_of("./values"), "damaged:", kv.verify()["damaged"])


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "./data")
