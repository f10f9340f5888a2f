"""Runs the binary as a tool, not as a server."""

import subprocess
import types

from harness import binaries


def ramekin(*words, timeout=120):
    """Exit code, standard output and standard error of a run."""
    done = subprocess.run(
        [str(binaries.ramekin()), *map(str, words)],
        capture_output=True,
        timeout=timeout,
        stdin=subprocess.DEVNULL,
        check=False,
    )
    return types.SimpleNamespace(code=done.returncode, out=done.stdout.decode(), err=done.stderr.decode())
