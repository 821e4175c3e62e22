"""Every shipped spec against plain torch, written without the library: equal in float64 with copied weights."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from arspec.language.load import load
from arspec.model import Model, build
from arspec.types import ranks
from arspec.verification.subject import random_conditions
from tests.reference.causal_tcn import CausalTCN
from tests.reference.diagonal_bilstm import DiagonalBiLSTM
from tests.reference.gated_pixelcnn import GatedPixelCNN
from tests.reference.inside_out import InsideOut
from tests.reference.made import MADE
from tests.reference.pixelcnn import PixelCNN
from tests.reference.pixelcnn_pp import PixelCNNpp
from tests.reference.row_lstm import RowLSTM
from tests.reference.wavenet import WaveNet
from tests.small import SPECS, random_data

# A table from node to the part of the reference that holds its weights, and the reference.
Table = dict[str, nn.Module | dict[str, Tensor]]

COLOUR = {"height": 6, "width": 5, "channels": 3, "levels": 4}
GREY = {"height": 5, "width": 6, "channels": 1, "levels": 3}


def made(model: Model, member: int) -> tuple[nn.Module, Table]:
    p, chosen = model.spec.params, model.graph.members[member]
    hidden = [node for node in model.graph.nodes if node.name.startswith("body") and node.layer.layer == "dense"]
    degrees = [ranks(node.out, chosen).first[0].tolist() for node in hidden]
    size = model.spec.data.size
    ref = drawn(MADE(size, [p["hidden"]] * p["layers"], degrees, chosen.order.rank.tolist(), p["direct"]))
    table: Table = {f"body.{i}.dense": layer for i, layer in enumerate(ref.hidden)}
    return ref, {**table, "out": ref.output, **({"through": ref.direct} if ref.direct is not None else {})}


def pixelcnn(model: Model, _: int) -> tuple[nn.Module, Table]:
    p = model.spec.params
    size = (p["features"], p["blocks"], p["head_features"], p["kernel"])
    ref = drawn(PixelCNN(p["channels"], p["levels"], *size, outputs=p["levels"]))
    table: Table = {"first": ref.first, "hidden1": ref.head_1, "hidden2": ref.head_2, "logits": ref.head_3}
    for i, block in enumerate(ref.blocks):
        table |= {f"body.{i}.{name}": child for name, child in block.named_children()}
    return ref, table


def gated(model: Model, _: int) -> tuple[nn.Module, Table]:
    p = model.spec.params
    ref = drawn(GatedPixelCNN(
        p["channels"], p["levels"], p["features"], p["layers"], p["kernel"], outputs=p["levels"],
        classes=p.get("classes"), location=p.get("kinds"), location_layers=[(p.get("map_features", 0), 4, 2, 1)] * 2,
    ))  # fmt: skip
    table: Table = {"hidden": ref.head_1, "logits": ref.head_2}
    if ref.location is not None:
        table |= {"s_half": ref.location.layers[0], "s": ref.location.layers[1]}
    for i, layer in enumerate(ref.layers):
        node = "first" if i == 0 else f"body.{i - 1}"
        table |= {f"{node}.{name}": getattr(layer, name) for name in ("v_conv", "v_to_h", "h_conv", "skip", "h_1x1")}
        if layer.v_gate.condition is not None:
            table |= {f"{node}.v_out": layer.v_gate.condition, f"{node}.h_gate": layer.h_gate.condition}
    return ref, table


def wavenet(model: Model, _: int) -> tuple[nn.Module, Table]:
    p = model.spec.params
    dilations = [2 ** (i % p["cycle"]) for i in range(p["layers"])]
    r, skip = p["residual"], p["skip"]
    ref = drawn(WaveNet(p["levels"], r, 2 * r, skip, dilations, p["kernel"], classes=p["speakers"]))
    table: Table = {"first": ref.first, "hidden": ref.head_1, "logits": ref.head_2}
    for i, layer in enumerate(ref.layers):
        table |= {f"body.{i}.{name}": getattr(layer, name) for name in ("conv", "residual", "skip")}
        table[f"body.{i}.gate"] = layer.condition
    return ref, table


def causal_tcn(model: Model, _: int) -> tuple[nn.Module, Table]:
    p = model.spec.params
    ref = drawn(CausalTCN(p["levels"], p["embedding"], [p["hidden"]] * p["layers"], p["kernel"]))
    table: Table = {"embed": ref.embedding, "logits": ref.head}
    for i, block in enumerate(ref.blocks):
        table |= {f"body.{i}.conv1": block.conv1, f"body.{i}.conv2": block.conv2}
        table |= {f"body.{i}.resize": block.resize} if block.resize is not None else {}
    return ref, table


def inside_out(model: Model, member: int) -> tuple[nn.Module, Table]:
    p, order = model.spec.params, model.graph.members[member].order
    rank = order.position_rank.reshape(order.grid).tolist()
    ref = drawn(InsideOut(p["channels"], p["levels"], p["features"], p["keys"], p["kernel"], p["blocks"], rank))
    table: Table = {"first": ref.first, "logits": ref.head}
    for i, block in enumerate(ref.blocks):
        table |= {f"body.{i}.{name}": getattr(block, name) for name in ("queries", "keys", "values", "mixed")}
        table[f"body.{i}.norm"] = {"gain": block.norm.gain, "bias": block.norm.bias}
        for half in ("first", "second"):
            table |= {f"body.{i}.{half}.{name}": child for name, child in getattr(block, half).named_children()}
    return ref, table


def pixelcnn_pp(model: Model, _: int) -> tuple[nn.Module, Table]:
    data, nr = model.spec.data, model.spec.params["resnets"]
    ref = drawn(PixelCNNpp(data.channels, data.levels, model.spec.params["filters"], nr, data.channels * data.levels))
    return ref, resnet_tables(ref)


def resnet_tables(ref: PixelCNNpp) -> Table:
    """Where every weight of PixelCNN++ stands in the reference."""
    table: Table = {"u_conv": ref.u_init.conv, "above": ref.ul_init_above.conv, "beside": ref.ul_init_left.conv}
    table["logits"] = ref.output

    def resnet(name: str, layer: Any) -> None:
        table.update({f"{name}.conv1": layer.conv1.conv, f"{name}.conv2": layer.conv2.conv})
        table.update({f"{name}.a_conv": layer.extra} if layer.extra is not None else {})

    for r in range(3):
        for stream in ("u", "ul"):
            for i, layer in enumerate(getattr(ref, f"up_{stream}")[r]):
                resnet(f"up{r}.body.{i}.d{stream}", layer)
            for i, layer in enumerate(getattr(ref, f"down_{stream}")[r]):
                resnet(f"down{2 - r}.{i}.d{stream}", layer)
            if r < 2:
                table[f"half{r}.d{stream}"] = getattr(ref, f"stride_{stream}")[r].conv
                table[f"twice{1 - r}.d{stream}"] = getattr(ref, f"unstride_{stream}")[r].conv
    return table


def row_lstm(model: Model, _: int) -> tuple[nn.Module, Table]:
    data, p = model.spec.data, model.spec.params
    ref = drawn(RowLSTM(data.channels, data.levels, p["width"], p["layers"], head=9, outputs=data.levels))
    table: Table = {"first": ref.first, "hidden": ref.head_1, "logits": ref.head_2}
    for i, layer in enumerate(ref.layers):
        table |= {f"body.{i}.input_to_state": layer.input_to_state, f"body.{i}.expand": layer.expand}
        table[f"body.{i}.lstm"] = {
            "weight": layer.state_to_state.weight.squeeze(2), "start": torch.stack([layer.h0, layer.c0])
        }  # fmt: skip
    return ref, table


def diagonal_bilstm(model: Model, _: int) -> tuple[nn.Module, Table]:
    data, p = model.spec.data, model.spec.params
    ref = drawn(DiagonalBiLSTM(data.channels, data.levels, p["width"], p["layers"], head=8))
    table: Table = {"first": ref.first, "hidden": ref.head_1, "logits": ref.head_2}
    for i, layer in enumerate(ref.layers):
        table[f"body.{i}.expand"] = layer.expand
        for side, one in (("left", layer.left_to_right), ("right", layer.right_to_left)):
            table[f"body.{i}.{side}_in"] = one.input_to_state
            states = one.state_to_state.weight.squeeze(3).flip(2)  # the spec names the one beside first, then above
            table[f"body.{i}.{side}"] = {"weight": states, "start": torch.stack([one.h0, one.c0])}
    return ref, table


CASES: list[tuple[str, Callable[[Model, int], tuple[nn.Module, Table]], dict[str, Any]]] = [
    ("made", made, {"height": 3, "width": 4, "hidden": 20, "members": 4}),
    ("made", made, {"height": 3, "width": 4, "hidden": 20, "members": 2, "layers": 3, "direct": True}),
    ("made", made, {"height": 3, "width": 4, "hidden": 20, "members": 1, "scan": "natural"}),
    ("pixelcnn", pixelcnn, {**COLOUR, "features": 6, "head_features": 9, "blocks": 2}),
    ("pixelcnn", pixelcnn, {**GREY, "features": 5, "head_features": 4, "blocks": 3, "kernel": 5}),
    ("gated_pixelcnn", gated, {**COLOUR, "features": 6, "layers": 2}),
    ("gated_pixelcnn", gated, {**GREY, "features": 4, "layers": 3, "kernel": 3}),
    ("gated_pixelcnn_class", gated, {**COLOUR, "features": 6, "layers": 2, "classes": 4}),
    ("gated_pixelcnn_location", gated, {**COLOUR, "height": 4, "width": 8, "features": 6, "layers": 2,
                                        "map_features": 5}),
    ("gated_pixelcnn_location", gated, {**GREY, "height": 8, "width": 4, "features": 4, "layers": 1, "kinds": 2}),
    ("wavenet", wavenet, {"length": 40, "levels": 8, "residual": 6, "skip": 5, "layers": 5, "cycle": 3, "speakers": 4}),
    ("wavenet", wavenet, {"length": 30, "levels": 8, "residual": 4, "skip": 4, "layers": 3, "kernel": 3}),
    ("causal_tcn", causal_tcn, {"length": 40, "levels": 9, "embedding": 5, "hidden": 7}),
    ("inside_out", inside_out, {**COLOUR, "features": 9, "keys": 6, "blocks": 2}),
    ("inside_out", inside_out, {**GREY, "features": 4, "keys": 3, "blocks": 1, "scan": "hilbert"}),
    ("pixelcnn_pp_small", pixelcnn_pp, {"resnets": 2, "filters": 4}),
    ("row_lstm_small", row_lstm, {}),
    ("diagonal_bilstm_small", diagonal_bilstm, {}),
]  # fmt: skip


@pytest.mark.parametrize("name, reference, params", CASES, ids=[f"{k}-{name}" for k, (name, _, _) in enumerate(CASES)])
def test_a_spec_is_its_paper(name: str, reference: Callable[..., tuple[nn.Module, Table]], params: dict[str, Any]):
    equal_to_reference(name, reference, params)


def equal_to_reference(name: str, reference: Callable[..., tuple[nn.Module, Table]], params: dict[str, Any]) -> None:
    model = build(load(next(path for path in SPECS if path.stem == name), params)).double().eval()
    x, given = random_data(model, 3), random_conditions(model, 0, 3)
    for member in range(model.members):
        ref, table = reference(model, member)
        with torch.no_grad():
            copy(model, table)
            got, wanted = model.last(x, member, given), ref(x, *given.values())
        torch.testing.assert_close(got.reshape(wanted.shape), wanted, rtol=0, atol=1e-10)
        assert float(wanted.std()) > 1e-3, "the outputs tell nothing"


def drawn(ref: nn.Module) -> Any:
    """The reference in float64, every one of its weights drawn."""
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for weight in ref.double().eval().parameters():
            weight.normal_(std=(weight[0].numel() if weight.ndim > 1 else 4) ** -0.5, generator=generator)
    return ref


def copy(model: Model, table: Table) -> None:
    """Every weight of the model from the reference, each in its own shape; none may be left out."""
    left = {name for name, _ in model.nodes.named_parameters()}
    for name, part in table.items():
        node = next(n for n in model.graph.nodes if n.name == name)
        for key, weight in model.nodes.of(node).items():
            weight.copy_(_of(part, key).reshape(weight.shape))
            left.discard(f"{name}.{key}")
    assert not left, f"not in the reference: {left}"


def _of(part: nn.Module | dict[str, Tensor], key: str) -> Tensor:
    """The tensor of a reference's part that a node's weight is: of a weight norm the direction and the gain, of a
    condition the weight, of a transposed convolution the weight with its outputs first."""
    if isinstance(part, dict):
        return part[key]
    if hasattr(part, "parametrizations"):
        norm: Any = part.get_submodule("parametrizations.weight")
        direction = norm.original1.transpose(0, 1) if isinstance(part, nn.ConvTranspose2d) else norm.original1
        return {"gain": norm.original0, "weight": direction, "bias": part.bias}[key]
    weight = part.weight.transpose(0, 1) if isinstance(part, nn.ConvTranspose2d) else part.weight
    return {"weight": weight, "condition": weight, "bias": part.bias if key == "bias" else None}[key]
