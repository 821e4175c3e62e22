"""Where a part of a module is made: the line of `__init__` that builds it, found in the source of its class."""

from __future__ import annotations

import ast
import inspect
import linecache
import textwrap
from collections.abc import Iterator
from functools import lru_cache

from torch import nn

from arspec.shadow.places import Place


def made(module: nn.Module, path: str) -> list[Place]:
    """The expressions that build the part or the buffer at `path`, the most telling first; none where they cannot be
    found. Buffers are followed through the names that they are made from."""
    owner, names = _owner(module, path)
    if not names:
        return []
    attribute, *entries = names
    for kind in type(owner).__mro__:
        if kind.__module__.startswith("torch.") or kind is object:
            continue
        found = _in_class(kind, attribute, entries)
        if found:
            return found
    return []


def _owner(module: nn.Module, path: str) -> tuple[nn.Module, list[str]]:
    """The innermost part above `path` whose class is not torch's own, and the names that lead on from it."""
    names = path.split(".") if path else []
    owner, rest, at = module, names, module
    for depth, name in enumerate(names):
        if not type(at).__module__.startswith("torch."):
            owner, rest = at, names[depth:]
        below = getattr(at, name, None)
        if not isinstance(below, nn.Module):
            break
        at = below
    return owner, rest


@lru_cache(maxsize=256)
def _tree(kind: type) -> tuple[ast.ClassDef, str, int] | None:
    try:
        lines, first = inspect.getsourcelines(kind)
        file = inspect.getfile(kind)
        tree = ast.parse(textwrap.dedent("".join(lines)))
    except (OSError, TypeError, SyntaxError, IndentationError):
        return None
    node = tree.body[0] if tree.body else None
    return (node, file, first - 1) if isinstance(node, ast.ClassDef) else None


def _in_class(kind: type, attribute: str, entries: list[str]) -> list[Place]:
    source = _tree(kind)
    if source is None:
        return []
    tree, file, above = source
    found: list[ast.AST] = []
    for function in [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]:
        for node in ast.walk(function):
            value = _given(node, attribute)
            if value is None:
                continue
            # in-place writes into what the buffer is made from tell most, the last one first
            names = {n.id for n in ast.walk(value) if isinstance(n, ast.Name)} - {"self", "torch", "nn", "np"}
            found += [*reversed(list(_writes(function, names, attribute))), _entry(value, entries)]
            if not isinstance(value, ast.Call) or _plain(value):
                found += list(_assigned(function, names))
    return [_place(node, file, above, f"{kind.__name__}.__init__") for node in _once(found)]


def _once(nodes: list[ast.AST]) -> list[ast.AST]:
    seen: set[int] = set()
    return [node for node in nodes if not (node.lineno in seen or seen.add(node.lineno))]  # type: ignore[attr-defined]


def _given(node: ast.AST, attribute: str) -> ast.expr | None:
    """What `self.<attribute>` is set to by this statement."""
    if isinstance(node, ast.Assign) and any(_is_own(target, attribute) for target in node.targets):
        return node.value
    if isinstance(node, ast.AnnAssign) and node.value is not None and _is_own(node.target, attribute):
        return node.value
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and len(node.args) >= 2:
        first = node.args[0]
        named = isinstance(first, ast.Constant) and first.value == attribute
        if node.func.attr in ("register_buffer", "add_module", "register_module", "register_parameter") and named:
            return node.args[1]
    return None


def _is_own(target: ast.AST, attribute: str) -> bool:
    return (
        isinstance(target, ast.Attribute)
        and target.attr == attribute
        and isinstance(target.value, ast.Name)
        and target.value.id == "self"
    )


def _entry(value: ast.expr, entries: list[str]) -> ast.expr:
    """The entry of a list of parts that the numbers lead to, as far as it can be told."""
    for name in entries:
        if not isinstance(value, ast.Call):
            break
        if any(keyword.arg == name for keyword in value.keywords):
            value = next(keyword.value for keyword in value.keywords if keyword.arg == name)
            continue
        listed = value.args
        if len(listed) == 1 and isinstance(listed[0], (ast.List, ast.Tuple)):
            listed = listed[0].elts
        if len(listed) == 1 and isinstance(listed[0], (ast.ListComp, ast.GeneratorExp)):
            value = listed[0].elt
            continue
        if not name.isdigit() or int(name) >= len(listed) or any(isinstance(e, ast.Starred) for e in listed):
            break
        value = listed[int(name)]
    return value


def _plain(value: ast.Call) -> bool:
    """Whether a call only casts or reshapes what it is called on, such as `mask.bool()`."""
    return isinstance(value.func, ast.Attribute) and not (
        isinstance(value.func.value, ast.Name) and value.func.value.id in ("torch", "nn", "F", "np")
    )


def _assigned(function: ast.FunctionDef, names: set[str]) -> Iterator[ast.AST]:
    """What the names are set to before."""
    for node in ast.walk(function):
        if isinstance(node, ast.Assign) and any(isinstance(t, ast.Name) and t.id in names for t in node.targets):
            yield node.value


def _writes(function: ast.FunctionDef, names: set[str], attribute: str) -> Iterator[ast.AST]:
    """Statements that write into the names or into `self.<attribute>` in place."""
    for node in ast.walk(function):
        if isinstance(node, (ast.Assign, ast.AugAssign)):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            for target in targets:
                base = target.value if isinstance(target, ast.Subscript) else None
                if base is not None and (
                    (isinstance(base, ast.Name) and base.id in names)
                    or _is_own(base, attribute)
                    or (isinstance(base, ast.Attribute) and _is_own(base.value, attribute))
                ):
                    yield node


def _place(node: ast.AST, file: str, above: int, function: str) -> Place:
    line, end = node.lineno + above, (node.end_lineno or node.lineno) + above  # type: ignore[attr-defined]
    shift = _indent(linecache.getline(file, above + 1))  # the class was moved to the left before it was read
    return Place(
        file, line, function, "", node.col_offset + shift, end, (node.end_col_offset or 0) + shift  # type: ignore
    )  # fmt: skip


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())
