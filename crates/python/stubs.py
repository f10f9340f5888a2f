"""Writes `python/ramekin/database.pyi`: what each method returns, from a `Database`, an `AsyncDatabase` and a pipeline.

    python3 crates/python/stubs.py            writes it
    python3 crates/python/stubs.py --check    ends with an error if it is not what would be written

Commands are written once, annotated with `Reply[T]`, and a type checker cannot tell from that who returns a `T` and who a coroutine.
Here they are written out for each class. Other methods are taken as they stand. A test runs the check.
"""

from __future__ import annotations

import ast
import pathlib
import re
import sys
from collections.abc import Iterator

PACKAGE = pathlib.Path(__file__).parent / "python" / "ramekin"
OUT = PACKAGE / "database.pyi"
FAMILIES = ("strings", "lists", "hashes", "keys", "tables", "client", "server")
LINE_MAX = 140

HEAD = '''"""Made by stubs.py of the methods' annotations: do not edit."""

import asyncio
import builtins
from collections.abc import AsyncIterator, Callable, Generator, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from types import TracebackType
from typing import Any, Generic, Literal, overload

from typing_extensions import TypeVar

from ._backend import Backend, Subscription
from ._commands.base import Expiry, Key, Moment, Value
from ._commands.tables import Record
from ._opening import Address

__all__ = ["AsyncChanges", "AsyncDatabase", "AsyncLock", "AsyncPipeline", "Changes", "Database", "Lock", "Pipeline"]

V = TypeVar("V", default=bytes)
'''

# What values are follows from `decode_responses`, which annotations of the code itself do not say.
OPENING = '''
    @overload
    def __init__(
        self: {name}[bytes], address: Address = None, *, decode_responses: Literal[False] = False, **directives: Any
    ) -> None: ...
    @overload
    def __init__(self: {name}[str], address: Address = None, *, decode_responses: Literal[True], **directives: Any) -> None: ...
    @overload
    def __init__(self, address: Address = None, *, decode_responses: bool, **directives: Any) -> None: ...
    @overload
    @classmethod
    def from_url(cls, url: str, *, decode_responses: Literal[False] = False, **directives: Any) -> {name}[bytes]: ...
    @overload
    @classmethod
    def from_url(cls, url: str, *, decode_responses: Literal[True], **directives: Any) -> {name}[str]: ...
    @overload
    @classmethod
    def from_url(cls, url: str, *, decode_responses: bool, **directives: Any) -> {name}[Any]: ...
'''

# Module, class, and how its commands return: as they are, as coroutines, or as Any (a pipeline: itself, or a value while keys are watched).
CLASSES = (
    ("_sync", "Database", "plain"),
    ("_async", "AsyncDatabase", "async"),
    ("_pipeline", "Pipeline", "any"),
    ("_pipeline", "AsyncPipeline", "any"),
    ("_sync", "Changes", None),
    ("_async", "AsyncChanges", None),
    ("_lock", "Lock", None),
    ("_lock", "AsyncLock", None),
)


def classes(module: str) -> dict[str, ast.ClassDef]:
    """The classes of a module by name."""
    tree = ast.parse((PACKAGE / f"{module}.py").read_text())
    return {node.name: node for node in tree.body if isinstance(node, ast.ClassDef)}


def functions(node: ast.ClassDef) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """The methods of a class that users call."""
    for child in node.body:
        if isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef)):
            if not child.name.startswith("_") or (child.name.startswith("__") and child.name.endswith("__")):
                yield child


def reply(function: ast.FunctionDef | ast.AsyncFunctionDef) -> str | None:
    """`T` of `Reply[T]`, None if the annotation is another."""
    returns = function.returns
    if isinstance(returns, ast.Subscript) and isinstance(returns.value, ast.Name) and returns.value.id == "Reply":
        return ast.unparse(returns.slice)
    return None


def written(function: ast.FunctionDef | ast.AsyncFunctionDef, returns: str, is_async: bool) -> str:
    """A method as a stub, with its docstring."""
    word = "async def" if is_async else "def"
    decorators = "".join(f"    @{ast.unparse(decorator)}\n" for decorator in function.decorator_list)
    returns = spelled(returns)
    head = f"    {word} {function.name}({spelled(ast.unparse(function.args))}) -> {returns}:"
    if len(head) > LINE_MAX:
        head = f"    {word} {function.name}(\n        {arguments(function.args)}\n    ) -> {returns}:"
    text = ast.get_docstring(function, clean=False)
    body = f'\n        """{text}"""\n' if text else " ...\n"
    return f"{decorators}{head}{body}"


def spelled(text: str) -> str:
    """Annotations as they are written here. `type` is a method of these classes."""
    return re.sub(r"\btype\[", "builtins.type[", text.replace("=", " = "))


def arguments(args: ast.arguments) -> str:
    """Arguments over several lines."""
    parts, line = [], ""
    for part in split(spelled(ast.unparse(args))):
        if len(line) + len(part) > LINE_MAX - 12:
            parts.append(line.rstrip())
            line = ""
        line += f"{part}, "
    return "\n        ".join([*parts, line.rstrip().rstrip(",")])


def split(text: str) -> Iterator[str]:
    """The parts between the commas that are in no bracket."""
    depth, start = 0, 0
    for place, sign in enumerate(text):
        depth += (sign in "([{") - (sign in ")]}")
        if sign == "," and depth == 0:
            yield text[start:place].strip()
            start = place + 1
    yield text[start:].strip()


def stub() -> str:
    """The whole file."""
    parts = [HEAD]
    families = [found for name in FAMILIES for found in classes(f"_commands/{name}").values()]
    for module, name, kind in CLASSES:
        node = classes(module)[name]
        own = {function.name: function for function in functions(node)}
        if kind == "any":
            own = {**{f.name: f for f in functions(classes(module)["Queue"])}, **own}
        if kind is None and module == "_lock":
            own = {"__init__": own.pop("__init__"), **own}
        base = "(Generic[V])" if kind else ""
        text = f'\nclass {name}{base}:\n    """{ast.get_docstring(node, clean=False)}"""\n'
        if kind in ("plain", "async"):
            text += OPENING.format(name=name)
            own.pop("__init__")
            own.pop("from_url")
        for family in families if kind else ():
            for function in functions(family):
                value = reply(function)
                if value is not None and function.name not in own:
                    text += written(function, "Any" if kind == "any" else value, kind == "async")
        for function in own.values():
            returns = "None" if function.returns is None else ast.unparse(function.returns)
            generates = isinstance(function, ast.AsyncFunctionDef) and returns.startswith("AsyncIterator")
            text += written(function, returns, isinstance(function, ast.AsyncFunctionDef) and not generates)
        for child in node.body:
            if isinstance(child, ast.Assign):
                text += f"    {ast.unparse(child)}\n"
        if module == "_lock":
            terms = classes(module)["_Terms"]
            init = next(function for function in functions(terms) if function.name == "__init__")
            for argument in init.args.args[1:]:
                assert argument.annotation is not None
                text += f"    {argument.arg}: {ast.unparse(argument.annotation)}\n"
        parts.append(text)
    return "".join(parts)


def main() -> int:
    text = stub()
    if sys.argv[1:] != ["--check"]:
        OUT.write_text(text)
        return 0
    if OUT.exists() and OUT.read_text() == text:
        return 0
    print(f"{OUT} is not what the methods say: run {pathlib.Path(__file__).name}")
    return 1


if __name__ == "__main__":
    sys.exit(main())
