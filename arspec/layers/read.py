"""What attention reads: keys and values, on the queries' grid or on any other."""

from __future__ import annotations

from arspec.layers.base import Fault, Node
from arspec.layers.one_grid import same_grid
from arspec.masks import AXES
from arspec.syntax.predicates import coordinates, mask_names
from arspec.types import Free, Type

BY_ORDER = frozenset({"earlier", "so_far", "before"})


def check_read(node: Node) -> None:
    """Checks queries, keys and values, the inputs of a node. Raises Fault where keys and values lie on two grids, or
    where the mask compares what one of the sides does not have: an order, or the same axes."""
    queries, keys, values = node.inputs
    same_grid(node, [keys.out, values.out], "keys and values", first=1)
    if node.mask is None:
        return
    names = mask_names(node.mask.predicate)
    ranks = {str(one) for one in coordinates(node.mask.predicate) if one.what == "rank"}
    free = next((side for side in (keys, queries) if isinstance(side.out.frame, Free)), None)
    if free is not None and (named := sorted(names & BY_ORDER) + sorted(ranks)):
        raise Fault("AR425",
                    f"the mask '{node.mask}' compares when sites are generated ({named[0]}), and '{free.name}', which "
                    "is computed from conditions alone, is there from the start",
                    f"leave the mask out to let every site see all of it{_or_compare(keys.out, queries.out)}",
                    "mask")  # fmt: skip
    if "here" in names and len(queries.out.grid) != len(keys.out.grid):
        raise Fault("AR425",
                    f"the mask '{node.mask}' asks for the same place, and '{queries.name}' gives {queries.out} where "
                    f"'{keys.name}' gives {keys.out}",
                    "compare single coordinates, such as that.step and this.row", "mask")  # fmt: skip


def _or_compare(that: Type, this: Type) -> str:
    """What else a mask may say of two grids; nothing where one of them has no axes."""
    a, b = (next(iter(AXES.get(len(kind.grid), ())), None) for kind in (that, this))
    return f", or compare places: that.{a} <= this.{b}" if a and b else ""
