# SPDX-License-Identifier: Apache-2.0
"""Finds private names of drivers outside of _private.py: lint_private_names.py [PACKAGE_FOLDER].

Told are the names of the tables in each ``_private.py``, any other name with a leading underscore
that the package doesn't define itself, and imports of modules that the drivers don't document.
"""

from __future__ import annotations

import ast
import importlib.util
import re
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "python" / "aws_advanced_python_wrapper"
HOME = "_private.py"
PRIVATE = re.compile(r"_(?!_)\w+")
OURS = "_aws_"
OF_WRAPT = "_self_"  # wrapt documents it for what wrappers have of their own
OF_PYTHON = ("sys._getframe",)
DRIVERS = ("psycopg", "mysql", "_mysql_connector", "psycopg_pool", "psycopg_binary", "psycopg_c")
DOCUMENTED = {
    "psycopg": ("conninfo", "errors", "pq", "rows", "sql"),
    "mysql.connector": ("aio", "django", "errors", "pooling"),
}
WITHOUT_DRIVER = ("_core", "errors", "pep249")


def table_of(tree: ast.Module) -> set[str]:
    """What a module of private names spells: the names and parts of dotted ones in its texts."""
    texts = (node.value for node in ast.walk(tree) if isinstance(node, ast.Constant))
    words = {text for text in texts if isinstance(text, str) and re.fullmatch(r"\w+", text)}
    attributes = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    return {name for name in words | attributes if PRIVATE.fullmatch(name)}


def defined_in(tree: ast.Module) -> Iterator[str]:
    """The private names that a module defines: its own, and those of its classes."""
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            yield node.name
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            if isinstance(node.value, ast.Name) and node.value.id == "self":
                yield node.attr


def imported(node: ast.AST) -> Iterator[str]:
    """The modules of drivers that a statement imports, or takes something from."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom) and not node.level:
        module = node.module or ""
        yield module
        names = (f"{module}.{alias.name}" for alias in node.names)
        yield from (name for name in names if module.split(".")[0] in DRIVERS and is_module(name))


def is_module(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:  # its parent is none
        return False


def is_documented(module: str) -> bool:
    if any(part.startswith("_") for part in module.split(".")):
        return False
    for package, modules in DOCUMENTED.items():
        if module == package or f"{package}.".startswith(f"{module}."):
            return True
        if module.startswith(f"{package}."):
            return module.removeprefix(f"{package}.").split(".")[0] in modules
    return False


def spelled(tree: ast.Module) -> Iterator[tuple[ast.AST, str]]:
    """The names that are spelled as attributes, as texts, and in the bodies of classes."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            yield node, node.attr
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node, node.value
        elif isinstance(node, ast.ClassDef):
            for part in node.body:
                if isinstance(part, (ast.FunctionDef, ast.AsyncFunctionDef)):
                    yield part, part.name
                elif isinstance(part, ast.AnnAssign) and isinstance(part.target, ast.Name):
                    yield part, part.target.id


def found_in(tree: ast.Module, drivers: set[str], ours: set[str]) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        for module in imported(node):
            if module.split(".")[0] in DRIVERS and not is_documented(module):
                yield node.lineno, f"the module {module}"  # type: ignore[attr-defined]
    for node, name in spelled(tree):
        if not PRIVATE.fullmatch(name) or name.startswith((OURS, OF_WRAPT)):
            continue
        if isinstance(node, ast.Attribute) and ast.unparse(node) in OF_PYTHON:
            continue
        if name in drivers or (isinstance(node, ast.Attribute) and name not in ours):
            yield node.lineno, f"the name {name}"  # type: ignore[attr-defined]


def main() -> int:
    package = Path(sys.argv[1]) if len(sys.argv) > 1 else PACKAGE
    trees = {p: ast.parse(p.read_text(encoding="utf-8")) for p in sorted(package.rglob("*.py"))}
    tables = {path.parent: table_of(tree) for path, tree in trees.items() if path.name == HOME}
    everything = set().union(*tables.values())
    others = {path: tree for path, tree in trees.items() if path.name != HOME}
    ours = {name for tree in others.values() for name in defined_in(tree)}
    ours |= {path.stem for path in trees}
    found = False
    for path, tree in others.items():
        knows_none = path.relative_to(package).parts[0].removesuffix(".py") in WITHOUT_DRIVER
        drivers = set() if knows_none else tables.get(path.parent, everything)
        for line, what in found_in(tree, drivers, ours):
            found = True
            print(f"{path.relative_to(package)}:{line}: {what} stands in a driver's {HOME} only")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
