"""The forward pass as a graph of ONNX: the nodes of the spec one after another, each as its layer computes it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor

from arspec.exporting.onnx.building import Building, Value
from arspec.exporting.onnx.operators import OPERATORS
from arspec.exporting.onnx.tracing import BATCH, BY, PER_SITE, SITES, Given, Settable, Untraceable, traced
from arspec.heads.truncation import Asked
from arspec.layers.base import Node
from arspec.layers.helpers import packed, values_hidden
from arspec.network.module import Network
from arspec.network.numbers import as_taken
from arspec.version import VERSION


class Refused(Exception):
    """A part of the model that can't be written as ONNX: which, and why."""


class Passing:
    """A graph in which nodes of a network are computed, all sites at once."""

    def __init__(self, model: Network, member: int, stem: str) -> None:
        self.model, self.member, self.stem = model, member, stem
        self.b = Building(OPERATORS)
        self.values: dict[Node, Value] = {}

    def compute(self, what: str, computation: Callable[..., Any], given: Sequence[Value | Tensor]) -> list[Value]:
        """The nodes of a function of tensors. what: how it is called where it can't be written. Raises Refused."""
        asked = [each if isinstance(each, Tensor) else Given(each.shape, each.dtype) for each in given]
        try:
            with values_hidden():
                found = traced(computation, asked)
            return self.b.run(found, [None if isinstance(each, Tensor) else each for each in given])
        except Untraceable as error:
            raise Refused(f"{what}: {error}") from None

    def batch_of(self, name: str) -> None:
        """Takes the batch from the first dimension of an input."""
        b = self.b
        first = b.array(torch.tensor([0]).numpy())
        b.sizes[BATCH] = b.node("Gather", [b.node("Shape", [name]), first], "batch")

    def conditions(self) -> None:
        """The conditions as inputs, and as the graph of the spec takes them."""
        dtype = self.model.dtype
        for name, section in self.model.spec.condition.items():
            kind = torch.int64 if section.whole is not None else dtype
            given = self.b.input(name, kind, (BATCH, *section.shape))
            if BATCH not in self.b.sizes:
                self.batch_of(name)

            def taken(value: Tensor, section: Any = section) -> Tensor:
                return as_taken(value, section).to(dtype)

            node = self.model.graph.conditions[name]
            (self.values[node],) = self.compute(f"the condition '{name}'", taken, [given])

    def data(self) -> Value:
        """The data as an input, and as the graph of the spec takes them; the input."""
        spec, graph, dtype = self.model.spec, self.model.graph, self.model.dtype
        x = self.b.input("x", torch.int64, (BATCH, *spec.data.shape))
        self.batch_of("x")

        def taken(x: Tensor) -> Tensor:
            x = x.to(dtype)
            return packed(x, graph.data.out) if spec.data.kind == "image" else x.unsqueeze(1)

        (self.values[graph.data],) = self.compute("the data", taken, [x])
        return x

    def node(self, node: Node) -> None:
        """A node of the spec, from the values of its inputs."""
        constants = self.model.constants.of(node, self.member)
        with torch.no_grad():
            weights = self.model.prepared(node, self.member)

        def forward(*xs: Tensor) -> Tensor:
            return node.layer.forward(node, weights, constants, [*xs], False)

        what = f"'{node.name}' ({node.layer.layer})"
        (self.values[node],) = self.compute(what, forward, [self.values[source] for source in node.inputs])

    def written(self, about: str) -> Any:
        """The graph as a model of ONNX."""
        return self.b.model(self.stem, about, f"arspec {VERSION}")


def forward_model(model: Network, member: int) -> Any:
    """x [B, *shape] and the conditions to `parameters` [B, V, K] and `log_prob` [B, V] in nats. Raises Refused."""
    passing = Passing(model, member, "forward")
    given = passing.data()
    passing.conditions()
    for node in model.graph.live:
        passing.node(node)
    (rows,) = passing.compute("the parameters", model.rows, [passing.values[model.graph.head_node]])
    graph, b = model.graph, passing.b
    out = graph.head_node.out
    b.output("parameters", b.name(rows), model.dtype, (BATCH, out.sites, out.channels))
    first = model.spec.data.given

    def nats(rows: Tensor, x: Tensor) -> Tensor:
        value = model.by_variable(x)
        some = graph.head.log_prob(graph.support, rows[:, first:], value[:, first:])
        return torch.nn.functional.pad(some, (first, 0)) if first else some

    (found,) = passing.compute(f"the head ({graph.head.kind})", nats, [rows, given])
    b.output("log_prob", b.name(found), found.dtype, (BATCH, out.sites))
    return passing.written("data and conditions to the parameters of the head's distribution, and nats")


def draw_models(model: Network) -> dict[str, Any]:
    """`draw`: `parameters` [B, v, K], `uniforms` [B, v, U] and a temperature above 0 to `values` [B, v, C]; and to what
    is `likeliest`. `truncated`, where the head is tabular: with `top_k`, `top_p` and `min_p` as well, to `values`.
    Raises Refused."""
    head, support = model.graph.head, model.graph.support

    def truncated(parameters: Tensor, uniforms: Tensor, *levels: Tensor | float) -> Tensor:
        *bounds, temperature = levels
        return head.draw(support, parameters, uniforms, temperature, Asked(*bounds))  # pyright: ignore[reportArgumentType]

    likeliest = partial(head.draw, support, temperature=0.0)
    outputs = {"values": (partial(head.draw, support), Settable()), "likeliest": (likeliest, None)}
    found = {"draw": _drawing(model, "draw", outputs)}
    if head.tabular:
        given = {"top_k": torch.int64, "top_p": torch.float64, "min_p": torch.float64}
        found["truncated"] = _drawing(model, "truncated", {"values": (truncated, Settable())}, given)
    return found


def _drawing(
    model: Network, name: str, outputs: Mapping[str, tuple[Callable[..., Any], Settable | None]],
    numbers: dict[str, torch.dtype] | None = None,
) -> Any:  # fmt: skip
    """A graph that draws. outputs: by name, what computes it, and whether it takes a temperature. numbers: the names of
    numbers that it takes, and their types."""
    graph = model.graph
    head, support = graph.head, graph.support
    b = Building(OPERATORS)
    width, each = graph.head_node.out.channels, head.uniforms(support)
    given = [b.input("parameters", model.dtype, (BATCH, "variables", width)),
             b.input("uniforms", torch.float64, (BATCH, "variables", each))]  # fmt: skip
    b.input("temperature", torch.float64, ())
    shape = b.node("Shape", ["parameters"])
    b.sizes = {
        name: b.node("Gather", [shape, b.array(torch.tensor([k]).numpy())]) for k, name in enumerate((BATCH, SITES))
    }
    asked = [Given((BY, PER_SITE, n), value.dtype) for value, n in zip(given, (width, each), strict=True)]
    for number, dtype in (numbers or {}).items():
        given.append(b.input(number, dtype, ()))
        asked.append(Given((), dtype))
    try:
        for output, (computation, settable) in outputs.items():
            (found,) = b.run(traced(computation, asked, settable), given)
            value = b.cast(found, torch.int64)
            b.output(output, b.name(value), torch.int64, (BATCH, "variables", support.channels))
    except Untraceable as error:
        raise Refused(f"the draws of the head ({head.kind}): {error}") from None
    return b.model(name, "parameters and uniforms to integers", f"arspec {VERSION}")
