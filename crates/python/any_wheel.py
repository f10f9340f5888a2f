"""Builds the wheel for systems without one of their own: the package without its native module, so without the engine.

    python crates/python/any_wheel.py target/wheels

What it is called, and all that is said of it, comes from `pyproject.toml` and the workspace's `Cargo.toml`, as for the other wheels.
pip takes a wheel of the system before this one. Needs nothing but Python 3.11 (or `tomli`), since there is nothing to compile.
"""

from __future__ import annotations

import base64
import hashlib
import pathlib
import sys
import zipfile
from collections.abc import Iterator
from email.message import Message
from typing import Any

try:
    import tomllib
except ModuleNotFoundError:  # Python 3.10
    import tomli as tomllib  # type: ignore[import-not-found, no-redef, unused-ignore]

HERE = pathlib.Path(__file__).resolve().parent
TAG = "py3-none-any"
# What is taken from the folder of sources: nothing that was built there.
SUFFIXES = {".py", ".pyi", ".typed"}
# The time of each file, so that the same sources make the same bytes.
EPOCH = (1980, 1, 1, 0, 0, 0)


def build(folder: pathlib.Path) -> pathlib.Path:
    """Writes the wheel into a folder, and returns where it is."""
    project, version = describe()
    info = f"{project['name']}-{version}.dist-info"
    files = {name: path.read_bytes() for name, path in sources()}
    files[f"{info}/METADATA"] = metadata(project, version)
    files[f"{info}/WHEEL"] = f"Wheel-Version: 1.0\nGenerator: any_wheel\nRoot-Is-Purelib: true\nTag: {TAG}\n".encode()
    files[f"{info}/entry_points.txt"] = entry_points(project)
    record = "".join(f"{name},sha256={digest(data)},{len(data)}\n" for name, data in files.items())
    files[f"{info}/RECORD"] = f"{record}{info}/RECORD,,\n".encode()
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{project['name']}-{version}-{TAG}.whl"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as wheel:
        for name, data in files.items():
            entry = zipfile.ZipInfo(name, EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            wheel.writestr(entry, data)
    return path


def describe() -> tuple[dict[str, Any], str]:
    """The project's table, and its version, which is the workspace's."""
    project = tomllib.loads((HERE / "pyproject.toml").read_text("utf-8"))["project"]
    workspace = tomllib.loads((HERE.parents[1] / "Cargo.toml").read_text("utf-8"))["workspace"]
    return project, workspace["package"]["version"]


def sources() -> Iterator[tuple[str, pathlib.Path]]:
    """The files of the package, by their names in the wheel."""
    root = HERE / "python"
    for path in sorted(root.rglob("*")):
        if path.suffix in SUFFIXES and path.is_file():
            yield path.relative_to(root).as_posix(), path


def metadata(project: dict[str, Any], version: str) -> bytes:
    """What `METADATA` says, in the words of the core metadata 2.4."""
    head = Message()
    head["Metadata-Version"] = "2.4"
    head["Name"] = project["name"]
    head["Version"] = version
    for classifier in project["classifiers"]:
        head["Classifier"] = classifier
    head["Summary"] = project["description"]
    head["Keywords"] = ",".join(project["keywords"])
    head["License-Expression"] = project["license"]
    head["Requires-Python"] = project["requires-python"]
    for requirement in project["dependencies"]:
        head["Requires-Dist"] = requirement
    head["Description-Content-Type"] = "text/markdown; charset=UTF-8; variant=GFM"
    text = (HERE / project["readme"]).read_text("utf-8")
    lines = "".join(f"{name}: {value}\n" for name, value in head.items())
    return f"{lines}\n{text}".encode()


def entry_points(project: dict[str, Any]) -> bytes:
    """The commands, and what frameworks find."""
    groups = {"console_scripts": project["scripts"], **project["entry-points"]}
    lines = (f"[{group}]\n" + "".join(f"{name}={place}\n" for name, place in names.items()) for group, names in groups.items())
    return "".join(lines).encode()


def digest(data: bytes) -> str:
    """As `RECORD` has it."""
    return base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()


if __name__ == "__main__":
    if len(sys.argv) != 2 or sys.argv[1].startswith("-"):
        sys.exit(__doc__)
    print(build(pathlib.Path(sys.argv[1])))
