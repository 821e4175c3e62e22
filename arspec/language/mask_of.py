"""The mask of a layer: a predicate, a kernel of 0 and 1, or both."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from arspec.layers.base import Fault, Node
from arspec.masks import AXES, Mask, resolve
from arspec.syntax.predicates import coordinates


def mask_of(value: Any, node: Node, own: Mapping[str, str], params: Mapping[str, Any]) -> Mask:
    """The mask that a layer's key `mask` gives. `own`: the masks of the spec by name.
    Raises Fault and ExpressionError."""
    grid = node.ins[0].grid
    if isinstance(value, str):
        mask = Mask(resolve(value, own, params), None, value)
    else:
        given: dict[str, Any] = value if isinstance(value, dict) else {"kernel": value}
        if given.keys() - {"kernel", "groups"} or "kernel" not in given:
            raise Fault("AR315", "a mask is a predicate, a kernel of 0 and 1, or {kernel: ..., groups: ...}",
                        "mask: {kernel: [[1, 1, 1], [1, 1, 0]], groups: B}", "mask")  # fmt: skip
        if "kernel" not in type(node.layer).model_fields:
            raise Fault("AR317", f"`{node.layer.layer}` has no kernel, and so no mask that is one",
                        "write a predicate: mask: earlier", "mask")  # fmt: skip
        groups = str(given.get("groups", "everything"))
        text = f"kernel, groups {groups}" if "groups" in given else "kernel"
        mask = Mask(resolve(groups, own, params), _kernel(given["kernel"], len(grid)), text)
    for found in sorted(coordinates(mask.predicate), key=str):
        source = node.inputs[0 if found.who == "this" else node.layer.masked_input]
        there = list(AXES.get(len(source.out.grid), {}))
        known = [*there, *(("position",) if there else ()), "rank", "group"]
        if found.what not in known:
            has = " and ".join(f"{axis}s" for axis in there) or "no places"
            raise Fault("AR317", f"the mask '{mask.text}' compares {found}, and '{source.name}' has {has}",
                        f"here a mask compares {', '.join(sorted(known))}; `earlier` and `so_far` compare the order, "
                        "and hold for all data", "mask")  # fmt: skip
    return mask


def _kernel(value: Any, dimensions: int) -> tuple[Any, ...]:
    """A kernel of 0 and 1 as nested tuples of its shape."""
    rows = value if dimensions == 2 else [value]
    good = isinstance(rows, list) and rows and all(isinstance(row, list) and row for row in rows)
    if (
        not good
        or any(x not in (0, 1) or isinstance(x, bool) for r in rows for x in r)
        or len({len(r) for r in rows}) > 1
    ):
        raise Fault("AR316", "a kernel mask holds 0 and 1, in rows of one length",
                    "mask: [[1, 1, 1], [1, 1, 0], [0, 0, 0]]" if dimensions == 2 else "mask: [1, 1, 0]",
                    "mask")  # fmt: skip
    return tuple(tuple(row) for row in rows) if dimensions == 2 else tuple(rows[0])
