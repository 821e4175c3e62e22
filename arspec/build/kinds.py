"""The layer kinds as methods, and the kinds of data, condition and head as functions, made from the models that state
their keys. `kinds.pyi` writes them out for editors and type checkers: `tools/readme` makes it, and a test holds it to
these."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel

from arspec.build.values import Expression, Node
from arspec.diagnostics import InputError, did_you_mean
from arspec.heads import HEADS
from arspec.language.sections import CONDITIONS, DATA
from arspec.layers import KINDS

OWN = ("name", "when")  # keys that every layer has beside those of its kind


@dataclass(frozen=True)
class Section:
    """A section that a function of this module gives: its kind, and what its keys are."""

    kind: str
    keys: dict[str, Any] = field(default_factory=dict[str, Any])


class Layers:
    """A graph, or the inside of a block, as far as its layers go: one method for each kind of layer."""

    def add_layer(self, kind: str | Expression, source: Any, keys: dict[str, Any]) -> Node:
        """A node of a kind, or of one that a parameter names. source: a node, a list of nodes, or None."""
        raise NotImplementedError

    def __getattr__(self, name: str) -> Any:
        if name in KINDS:
            return layer_method(self, name)
        if name.startswith("_"):
            raise AttributeError(name)
        raise AttributeError(f"there is no layer kind '{name}'; {did_you_mean(name, KINDS, 'kinds')}")

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *KINDS})


def keys_of(model: type[BaseModel]) -> list[str]:
    """The keys that a function takes, by their YAML names, but those that choose the kind or the input."""
    chosen = "layer" if "layer" in model.model_fields else "kind"
    return [f.alias or n for n, f in model.model_fields.items() if n not in (chosen, "from_")]


def layer_method(graph: Layers, kind: str) -> Callable[..., Node]:
    """The method that adds a node of a kind."""
    known = [*keys_of(KINDS[kind]), *OWN]

    def method(source: Any = None, /, **keys: Any) -> Node:
        _check(f"`{kind}`", keys, known)
        return graph.add_layer(kind, source, keys)

    method.__name__, method.__doc__ = kind, inspect.getdoc(KINDS[kind])
    return method


def _check(what: str, keys: dict[str, Any], known: list[str]) -> None:
    for key in keys:
        if key not in known:
            raise InputError("AR907", f"{what} has no key '{key}'", did_you_mean(key, known, "its keys are"))


class _Functions:
    """The kinds of a section as functions."""

    def __init__(self, what: str, models: Mapping[str, type[BaseModel]]) -> None:
        self._what = what
        self._models = {"class_" if kind == "class" else kind: (kind, model) for kind, model in models.items()}

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        if name not in self._models:
            raise AttributeError(f"there is no {self._what} '{name}'; {did_you_mean(name, self._models, 'kinds')}")
        kind, model = self._models[name]
        takes_node, known = "from_" in model.model_fields, keys_of(model)

        def function(*source: Any, **keys: Any) -> Section:
            _check(f"`{kind}`", keys, known)
            if len(source) != takes_node:
                wanted = "one node" if takes_node else "no node, and its keys by their names"
                raise InputError("AR907", f"`{kind}` takes {wanted}", f"its keys are {', '.join(known)}")
            return Section(kind, {**({"from": source[0]} if source else {}), **keys})

        function.__name__, function.__doc__ = name, inspect.getdoc(model)
        return function

    def __dir__(self) -> list[str]:
        return sorted(self._models)


data = _Functions("kind of data", DATA)
condition = _Functions("kind of condition", CONDITIONS)
head = _Functions("head", HEADS)
