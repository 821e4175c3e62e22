"""A computation as a list of torch's core operators, in which numbers that follow the sizes of a batch stand as such.

It is traced twice, at sizes that are primes: a number that differs between the two is a product of sizes, or the
computation can't be written down for sizes of all kinds.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import product
from typing import Any

import torch
from torch import Tensor
from torch.utils import _pytree as trees

BATCH, SITES = "batch", "sites"
SIZES = ({BATCH: 11, SITES: 13}, {BATCH: 17, SITES: 19})  # of the two passes
HIGHEST = 2  # power of a size in a product of sizes


class Untraceable(Exception):
    """The computation is no list of operators, or another one for other sizes. The text says why."""


@dataclass(frozen=True)
class Dim:
    """A number that is a factor times powers of sizes, such as 3 * batch * sites."""

    factor: int
    powers: tuple[tuple[str, int], ...]

    def at(self, sizes: dict[str, int]) -> int:
        """The number at some sizes."""
        found = self.factor
        for name, power in self.powers:
            found *= sizes[name] ** power
        return found


BY = Dim(1, ((BATCH, 1),))
PER_SITE = Dim(1, ((SITES, 1),))
Size = int | Dim


@dataclass(frozen=True)
class Given:
    """An argument of the computation: a tensor of these sizes, which is an input of the graph."""

    shape: tuple[Size, ...]
    dtype: torch.dtype


@dataclass(frozen=True)
class Settable:
    """A number that the graph takes as an input, where the computation takes a float of Python."""

    numbers: tuple[float, float] = (0.7310585786300049, 1.3132616875182228)


@dataclass(eq=False)
class Variable:
    """A tensor of the traced computation. constant: its numbers, where they depend on nothing that is given."""

    shape: tuple[Size, ...]
    dtype: torch.dtype
    constant: Tensor | None = None


@dataclass(eq=False)
class Operator:
    """A call of a core operator: the function, its arguments, and what it gives. Variables stand for tensors, Dims for
    numbers that follow the sizes, and Settables for floats."""

    target: Any
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    gives: list[Variable]

    @property
    def name(self) -> str:
        """Its name, without that of the overload."""
        return str(self.target).split(".")[1]


@dataclass(eq=False)
class Traced:
    """A computation: what it takes, its operators in order, and what it gives."""

    takes: list[Variable]
    operators: list[Operator]
    gives: list[Variable]


@cache
def _decompositions() -> dict[Any, Any]:
    from torch._decomp import core_aten_decompositions

    return {**core_aten_decompositions()}


def traced(
    computation: Callable[..., Any], given: Sequence[Given | Tensor], settable: Settable | None = None
) -> Traced:
    """What a function of tensors computes. given: its arguments, of which tensors are constants. settable: a float that
    it takes last. Raises Untraceable."""
    passes = [_pass(computation, given, sizes, k, settable) for k, sizes in enumerate(SIZES)]
    return _Merging(given, settable).merged(*passes)


def _pass(
    computation: Callable[..., Any], given: Sequence[Given | Tensor], sizes: dict[str, int], k: int,
    settable: Settable | None,
) -> torch.fx.GraphModule:  # fmt: skip
    from torch._subclasses.functional_tensor import dispatch_functionalize
    from torch.fx.experimental.proxy_tensor import make_fx  # pyright: ignore[reportUnknownVariableType]

    number = () if settable is None else (settable.numbers[k],)

    def called(*tensors: Tensor) -> list[Tensor]:
        found = computation(*tensors, *number)
        return [*found] if isinstance(found, (tuple, list)) else [found]

    examples = [
        each if isinstance(each, Tensor) else torch.zeros([_at(n, sizes) for n in each.shape], dtype=each.dtype)
        for each in given
    ]
    made: Any = make_fx(dispatch_functionalize(called), _decompositions(), "fake", _allow_non_fake_inputs=True)
    try:
        with torch.no_grad():
            return made(*examples)
    except Exception as error:  # whatever a layer's code raises when it is given tensors without numbers
        reason = str(error).strip().splitlines() or [type(error).__name__]
        raise Untraceable(f"it takes numbers out of tensors ({reason[0][:120]})") from error


def _at(size: Size, sizes: dict[str, int]) -> int:
    return size.at(sizes) if isinstance(size, Dim) else size


class _Merging:
    """Puts two passes together."""

    def __init__(self, given: Sequence[Given | Tensor], settable: Settable | None) -> None:
        self.given, self.settable = given, settable
        self.known: dict[Any, Any] = {}  # of a node of the first pass its Variable, or Variables
        self.twin: dict[Any, Any] = {}  # of a node of the first pass that of the second

    def merged(self, one: torch.fx.GraphModule, other: torch.fx.GraphModule) -> Traced:
        first, second = [*one.graph.nodes], [*other.graph.nodes]
        if [(n.op, str(n.target)) for n in first] != [(n.op, str(n.target)) for n in second]:
            raise Untraceable("it computes otherwise for other sizes")
        takes: list[Variable] = []
        operators: list[Operator] = []
        gives: list[Variable] = []
        for a, b in zip(first, second, strict=True):
            self.twin[a] = b
            if a.op == "placeholder":
                each = self.given[len(takes)]
                known = isinstance(each, Tensor)
                takes.append(Variable(tuple(each.shape), each.dtype, each if known else None))
                self.known[a] = takes[-1]
            elif a.op == "get_attr":
                constant = _attribute(one, a.target)
                self.known[a] = Variable(tuple(constant.shape), constant.dtype, constant)
            elif a.op == "output":
                gives = [self._same(x, y) for x, y in zip(a.args[0], b.args[0], strict=True)]
            elif "getitem" in str(a.target):
                self.known[a] = self.known[a.args[0]][a.args[1]]
            else:
                operators.append(self._operator(a, b))
        return Traced(takes, operators, gives)

    def _operator(self, a: Any, b: Any) -> Operator:
        args = tuple(self._same(x, y) for x, y in zip(a.args, b.args, strict=True))
        kwargs = {key: self._same(value, b.kwargs[key]) for key, value in a.kwargs.items()}
        values = a.meta["val"], b.meta["val"]
        several = isinstance(values[0], (tuple, list))
        pairs = zip(*values, strict=True) if several else [values]
        made = [Variable(self._sizes(x.shape, y.shape), x.dtype) for x, y in pairs]
        self.known[a] = made if several else made[0]
        return Operator(a.target, args, kwargs, made)

    def _same(self, a: Any, b: Any) -> Any:
        if isinstance(a, torch.fx.Node):
            if self.twin[a] is not b:
                raise Untraceable("it computes otherwise for other sizes")
            return self.known[a]
        if isinstance(a, (tuple, list)):
            if len(a) != len(b):
                raise Untraceable("it computes otherwise for other sizes")
            return type(a)(self._same(x, y) for x, y in zip(a, b, strict=True))
        if isinstance(a, int) and isinstance(b, int) and not isinstance(a, bool):
            return self._size(a, b)
        if self.settable is not None and (a, b) == self.settable.numbers:
            return self.settable
        if a != b and not (isinstance(a, float) and repr(a) == repr(b)):
            raise Untraceable(f"it computes with {a!r} at one size and {b!r} at another")
        return a

    def _sizes(self, one: Sequence[int], other: Sequence[int]) -> tuple[Size, ...]:
        return tuple(self._size(int(a), int(b)) for a, b in zip(one, other, strict=True))

    def _size(self, a: int, b: int) -> Size:
        if a == b:
            return a
        for powers in product(range(HIGHEST + 1), repeat=len(SIZES[0])):
            shape = tuple((name, power) for name, power in zip(SIZES[0], powers, strict=True) if power)
            unit = Dim(1, shape)
            factor, rest = divmod(a, unit.at(SIZES[0]))
            if not rest and Dim(factor, shape).at(SIZES[1]) == b:
                return Dim(factor, shape)
        raise Untraceable(f"it computes with the number {a} at one size and {b} at another")


def _attribute(module: torch.fx.GraphModule, target: str) -> Tensor:
    found: Any = module
    for part in target.split("."):
        found = getattr(found, part)
    return found


def constants_only(item: Any) -> bool:
    """Whether arguments hold no tensor but constants, and no number that is not known before the graph runs."""
    for leaf in trees.tree_leaves(item):
        if isinstance(leaf, Variable) and leaf.constant is None:
            return False
        if isinstance(leaf, (Dim, Settable)):
            return False
    return True


def valued(item: Any) -> Any:
    """Arguments with the numbers of constants in the places of Variables."""
    return trees.tree_map(_value, item)


def _value(leaf: Any) -> Any:
    return leaf.constant if isinstance(leaf, Variable) else leaf
