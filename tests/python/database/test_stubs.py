"""What a type checker is told is what the methods are."""

import ast
import inspect
import pathlib
import subprocess
import sys

import pytest

from ramekin import database

PYTHON = pathlib.Path(__file__).parents[3] / "crates" / "python"


def test_the_stub_is_what_its_script_writes():
    found = subprocess.run([sys.executable, PYTHON / "stubs.py", "--check"], capture_output=True, text=True, timeout=60)
    assert found.returncode == 0, found.stdout


@pytest.mark.parametrize("name", ["Database", "AsyncDatabase", "Pipeline", "AsyncPipeline", "Lock", "AsyncLock", "Changes", "AsyncChanges"])
def test_the_stub_has_every_method_with_its_parameters(name):
    tree = ast.parse((PYTHON / "python" / "ramekin" / "database.pyi").read_text())
    stub = next(node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == name)
    told = {node.name: node for node in stub.body if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))}
    for method, function in inspect.getmembers(getattr(database, name), inspect.isfunction):
        if method.startswith("_") or method in ("aclose",):
            continue
        args = told[method].args
        names = [arg.arg for arg in [*args.posonlyargs, *args.args, *args.kwonlyargs]]
        expected = [p.name for p in inspect.signature(function).parameters.values() if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]
        assert names == expected, method


def test_the_native_stub_has_all_that_the_module_has():
    from ramekin import _ramekin

    tree = ast.parse((PYTHON / "python" / "ramekin" / "_ramekin.pyi").read_text())
    told = {node.name: node for node in tree.body if isinstance(node, (ast.ClassDef, ast.FunctionDef))}
    found = {name: value for name, value in vars(_ramekin).items() if not name.startswith("__")}
    assert set(found) - set(told) == set()
    for name, value in found.items():
        if isinstance(value, type):
            members = {child.name for child in told[name].body if isinstance(child, ast.FunctionDef)}
            assert {member for member in vars(value) if not member.startswith("__")} - members == set(), name
