"""Calls as lines of Python: infix operators, methods and functions as a person would write them."""

from __future__ import annotations

import builtins
import inspect
import keyword
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import torch

from arspec.exporting.recording import Batch, Call, ReadsNumbers, Value, leaves

INFIX = {
    "add": "+", "__add__": "+", "sub": "-", "__sub__": "-", "mul": "*", "__mul__": "*", "div": "/", "__truediv__": "/",
    "matmul": "@", "__matmul__": "@", "pow": "**", "__pow__": "**", "__eq__": "==", "eq": "==", "__ne__": "!=",
    "ne": "!=", "__lt__": "<", "lt": "<", "__le__": "<=", "le": "<=", "__gt__": ">", "gt": ">", "__ge__": ">=",
    "ge": ">=", "__and__": "&", "__or__": "|", "__floordiv__": "//", "__mod__": "%",
}  # fmt: skip
REFLECTED = {
    "__radd__": "+",
    "__rsub__": "-",
    "rsub": "-",
    "__rmul__": "*",
    "__rdiv__": "/",
    "__rtruediv__": "/",
    "__rpow__": "**",
}
UNARY = {"__neg__": "-", "neg": "-", "__invert__": "~"}
WIDEST = 100  # columns of an expression into which others are put
TAKEN = frozenset(("self", "torch", "nn", "F", "Path", "batch", "layer", "load_file"))
KEYWORDS = frozenset(keyword.kwlist)
PYTHON = KEYWORDS | {*dir(builtins)}  # Python's own words: a node called so is `sum_`


@dataclass(frozen=True)
class Text:
    """An expression; alone: whether it may stand beside an operator or before a dot without brackets."""

    text: str
    alone: bool = True

    @property
    def inside(self) -> str:
        """As it stands within a larger expression."""
        return self.text if self.alone else f"({self.text})"


@dataclass(eq=False)
class Lines:
    """Lines of one forward method. names: what each Value is called. `uses` collects what of `self` they name."""

    names: dict[int, Text]
    taken: set[str] = field(default_factory=set[str])
    lines: list[str] = field(default_factory=list[str])
    batch: bool = False

    def free(self, wanted: str, own: frozenset[str] = PYTHON) -> str:
        """A name that nothing has yet, made of the wanted one. own: words that it may not be."""
        base = re.sub(r"\W", "_", wanted).strip("_") or "x"
        base = f"_{base}" if base[0].isdigit() else base
        name, count = f"{base}_" if base in own else base, 1
        while name in self.taken or name in TAKEN:
            count += 1
            name = f"{base}_{count}"
        self.taken.add(name)
        return name

    def node(self, calls: Sequence[Call], output: Value, name: str) -> None:
        """The lines of one node, whose value is called `name` from then on."""
        kept = needed(calls, output)
        uses = Counter(
            id(leaf) for call in kept for leaf in leaves((call.args, call.kwargs)) if isinstance(leaf, Value)
        )
        uses[id(output)] += 2
        inline = not any(call.changes for call in kept)
        if id(output) in self.names:  # it gives what it was given
            return
        for call in kept:
            text = self.call(call)
            if call.gives is None:
                self.lines.append(text.text)
            elif isinstance(call.gives, Value):
                own = call.gives
                if inline and uses[id(own)] == 1 and len(text.text) <= WIDEST - 20:
                    self.names[id(own)] = text
                    continue
                called = self.free(name if own is output else f"{name}_part")
                self.lines.append(f"{called} = {text.text}")
                self.names[id(own)] = Text(called)
            else:
                called = [
                    self.free(name if own is output else f"{name}_part") if uses[id(own)] else "_" for own in call.gives
                ]
                self.lines.append(f"{', '.join(called)}{',' if len(called) == 1 else ''} = {text.text}")
                self.names.update({id(own): Text(one) for own, one in zip(call.gives, called, strict=True)})

    def call(self, call: Call) -> Text:
        """A call as an expression."""
        *_, owner, last = ("", *call.name.split("."))
        args = [self.value(each) for each in call.args]
        keys = {key: self.value(each) for key, each in call.kwargs.items() if not _default(call.name, key, each)}
        if last == "__get__":
            return Text(f"{args[0].inside}.{owner}")
        if last == "__getitem__":
            return Text(f"{args[0].inside}[{self.index(call.args[1])}]")
        if last == "__setitem__":
            return Text(f"{args[0].inside}[{self.index(call.args[1])}] = {args[2].text}")
        if last in INFIX and len(args) == 2 and not keys:
            return Text(f"{args[0].inside} {INFIX[last]} {args[1].inside}", False)
        if last in REFLECTED and len(args) == 2 and not keys:
            return Text(f"{args[1].inside} {REFLECTED[last]} {args[0].inside}", False)
        if last in UNARY and len(args) == 1:
            return Text(f"{UNARY[last]}{args[0].inside}", False)
        if owner in ("Tensor", "TensorBase", "_TensorBase"):
            return Text(f"{args[0].inside}.{last}({_listed(args[1:], keys)})")
        return Text(f"{function_name(call.name)}({_listed(args, keys)})")

    def index(self, item: Any) -> str:
        """What stands in square brackets."""
        if isinstance(item, tuple):
            return ", ".join(self.index(each) for each in item) + ("," if len(item) == 1 else "")
        if isinstance(item, slice):
            parts = ["" if each is None else self.value(each).text for each in (item.start, item.stop)]
            return ":".join((*parts, *(() if item.step is None else (self.value(item.step).text,))))
        return self.value(item).text

    def value(self, item: Any) -> Text:
        """A value as an expression. ReadsNumbers for what can't be written."""
        match item:
            case Value():
                return self.names[id(item)]
            case Batch():
                self.batch = True
                return Text("batch") if item.times == 1 else Text(f"{item.times} * batch", False)
            case torch.dtype():
                return Text("self.dtype" if item == torch.float64 else str(item))
            case torch.device():
                return Text("self.device")
            case torch.Size():
                return self.value(tuple(item))
            case tuple():
                return Text(f"({', '.join(self.value(each).text for each in item)}{',' if len(item) == 1 else ''})")
            case list():
                return Text(f"[{', '.join(self.value(each).text for each in item)}]")
            case slice():
                return Text(f"slice({', '.join(self.value(each).text for each in (item.start, item.stop, item.step))})")
            case float() if item != item or item in (float("inf"), float("-inf")):
                return Text("torch.nan") if item != item else Text("torch.inf" if item > 0 else "-torch.inf", item > 0)
            case None | bool() | int() | float() | str():
                return Text(repr(item), not (isinstance(item, (int, float)) and item < 0))
            case _ if item is Ellipsis:
                return Text("...")
            case torch.memory_format() | torch.layout():
                return Text(str(item))
            case _:
                raise ReadsNumbers(f"an argument of type {type(item).__name__}")


def function_name(name: str) -> str:
    """A function of torch, as a file names it that has `from torch.nn import functional as F`."""
    last = name.rpartition(".")[2]
    if name.startswith(("torch.nn.functional.", "torch._C._nn.")) and hasattr(torch.nn.functional, last):
        return f"F.{last}"
    if name.startswith(("torch.special.", "torch.linalg.", "torch.fft.")):
        return name
    if name.startswith("torch.") and hasattr(torch, last):
        return f"torch.{last}"
    raise ReadsNumbers(f"a call of {name}")


@cache
def _defaults(name: str) -> dict[str, Any]:
    """What a function takes where nothing is given, by the names of its arguments; nothing where that is not stated."""
    last = name.rpartition(".")[2]
    function = getattr(torch.nn.functional, last, None) if name.startswith("torch.nn.functional.") else None
    try:
        stated = inspect.signature(function).parameters if function is not None else {}
    except (TypeError, ValueError):
        return {}
    return {key: each.default for key, each in stated.items() if each.default is not inspect.Parameter.empty}


def _default(name: str, key: str, value: Any) -> bool:
    """Whether an argument is what the function takes anyhow."""
    if isinstance(value, (Value, Batch)):
        return False
    own = _defaults(name)
    return key in own and type(own[key]) is type(value) and own[key] == value


def needed(calls: Sequence[Call], output: Value) -> list[Call]:
    """The calls without which the output would be another. One that writes over an argument may do so in a view of
    something that is needed, so that all of these are kept."""
    wanted = {id(output)}
    kept: list[Call] = []
    for call in reversed(calls):
        gives = [leaf for leaf in leaves(call.gives) if isinstance(leaf, Value)]
        if call.changes or any(id(each) in wanted for each in gives):
            kept.append(call)
            wanted.update(id(leaf) for leaf in leaves((call.args, call.kwargs)) if isinstance(leaf, Value))
    return kept[::-1]


def _listed(args: Sequence[Text], keys: Mapping[str, Text]) -> str:
    return ", ".join([*(each.text for each in args), *(f"{key}={each.text}" for key, each in keys.items())])
