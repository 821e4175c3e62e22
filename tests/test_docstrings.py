"""Every public definition of the package says what it is."""

from __future__ import annotations

import ast
import importlib
import inspect
from collections.abc import Iterator
from functools import cache

import pytest

from tests.small import ROOT

FILES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for path in sorted((ROOT / "arspec").rglob("*.py"))
}
PUBLIC = [name for name in FILES if not any(part.startswith("_") for part in name.split("."))]
Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


def definitions(body: list[ast.stmt], inside: str = "") -> Iterator[tuple[str, Definition]]:
    """Every class, function and method by its name in the module; what stands inside functions is nobody's."""
    for node in body:
        if isinstance(node, Definition):
            yield inside + node.name, node
            if isinstance(node, ast.ClassDef):
                yield from definitions(node.body, f"{inside}{node.name}.")
        elif isinstance(node, ast.If | ast.Try):
            yield from definitions(node.body, inside)


@cache
def documented(module: str) -> frozenset[str]:
    """The definitions of a module that have a docstring."""
    if module not in FILES:
        return frozenset()
    tree = ast.parse(FILES[module].read_text("utf-8"))
    return frozenset(name for name, node in definitions(tree.body) if ast.get_docstring(node))


def inherited(module: str, name: str) -> bool:
    """Whether a method overrides a documented one of a base class of ours."""
    owner, _, method = name.rpartition(".")
    if not owner:
        return False
    found = importlib.import_module(module)
    for part in owner.split("."):
        found = getattr(found, part)
    assert inspect.isclass(found)
    return any(f"{base.__qualname__}.{method}" in documented(base.__module__) for base in found.__mro__[1:])


def silent(module: str) -> list[str]:
    """The public definitions of a module that say nothing."""
    tree = ast.parse(FILES[module].read_text("utf-8"))
    return [
        name
        for name, node in definitions(tree.body)
        if not any(part.startswith("_") for part in name.split("."))
        and not any(ast.unparse(each).endswith(("overload", ".setter")) for each in node.decorator_list)
        and name not in documented(module)
        and not inherited(module, name)
    ]


@pytest.mark.parametrize("module", PUBLIC)
def test_what_is_public_says_what_it_is(module: str) -> None:
    assert silent(module) == []
