"""The weights of a compiled spec: a tree of modules whose parameter names are the spec's node names.

`body.3.h_conv.weight` is the parameter `weight` of the node `body.3.h_conv`. torch's modules use some names themselves
(`train`, `type`, `half`, `__init__`, ...). Such a part of a name gets an underscore behind it, or more where theirs
ends in some. So does such a name with other underscores at its end: no two parts ever meet.
"""

from __future__ import annotations

import zlib
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from typing import TYPE_CHECKING, cast

import torch
from torch import Tensor, nn

from arspec.layers.base import Weight

if TYPE_CHECKING:
    from arspec.language.graph import Graph
    from arspec.layers.base import Node
    from arspec.network.steps import Place


def escaped(part: str) -> str:
    """The name of an attribute for one part of a node's name."""
    return part + "_" * _taken().get(part.rstrip("_"), 0)


@cache
def _taken() -> dict[str, int]:
    """The names that modules use themselves, without underscores at their ends, and how many of these to add."""
    names = {*dir(WeightTree), *vars(nn.Module()), "_where", "_tied", "weight_levels", "weight_one"}
    found: dict[str, int] = {}
    for name in names:
        core = name.rstrip("_")
        found[core] = max(found.get(core, 0), 1 + len(name) - len(core))
    return found


class Names(nn.Module):
    """One level of the tree of names: it holds parameters, buffers and further levels, and computes nothing."""

    def child(self, part: str) -> Names:
        """The level below for one part of a node's name; it is made where there is none."""
        name = escaped(part)
        if name not in self._modules:
            self.add_module(name, Names())
        return cast(Names, self._modules[name])


class WeightTree(Names):
    """All weights of a graph. `of(node)` gives a node's own, or those of the node that it is tied to."""

    def __init__(self, graph: Graph, seed: int) -> None:
        super().__init__()
        self._where: dict[Node, dict[str, tuple[Names, str]]] = {}
        self.weight_one: tuple[Names, str] | None = None
        self.weight_levels: dict[Names, int] = {}  # those that hold weights, numbered
        self._tied = {
            node: {name: weight.shape for name, weight in node.layer.weights(node).items()}
            for node in graph.nodes
            if node.tied is not None
        }
        for (node, name), weight in graph.weights.items():
            level: Names = self
            *parts, last = f"{node.name}.{name}".split(".")
            for part in parts:
                level = level.child(part)
            value = initial(weight, seed, f"{node.name}.{name}")
            key = escaped(last)
            if weight.trained:
                level.register_parameter(key, nn.Parameter(value))
            else:
                level.register_buffer(key, value)
            self._where.setdefault(node, {})[name] = (level, key)
            self.weight_levels.setdefault(level, len(self.weight_levels))
            self.weight_one = self.weight_one or (level, key)

    def of(self, node: Node) -> dict[str, Tensor]:
        """The weights of a node by their names in its layer, tied ones in the shape that the node sees them in."""
        own = self._where.get(node.tied or node)
        if own is None:
            return {}
        found = {name: cast(Tensor, getattr(level, key)) for name, (level, key) in own.items()}
        shapes = self._tied.get(node)
        return found if shapes is None else {name: found[name].view(shape) for name, shape in shapes.items()}

    def weight_places(self, node: Node) -> tuple[Place, ...]:
        """Where a node finds its weights, in the order and the form in which `of` gives them."""
        own, shapes = self._where.get(node.tied or node, {}), self._tied.get(node)
        return tuple(
            (name, self.weight_levels[level], key, None if shapes is None else shapes[name])
            for name, (level, key) in own.items()
            if shapes is None or name in shapes
        )

    def named(self) -> dict[str, Tensor]:
        """All weights, as `of` gives them, by the names that they have in a state dict of the tree."""
        return {
            ".".join(map(escaped, f"{node.name}.{name}".split("."))): cast(Tensor, getattr(level, key))
            for node, own in self._where.items()
            for name, (level, key) in own.items()
        }

    def kept(self, node: Node | None = None) -> Iterator[tuple[Tensor, bool]]:
        """The weights of a node, or all of them, each once and as `of` gives it, and whether it is stored so. A weight
        that torch's parametrisations compute is another tensor each time."""
        whose = self._where.values() if node is None else [self._where.get(node.tied or node, {})]
        for own in whose:
            for level, key in own.values():
                value = cast(Tensor, getattr(level, key))
                yield value, key in level._parameters or key in level._buffers


def one_of(tree: WeightTree) -> Tensor | None:
    """One of the weights; None where there is none. (torch's search for the first parameter takes as long as a
    layer.)"""
    return None if tree.weight_one is None else cast(Tensor, getattr(*tree.weight_one))


_undrawn: ContextVar[bool] = ContextVar("undrawn", default=False)


@contextmanager
def undrawn() -> Generator[None]:
    """Inside, weights are made without numbers, which take neither time nor memory: all of them are filled later."""
    token = _undrawn.set(True)
    try:
        yield
    finally:
        _undrawn.reset(token)


def initial(weight: Weight, seed: int, name: str) -> Tensor:
    """A weight as it starts. The draw depends on the seed and the weight's name alone, not on the rest of the spec."""
    if _undrawn.get():
        return torch.empty(weight.shape)
    generator = torch.Generator().manual_seed((seed * 0x9E3779B1 + zlib.crc32(name.encode())) % (1 << 63))
    if weight.start:
        return torch.tensor(weight.start).expand(weight.shape).clone()
    value = torch.full(weight.shape, weight.constant)
    if weight.bound is not None:
        value.uniform_(-weight.bound, weight.bound, generator=generator)
    elif weight.deviation is not None:
        value.normal_(0.0, weight.deviation, generator=generator)
    return value
