"""Examples that are about `Database` run as they stand."""

import pathlib
import re
import subprocess
import sys

EXAMPLES = pathlib.Path(__file__).parents[3] / "examples" / "python"


def test_threads_share_few_connections(url, tmp_path):
    for arguments in ([], [url]):
        command = [sys.executable, EXAMPLES / "pooled_connections.py", *arguments]
        ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60)
        assert ran.returncode == 0, ran.stderr
        found = re.fullmatch(r"1000 visits by 32 threads over ([1-4]) connections\n", ran.stdout)
        assert found, ran.stdout
