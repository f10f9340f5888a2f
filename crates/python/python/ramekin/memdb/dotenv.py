"""Reads a file of variables, one a line: `NAME=value`, `export NAME="value"`, `# comment`.

In double quotes `\\n`, `\\t`, `\\"` and `\\\\` are escapes, in single quotes nothing is; without quotes a ` #` begins a comment. Left out:
values of several lines, and variables within values.
"""

from __future__ import annotations

import re
from pathlib import Path

_LINE = re.compile(
    r"""\s*(?:export\s+)?(?P<name>[A-Za-z_][A-Za-z0-9_]*)\s*=\s*
    (?:"(?P<double>(?:[^"\\]|\\.)*)"\s*(?:\#.*)?|'(?P<single>[^']*)'\s*(?:\#.*)?|(?P<bare>.*))$""",
    re.VERBOSE,
)
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r"}


def read_dotenv(path: Path) -> dict[str, str]:
    """The variables of a file; none if there is no such file. Bytes that are no UTF-8 come as halves of surrogate pairs."""
    try:
        text = path.read_text(encoding="utf-8-sig", errors="surrogateescape")
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
        return {}
    return parse_dotenv(text)


def parse_dotenv(text: str) -> dict[str, str]:
    """The variables of a text; of a name that is there twice the last counts.

    >>> parse_dotenv("PG_DSN='postgresql://me@host/db' # the store")
    {'PG_DSN': 'postgresql://me@host/db'}
    """
    found = {}
    for line in text.splitlines():
        if line.lstrip().startswith("#"):
            continue
        matched = _LINE.match(line)
        if matched:
            found[matched["name"]] = _value(matched)
    return found


def _value(matched: re.Match[str]) -> str:
    if matched["double"] is not None:
        return re.sub(r"\\(.)", lambda escape: _ESCAPES.get(escape[1], escape[1]), matched["double"])
    if matched["single"] is not None:
        return matched["single"]
    return re.split(r"(?:^|\s)#", matched["bare"])[0].strip()
