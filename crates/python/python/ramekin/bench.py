"""Load for a server: `python -m ramekin.bench --help`. The same as `ramekin bench`."""

from __future__ import annotations

import sys


def main() -> int:
    """Runs `ramekin bench` with the arguments of the process."""
    from . import _native  # loads the module
    from ._ramekin import main as run

    del _native
    return run("bench", *sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
