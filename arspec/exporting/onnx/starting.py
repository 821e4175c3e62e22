"""The sampler's state before its first step as a graph of ONNX."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from arspec.exporting.onnx.building import Value
from arspec.exporting.onnx.passes import Passing
from arspec.exporting.onnx.stepping import Kept, Stepping, table_of, told
from arspec.exporting.onnx.tracing import BATCH, BY
from arspec.layers.base import Node
from arspec.layers.helpers import sites_last


def start_model(stepping: Stepping) -> Any:
    """The conditions, or the `batch` [] where there are none, to the state that a step takes which is written already.
    Raises Refused."""
    model = stepping.model
    passing = Passing(model, stepping.member, "start")
    b = passing.b
    passing.conditions()
    if BATCH not in b.sizes:
        b.input("batch", torch.int64, ())
        b.sizes[BATCH] = b.node("Reshape", ["batch", b.array(np.asarray([1], np.int64))], "batch")
    for node in stepping.schedule.free:
        passing.node(node)
    rows = {node: _with_zero(passing, node) for node in stepping.free if node in passing.values}
    for key, kept in stepping.state.items():
        if isinstance(key, tuple):
            found = _hoisted(passing, stepping, *key, rows)
        elif key in rows and not kept.changes:
            found = rows[key]
        else:
            found = _empty(passing, stepping, key, kept)
        whole = b.node("Expand", [b.name(found), b.numbers((BY, kept.rows, kept.channels))])
        b.output(kept.name, whole, model.dtype, (BATCH, kept.rows, kept.channels))
    return passing.written("conditions to the sampler's state before its first step")


def _with_zero(passing: Passing, node: Node) -> Value:
    """[B, 1 + S, C]: the sites of a node behind a row of zeros."""

    def laid(x: Tensor) -> Tensor:
        return torch.nn.functional.pad(sites_last(x, node.out.groups), (0, 0, 1, 0))

    (found,) = passing.compute(f"'{node.name}'", laid, [passing.values[node]])
    return found


def _hoisted(passing: Passing, stepping: Stepping, number: int, k: int, rows: dict[Node, Value]) -> Value:
    """[B, n, C]: what a layer makes of an input that no variable influences."""
    operation = stepping.program.operations[number]
    node, read, weights = operation.parts[0].node, operation.reads[k], stepping.executor.weights(number)
    table = torch.from_numpy(table_of(read))

    def hoist(x: Tensor, at: Tensor) -> Tensor:
        own = x.index_select(1, at.flatten())
        return node.layer.hoist(node, weights, k, own.reshape(len(x), len(at), -1))

    (found,) = passing.compute(told(node), hoist, [rows[read.source], table])
    return found


def _empty(passing: Passing, stepping: Stepping, node: Node, kept: Kept) -> Value:
    """[1, rows, channels]: what stands outside the grid, then zeros."""
    model, program, b = stepping.model, stepping.program, passing.b
    found = torch.zeros(kept.rows, kept.channels, dtype=model.dtype)
    if node in program.caches and node is not model.graph.data:
        own = stepping.schedule.lowered.origin.get(node, node)
        outside = node.layer.outside_grid(node, model.nodes.of(own), torch.zeros(0, dtype=model.dtype))
        found[: program.caches[node].outside] = outside.detach()
    used = np.flatnonzero(found.any(1).numpy())
    length = int(used[-1]) + 1 if len(used) else 0
    parts: list[str] = []
    if length:
        parts.append(b.name(Value((length, kept.channels), model.dtype, constant=found[:length].clone())))
    if length < kept.rows:
        zero = b.name(b.scalar(0, model.dtype))
        parts.append(b.node("Expand", [zero, b.numbers((kept.rows - length, kept.channels))]))
    name = parts[0] if len(parts) == 1 else b.node("Concat", parts, axis=0)
    return Value((1, kept.rows, kept.channels), model.dtype, name)
