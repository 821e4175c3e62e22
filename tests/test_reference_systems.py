"""The systems of the literature, each against plain torch, written without the library: equal in float64 with copied
weights. (`tests/test_reference.py` has those that came first, and the comparison.)"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

from arspec.model import Model
from tests.reference.char_rnn import CharRNN
from tests.reference.diagonal_bilstm import DiagonalBiLSTM
from tests.reference.gpt import GPT
from tests.reference.lmconv import LMConv
from tests.reference.pixelcnn_pp import PixelCNNpp
from tests.reference.pixelsnail import PixelSNAIL
from tests.reference.row_lstm import RowLSTM
from tests.test_reference import COLOUR, GREY, Table, drawn, equal_to_reference, resnet_tables


def char_rnn(model: Model, _: int) -> tuple[nn.Module, Table]:
    p = model.spec.params
    ref = drawn(CharRNN(p["levels"], p["width"], p["layers"], p["cell"]))
    w = p["width"]
    table: Table = {"characters": ref.embedding, "logits": ref.head}
    # torch's gates: LSTM i, f, g, o; GRU r, z, n; ours: o, f, i, g and r, z, n
    gates = {"lstm": [3, 1, 0, 2], "gru": [0, 1, 2], "rnn": [0]}[p["cell"]]
    order = torch.cat([torch.arange(w) + g * w for g in gates])
    for i, (layer, start) in enumerate(zip(ref.layers, ref.starts, strict=True)):
        bias = layer.bias_ih_l0 + layer.bias_hh_l0
        cell = {"weight": layer.weight_hh_l0[order], "start": start}
        if p["cell"] == "gru":  # the candidate's own bias stays inside its gate
            bias = layer.bias_ih_l0 + torch.cat([layer.bias_hh_l0[: 2 * w], torch.zeros(w)])
            cell["bias"] = layer.bias_hh_l0[2 * w :]
        table[f"body.{i}.gates"] = {"weight": layer.weight_ih_l0[order], "bias": bias[order]}
        table[f"body.{i}.cell"] = cell
    return ref, table


def gpt(model: Model, _: int) -> tuple[nn.Module, Table]:
    p, data = model.spec.params, model.spec.data
    ref = drawn(GPT(data.levels, data.variables, p["width"], p["heads"], p["layers"]))
    table: Table = {"tokens": ref.tokens, "places": {"weight": ref.places.T}, "last": _norm(ref.norm)}
    for i, block in enumerate(ref.blocks):
        table |= {f"body.{i}.{name}": getattr(block, name) for name in ("q", "k", "v", "project", "up", "down")}
        table |= {f"body.{i}.{name}": _norm(getattr(block, name)) for name in ("norm1", "norm2")}
    return ref, table


def _norm(norm: nn.LayerNorm) -> dict[str, torch.Tensor]:
    return {"gain": norm.weight, "bias": norm.bias}


def lmconv(model: Model, member: int) -> tuple[nn.Module, Table]:
    p, order = model.spec.params, model.graph.members[member].order
    rank = order.position_rank.reshape(order.grid).tolist()
    size = (p["filters"], p["resnets"], p["kernel"], p["dilation"], model.graph.head_node.out.width)
    ref = drawn(LMConv(p["levels"], *size, rank))
    table: Table = {"first": ref.first.conv, "norm": _norm(ref.norm.norm), "logits": ref.output}
    for k, (wide, norm) in enumerate(zip(ref.wide, ref.wide_norms, strict=True)):
        table |= {f"wide{k}.conv": wide.conv, f"wide{k}.norm": _norm(norm.norm)}
    for k in range(3):
        for node, stage in ((f"up{k}.body", ref.up[k]), (f"down{2 - k}", ref.down[k])):
            for i, layer in enumerate(stage):
                table |= {f"{node}.{i}.conv{n}": getattr(layer, f"conv{n}").conv for n in (1, 2)}
                table |= {f"{node}.{i}.norm{n}": _norm(getattr(layer, f"norm{n}").norm) for n in (1, 2)}
                table |= {f"{node}.{i}.a_conv": layer.extra} if layer.extra is not None else {}
    return ref, table


def row_lstm(model: Model, _: int) -> tuple[nn.Module, Table]:
    p = model.spec.params
    ref = drawn(RowLSTM(p["channels"], p["levels"], p["features"], p["layers"], p["head_features"],
                        outputs=p["levels"], skips=True, deep_head=True))  # fmt: skip
    table: Table = {"first": ref.first, "hidden1": ref.head_1, "hidden2": ref.head_middle, "logits": ref.head_2}
    for i, layer in enumerate(ref.layers):
        table |= {f"body.{i}.{name}": getattr(layer, name) for name in ("input_to_state", "expand", "skip")}
        table[f"body.{i}.lstm"] = {
            "weight": layer.state_to_state.weight.squeeze(2), "start": torch.stack([layer.h0, layer.c0])
        }  # fmt: skip
    return ref, table


def diagonal_bilstm(model: Model, _: int) -> tuple[nn.Module, Table]:
    p = model.spec.params
    ref = drawn(DiagonalBiLSTM(p["channels"], p["levels"], p["features"], p["layers"], p["head_features"],
                               outputs=p["levels"], skips=True, deep_head=True))  # fmt: skip
    table: Table = {"first": ref.first, "hidden1": ref.head_1, "hidden2": ref.head_middle, "logits": ref.head_2}
    for i, layer in enumerate(ref.layers):
        table |= {f"body.{i}.{name}": getattr(layer, name) for name in ("expand", "skip")}
        for side, one in (("left", layer.left_to_right), ("right", layer.right_to_left)):
            table[f"body.{i}.{side}_input"] = one.input_to_state
            states = one.state_to_state.weight.squeeze(3).flip(2)  # the spec names the one beside first, then above
            table[f"body.{i}.{side}"] = {"weight": states, "start": torch.stack([one.h0, one.c0])}
    return ref, table


def pixelsnail(model: Model, _: int) -> tuple[nn.Module, Table]:
    p, data = model.spec.params, model.spec.data
    size = (p["filters"], p["blocks"], p["resnets"], p["keys"], p["values"])
    outputs = model.graph.head_node.out.width
    order, raster = model.graph.members[0].order, torch.arange(data.height * data.width)
    ranks = torch.from_numpy(order.rank.copy())
    own = None if torch.equal(ranks, raster) else ranks.view(data.height, data.width)
    ref = drawn(
        PixelSNAIL(data.channels, data.levels, *size, outputs, places=data.channels, weight_norm=True, ranks=own)
    )
    first: Table = {"above": ref.above, "beside": ref.beside} if own is None else {"first": ref.first}
    table: Table = {**first, "logits": ref.head}
    for i, block in enumerate(ref.blocks):
        table |= {f"body.{i}.{name}": getattr(block, name) for name in ("keys", "values", "queries")}
        parts = {f"body.{k}": layer for k, layer in enumerate(block.body)}
        parts |= {"content_resnet": block.content, "place_resnet": block.place, "out": block.out}
        for name, layer in parts.items():
            table |= {f"body.{i}.{name}.conv1": layer.conv1, f"body.{i}.{name}.conv2": layer.conv2}
            table |= {f"body.{i}.{name}.a_conv": layer.extra} if layer.extra is not None else {}
    return ref, table


def pixelcnn_pp(model: Model, _: int) -> tuple[nn.Module, Table]:
    p, data = model.spec.params, model.spec.data
    outputs = model.graph.head_node.out.width
    ref = drawn(PixelCNNpp(data.channels, data.levels, p["filters"], p["resnets"], outputs, weight_norm=True))
    return ref, resnet_tables(ref)


CASES: list[tuple[str, Callable[[Model, int], tuple[nn.Module, Table]], dict[str, Any]]] = [
    ("char_rnn", char_rnn, {"length": 12, "levels": 7, "width": 6}),
    ("char_rnn", char_rnn, {"length": 12, "levels": 7, "width": 6, "cell": "gru", "gates": 3, "layers": 3}),
    ("char_rnn", char_rnn, {"length": 12, "levels": 7, "width": 6, "cell": "rnn", "gates": 1, "layers": 1}),
    ("gpt", gpt, {"length": 12, "levels": 7, "width": 8, "heads": 2, "layers": 2}),
    ("image_gpt", gpt, {"size": 5, "levels": 7, "width": 8, "heads": 2, "layers": 2}),
    ("lmconv", lmconv, {"height": 6, "width": 5, "levels": 3, "filters": 4, "resnets": 2}),
    ("pixelrnn_row", row_lstm, {**COLOUR, "features": 6, "head_features": 9, "layers": 2}),
    ("pixelrnn_row", row_lstm, {**GREY, "features": 5, "head_features": 4, "layers": 3}),
    ("pixelrnn_diagonal", diagonal_bilstm, {**COLOUR, "features": 6, "head_features": 9, "layers": 2}),
    ("pixelrnn_diagonal", diagonal_bilstm, {**GREY, "features": 5, "head_features": 4, "layers": 2}),
    ("pixelsnail", pixelsnail, {"size": 5, "filters": 4, "blocks": 2, "resnets": 2, "keys": 3, "values": 4,
                                "components": 2}),
    ("pixelsnail_zigzag", pixelsnail, {"size": 5, "filters": 4, "blocks": 2, "resnets": 2, "keys": 3, "values": 4,
                                       "components": 2}),
    ("pixelcnn_pp", pixelcnn_pp, {"height": 8, "width": 8, "filters": 4, "resnets": 2, "components": 2}),
]  # fmt: skip


@pytest.mark.parametrize("name, reference, params", CASES, ids=[f"{k}-{name}" for k, (name, _, _) in enumerate(CASES)])
def test_a_spec_is_its_paper(name: str, reference: Callable[..., tuple[nn.Module, Table]], params: dict[str, Any]):
    equal_to_reference(name, reference, params)
