"""Recurrent kernels: causal along time; in reverse, from the end."""

from __future__ import annotations

import torch
from torch import Tensor

from arspec.shadow.call import Call
from arspec.shadow.rules.table import Labels, rule


def whole(call: Call, *values: object) -> Tensor:
    """The union of all that some tensors hold, as one label."""
    parts = [call.algebra.reduce(call.labels(v).reshape(-1), [0], False) for v in values if isinstance(v, Tensor)]
    return call.algebra.join(torch.zeros((), dtype=torch.int32), *parts)


@rule("mkldnn_rnn_layer")
def layer(call: Call) -> Labels:
    """One layer over time `[t, b, width]`: a place reads all before it; the cell is read unit by unit at first."""
    algebra = call.algebra
    value, hidden, cell = call["input"], call["hx_"], call["cx_"]
    names = list(call.arguments)
    weights = whole(call, *[call[name] for name in names[1:5]])
    steps = algebra.reduce(call.labels(value).expand(value.shape), [-1])
    if call["reverse"]:
        steps = steps.flip(0)
    start = algebra.reduce(call.labels(hidden).expand(hidden.shape), [-1]).reshape(1, -1, 1)
    out = algebra.join(algebra.running(steps, 0), start, weights)
    batch, width = value.shape[1], call["hidden_size"]
    if cell.numel() == batch * width and call.targets[2].numel():  # the second: a kind of cell that has one
        own = call.labels(cell).expand(cell.shape).reshape(1, batch, width)
        later = algebra.reduce(own, [-1]).expand(own.shape)
        out = algebra.join(out, torch.cat([own, later.expand(len(out) - 1, *later.shape[1:])]))
    last = out[-1:].expand(1, batch, width)
    out = out.flip(0) if call["reverse"] else out
    every = call.everything()
    last = [last.reshape(t.shape) if t.numel() == last.numel() else every for t in call.targets[1:3]]
    return [out, *last, *([every] * (len(call.targets) - 3))]


@rule("_thnn_fused_lstm_cell", "_thnn_fused_gru_cell")
def cell(call: Call) -> Labels:
    """Gates and state, unit by unit."""
    algebra = call.algebra
    state = call.get("cx", call.get("hx"))
    width = state.shape[-1]
    out = call.labels(state).expand(state.shape)
    for name in ("input_gates", "hidden_gates", "input_bias", "hidden_bias"):
        part = call[name]
        if part is not None:
            own = call.labels(part).expand(part.shape).unflatten(-1, (-1, width))
            out = algebra.join(out, algebra.reduce(own, [-2], False))
    return [out if t.shape[-1] == width else algebra.reduce(out, [-1]) for t in call.targets]


@rule("_pack_padded_sequence")
def packed(call: Call) -> Labels:
    """Rows in the order of time; lengths are read by all."""
    value, lengths = call["input"], call.value(call["lengths"])
    labels = call.labels(value).expand(value.shape)
    labels = labels.transpose(0, 1) if call["batch_first"] else labels
    rows = [labels[t, : int((lengths > t).sum())] for t in range(int(lengths.max()))]
    said = whole(call, call["lengths"])
    return [call.algebra.join(torch.cat(rows), said), said]
