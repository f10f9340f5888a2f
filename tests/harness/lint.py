"""Checks of the Python tests that need no package: names are used, lines are short, modules say what they are."""

import ast
import pathlib
import sys

LINE_MAX = 140


def problems(path):
    """Each problem of a file as a line of text."""
    text = path.read_text()
    tree = ast.parse(text)
    if not ast.get_docstring(tree):
        yield f"{path}: no module docstring"
    for number, line in enumerate(text.splitlines(), 1):
        if len(line) > LINE_MAX:
            yield f"{path}:{number}: {len(line)} characters, at most {LINE_MAX}"
        if line != line.rstrip():
            yield f"{path}:{number}: trailing space"
    used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    used |= {
        node.value.id for node in ast.walk(tree) if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)
    }
    for node in ast.walk(tree):
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            for alias in node.names:
                name = (alias.asname or alias.name).split(".")[0]
                if name not in used:
                    yield f"{path}:{node.lineno}: {name} is imported and not used"
    seen = {}
    for node in tree.body:
        if isinstance(node, ast.FunctionDef):
            if node.name in seen:
                yield f"{path}:{node.lineno}: {node.name} is defined twice (line {seen[node.name]}); the first never runs"
            seen[node.name] = node.lineno


def main():
    found = [
        line for root in sys.argv[1:] for path in sorted(pathlib.Path(root).rglob("*.py")) for line in problems(path)
    ]
    print("\n".join(found), end="\n" if found else "")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
