"""The parallel form of a graph: its weights, and the run through its steps, which computes all sites at once.

One generic module holds the weights; each layer kind states its computation as a pure function (`Layer.forward`).
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from functools import cached_property
from typing import Any, Self

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from arspec.language.graph import Graph
from arspec.layers.base import Constants, Layer, Node, Weights
from arspec.layers.gradient_memory import forget
from arspec.network.constants import HeldConstants
from arspec.network.fingerprint import fingerprint
from arspec.network.in_place import in_place
from arspec.network.last_product import LastProduct
from arspec.network.segments import segments
from arspec.network.steps import Step, steps_of
from arspec.network.weights import WeightTree, one_of

# Called with every node's value as it is computed; what it returns is used instead.
Tap = Callable[[Node, Tensor], Tensor]
Tables = dict[int, Tensor]


class Running(nn.Module):
    """A graph with its weights, and what computes the values of its nodes from those of its sources."""

    def __init__(self, graph: Graph, seed: int) -> None:
        super().__init__()
        self.graph = graph
        self.nodes = WeightTree(graph, seed)
        self._levels = [*self.nodes.weight_levels]
        self.constants = HeldConstants(graph)
        self.checkpointing = False  # whether training computes the inner values of blocks twice instead of keeping them
        self._held: dict[tuple[Node, int, str], tuple[Any, Weights]] | None = None
        self._watched = True
        self._handed = [(k, node) for k, node in enumerate(graph.order) if node in graph.handed]
        self._numbers = [*range(len(graph.members))]  # a number that is taken out of it is a constant to torch.compile
        if not graph.steps:
            graph.steps += [self._steps(member.index) for member in graph.members]

    @property
    def dtype(self) -> torch.dtype:
        """The type of the weights; torch's default where there are none."""
        weight = one_of(self.nodes)
        return torch.get_default_dtype() if weight is None else weight.dtype

    @property
    def device(self) -> torch.device:
        """Where the weights are; the CPU where there are none."""
        weight = one_of(self.nodes)
        return torch.device("cpu") if weight is None else weight.device

    def weights(self) -> dict[str, Tensor]:
        """The numbers that the layers compute with, by the names of the state dict. They differ from it where torch's
        parametrisations stand between the two."""
        return {f"nodes.{name}": value for name, value in self.nodes.named().items()}

    # -- the run -------------------------------------------------------------------------------------------------------

    def run(
        self, values: dict[Node, Tensor], member: int, tap: Tap | None = None, losses: list[Tensor] | None = None,
        handed: dict[Node, Tensor] | None = None,
    ) -> Tensor:  # fmt: skip
        """The head node's value, from those of the sources. A value is forgotten after its last reader. losses: takes
        the auxiliary losses of the layers. handed: takes the values that further heads read."""
        return self._below(None, values, member, tap, losses, handed)

    def _below(
        self, product: LastProduct | None, values: dict[Node, Tensor], member: int, tap: Tap | None = None,
        losses: list[Tensor] | None = None, handed: dict[Node, Tensor] | None = None, tables: Tables | None = None,
    ) -> Tensor:  # fmt: skip
        """As `run`; or what goes into the last product, and nothing above it is computed. tables: those of which nodes
        take rows, by the nodes' numbers, where they take another than their own."""
        found = self._as_numbered(values, tap)
        steps, result = steps_of(self.graph, self._numbers[member]), len(self.graph.order) - 1
        if product is not None:
            steps, result = [step for step in steps if step.node not in product.above], product.source
        if self.checkpointing and self.training and torch.is_grad_enabled() and tap is None:
            self._run_by_segment(steps, found, member, losses)
        else:
            self._run(steps, found, member, tap, losses=losses, tables=tables)
        if handed is not None:
            for number, node in self._handed:
                handed[node] = found[number]
        return found[result]

    def _as_numbered(self, values: dict[Node, Tensor], tap: Tap | None) -> dict[int, Tensor]:
        """Values by the numbers of their nodes in `Graph.order`, shown to `tap`."""
        if tap is not None:
            values = {node: tap(node, value) for node, value in values.items()}
        found: dict[int, Tensor] = {}
        for nodes in (self.graph.sources, self.graph.order):
            for number, node in enumerate(nodes if len(found) < len(values) else ()):
                if node in values:
                    found[number] = values[node]
        return found

    def _run(
        self, steps: Sequence[Step], values: dict[int, Tensor], member: int, tap: Tap | None = None,
        weights: dict[int, Weights] | None = None, losses: list[Tensor] | None = None, tables: Tables | None = None,
    ) -> None:  # fmt: skip
        """Goes through the steps; with weights that were prepared before where they are given. Here torch.compile
        follows every single line for each node: it reads nothing twice, and calls nothing that it can do without."""
        compiling, training = torch.compiler.is_compiling(), self.training
        overwrites = tap is None and not self.checkpointing and not compiling
        fresh = weights is None and (self._held is None or compiling or torch.is_grad_enabled())
        order, levels, held = self.graph.order, self._levels, self.constants._buffers
        given = {*values} if overwrites else ()  # what others still have
        for number, sources, places, prepares, plain, buffers, k, adds, done in steps:
            if number in values:
                continue
            node = order[number]
            layer = node.layer
            inputs: list[Tensor] = []
            for source in sources:
                inputs.append(values[source])
            # written over, a view would cost autograd more than it saves
            if overwrites and k is not None and sources[k] not in given and inputs[k]._base is None:
                value = layer.overwrite(node, inputs, k)
            else:
                own: Weights = {}
                constants: Constants = {}
                for name, value in plain:
                    constants[name] = value
                for name, key in buffers:
                    constants[name] = held[key]
                if weights is not None:
                    own = weights[number]
                elif not fresh:
                    own = self.prepared(node, member)
                elif places:
                    for name, level, key, shape in places:
                        weight = getattr(levels[level], key)
                        own[name] = weight if shape is None else weight.view(shape)
                    if prepares:
                        own = layer.prepare(node, own, constants)
                if tables is not None and number in tables:
                    own = {**own, "weight": tables[number]}
                value = layer.forward(node, own, constants, inputs, training)
                if adds and losses is not None:
                    losses.append(layer.auxiliary(node, inputs, value))
            values[number] = value if tap is None else tap(node, value)
            for source in done:
                values.pop(source, None)

    def _run_by_segment(
        self, wanted: Sequence[Step], values: dict[int, Tensor], member: int, losses: list[Tensor] | None = None
    ) -> None:  # fmt: skip
        """As `_run`, but of each block only what others read is kept: the rest is computed again in the backward pass,
        with the same noise. The weights are prepared once."""
        order, steps = self.graph.order, {step.node: step for step in wanted}
        for nodes, inputs, outputs, repeatable in self._segments:
            own = [steps[node] for node in nodes if node in steps]
            if not repeatable or len(own) < len(nodes) or any(node in values for node in nodes):
                self._run(own, values, member, losses=losses)
                continue
            weights = {node: self.prepared(order[node], member) for node in nodes}

            def computed(
                *given: Tensor,
                own: Any = own,
                inputs: Any = inputs,
                outputs: Any = outputs,
                weights: Any = weights,
                wanted: bool = losses is not None,
            ) -> tuple[Tensor, ...]:
                inner = dict(zip(inputs, given, strict=True))
                extra: list[Tensor] = []
                self._run(own, inner, member, weights=weights, losses=extra if wanted else None)
                return (*(inner[node] for node in outputs), *extra)

            found = checkpoint(computed, *(values[node] for node in inputs), use_reentrant=False)
            values.update(zip(outputs, found[: len(outputs)], strict=True))
            if losses is not None:
                losses += found[len(outputs) :]
            for step in own:
                for source in step.done:
                    values.pop(source, None)

    @cached_property
    def _segments(self) -> list[tuple[list[int], list[int], list[int], bool]]:
        """The nodes of each segment, what it reads and what it gives, by their numbers,
        and whether it is repeatable."""
        number = {node: k for k, node in enumerate(self.graph.order)}
        return [
            ([number[n] for n in s.nodes], [number[n] for n in s.inputs], [number[n] for n in s.outputs], s.repeatable)
            for s in segments(self.graph)
        ]

    def _steps(self, member: int) -> list[Step]:
        graph, over = self.graph, in_place(self.graph)
        number = {node: k for k, node in enumerate(graph.order)}
        last = {source: node for node in graph.live for source in node.inputs}
        return [
            Step(
                number[node], tuple(number[source] for source in node.inputs), self.nodes.weight_places(node),
                type(node.layer).prepare is not Layer.prepare, *self.constants.found(node, member), over.get(node),
                node.traits.auxiliary,
                tuple(
                    number[source]
                    for source in dict.fromkeys(node.inputs)
                    if last[source] is node and source not in graph.handed
                ),
            )
            for node in graph.live
        ]  # fmt: skip

    def _run_extra(
        self, values: dict[Node, Tensor], member: int, tap: Tap | None = None, losses: list[Tensor] | None = None
    ) -> None:
        """Adds the values of the nodes that further heads alone depend on. values: what these take of other nodes."""
        for node in self.graph.extra:
            inputs = [values[source] for source in node.inputs]
            weights, constants = self.prepared(node, member), self.constants.of(node, member)
            value = node.layer.forward(node, weights, constants, inputs, self.training)
            if node.traits.auxiliary and losses is not None:
                losses.append(node.layer.auxiliary(node, inputs, value))
            values[node] = value if tap is None else tap(node, value)

    # -- weights as the layers take them -------------------------------------------------------------------------------

    def prepared(self, node: Node, member: int) -> Weights:
        """A node's weights as its `forward` wants them: made for this pass, or in `held` those made before."""
        return self._made(node, member, node.layer.prepare)

    def _made(self, node: Node, member: int, make: Callable[[Node, Weights, Constants], Weights]) -> Weights:
        own = self.nodes.of(node)
        if not own:
            return own
        if self._held is None or torch.is_grad_enabled() or torch.compiler.is_compiling():
            return make(node, own, self.constants.of(node, member))
        now = fingerprint(self.nodes.kept(node)) if self._watched else None
        key = node, member, make.__name__
        held = self._held.get(key)
        if held is None or held[0] != now:
            held = self._held[key] = now, make(node, own, self.constants.of(node, member))
        return held[1]

    @contextmanager
    def held(self, watched: bool = True) -> Generator[None]:
        """Inside, passes without gradients prepare their weights (masks, norms) once for all. A weight whose numbers
        have changed since the pass before, in whatever way, is prepared anew. watched=False spares that look at the
        numbers: it is for callers inside whose block nothing changes a weight."""
        before = self._held, self._watched
        # what is held without a look at it must have been made inside, after the last change
        self._held, self._watched = self._held if watched and self._held is not None else {}, watched
        try:
            yield
        finally:
            self._held, self._watched = before

    # -- torch's own ---------------------------------------------------------------------------------------------------

    def train(self, mode: bool = True) -> Self:
        """As torch has it. Where training ends, no memory is kept for gradients."""
        if not mode:
            forget(self.parameters())
        return super().train(mode)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_held": None, "_watched": True}
