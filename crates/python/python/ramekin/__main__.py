"""The command line `ramekin`: the server, its tools and a small client, in this process.

    python -m ramekin --port 6379 --dir ./data
    python -m ramekin --help
"""

from __future__ import annotations

import sys


def main() -> int:
    """Runs the command line with the arguments of the process."""
    from ._native import run

    return run(*sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
