"""Load for a server: `python -m ramekin.bench --help`. The same as `ramekin bench`."""

from __future__ import annotations

import sys


def main() -> int:
    """Runs `ramekin bench` with the arguments of the process."""
    from ._native import run

    return run("bench", *sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
