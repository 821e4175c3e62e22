"""The specs of attention that is local, along axes, in patches or in a shuffled order, against plain torch: equal in
float64 with copied weights."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from arspec.model import Model
from tests.reference.axial_transformer import AxialTransformer
from tests.reference.bytenet import ByteNet
from tests.reference.image_transformer import ImageTransformer
from tests.reference.llamagen import LlamaGen
from tests.reference.megabyte import MegaByte
from tests.reference.rar import RAR
from tests.reference.sigma_gpt import SigmaGPT
from tests.reference.transformer import Block
from tests.test_reference import Table, drawn, equal_to_reference


def _norm(norm: nn.LayerNorm) -> dict[str, Tensor]:
    return {"gain": norm.weight, "bias": norm.bias}


def block(name: str, of: Block) -> Table:
    table: Table = {f"{name}.{part}": getattr(of.attention, part) for part in ("q", "k", "v", "project")}
    table |= {f"{name}.{part}": getattr(of, part) for part in ("up", "down")}
    return table | {f"{name}.{part}": _norm(getattr(of, part)) for part in ("norm1", "norm2")}


def blocks(table: Table, of: nn.ModuleList, name: str) -> None:
    for i, one in enumerate(of):
        assert isinstance(one, Block)
        table |= block(name.format(i), one)


def sigma_gpt(model: Model, member: int) -> tuple[nn.Module, Table]:
    p, rank = model.spec.params, model.graph.members[member].order.position_rank
    ref = drawn(SigmaGPT(p["levels"], p["length"], p["width"], p["heads"], p["layers"], rank.argsort().tolist()))
    table: Table = {"tokens": ref.tokens, "there": {"weight": ref.places.weight.T}, "last": _norm(ref.norm)}
    blocks(table, ref.blocks, "body.{}")
    return ref, table


def image_transformer(model: Model, _: int) -> tuple[nn.Module, Table]:
    p = model.spec.params
    ref = drawn(ImageTransformer(
        p["channels"], p["levels"], p["features"], p["heads"], p["inner"], p["layers"], p["block"], p["memory"],
        model.graph.head_node.out.width,
    ))  # fmt: skip
    table: Table = {"pixels": ref.pixels, "logits": ref.output}
    blocks(table, ref.blocks, "body.{}")
    return ref, table


def axial_transformer(model: Model, _: int) -> tuple[nn.Module, Table]:
    p = model.spec.params
    ref = drawn(AxialTransformer(p["levels"], p["size"], p["features"], p["heads"], p["wide"], p["outer"], p["inner"]))
    table: Table = {"pixels": ref.pixels, "places": {"weight": ref.places.movedim(2, 0)}, "last": _norm(ref.norm)}
    for of, name in ((ref.rows, "outer.{}.rows"), (ref.columns, "outer.{}.columns"), (ref.inner, "inner.{}")):
        blocks(table, of, name)
    return ref, table | {"logits": ref.output}


def megabyte(model: Model, _: int) -> tuple[nn.Module, Table]:
    p, levels = model.spec.params, model.spec.data.levels
    size, patch = (p["global"], p["local"]), p["patch"]
    heads, layers = (p["global_heads"], p["local_heads"]), (p["global_layers"], p["local_layers"])
    ref = drawn(MegaByte(levels, p["length"], patch, *size, heads, layers))
    table: Table = {"bytes": ref.bytes, "byte_places": {"weight": ref.places.T}, "own": ref.own, "logits": ref.output}
    into = ref.patches.weight.view(size[0], patch, -1).transpose(1, 2)
    out = ref.shared.weight.view(patch, size[1], size[0]).permute(1, 2, 0)
    table |= {"patches": {"weight": into, "bias": ref.patches.bias}, "shared": {"weight": out, "bias": ref.shift}}
    blocks(table, ref.outer, "outer.{}")
    blocks(table, ref.inner, "inner.{}")
    return ref, table | {"last": _norm(ref.norm)}


def bytenet(model: Model, _: int) -> tuple[nn.Module, Table]:
    p = model.spec.params
    dilations = [2 ** (i % p["cycle"]) for i in range(p["sets"] * p["cycle"])]
    ref = drawn(ByteNet(p["levels"], p["source_levels"], p["width"], p["kernel"], dilations))
    table: Table = {"source_in": ref.source, "target_in": ref.target, "last": _norm(ref.norm.norm)}
    table |= {"joined": ref.joined, "hidden": ref.hidden, "logits": ref.output}
    for side in ("encoder", "decoder"):
        for i, one in enumerate(getattr(ref, side)):
            table |= {f"{side}.{i}.{part}": getattr(one, part) for part in ("reduce", "conv", "expand")}
            table |= {f"{side}.{i}.norm{n}": _norm(getattr(one, f"norm{n}").norm) for n in (1, 2, 3)}
    return ref, table


def llamagen(model: Model, _: int) -> tuple[nn.Module, Table]:
    p = model.spec.params
    size = (p["width"], p["heads"], p["hidden"], p["layers"])
    ref = drawn(LlamaGen(p["levels"], p["classes"] + 1, *size))  # one class more, where none is told
    token = {"condition": ref.classes.weight.T}
    table: Table = {"start": {"weight": torch.zeros(p["width"])}, "class_token": token, "tokens": ref.tokens}
    table |= {"last": {"gain": ref.norm.weight}, "logits": ref.output}
    for i, one in enumerate(ref.blocks):
        table |= {f"body.{i}.{part}": getattr(one, part) for part in ("q", "k", "v", "project", "gate", "up", "down")}
        table |= {f"body.{i}.{part}": {"gain": getattr(one, part).weight} for part in ("norm1", "norm2")}
    return ref, table


def rar(model: Model, member: int) -> tuple[nn.Module, Table]:
    p, rank = model.spec.params, model.graph.members[member].order.position_rank
    size = (p["size"], p["width"], p["heads"], p["layers"])
    ref = drawn(RAR(p["levels"], p["classes"] + 1, *size, rank.argsort().tolist()))
    table: Table = {"start": {"weight": ref.start}, "class_token": {"condition": ref.classes.weight.T}}
    table |= {"tokens": ref.tokens, "last_adapt": ref.last_adapt, "logits": ref.output}
    table |= {name: {"weight": getattr(ref, name).weight.T} for name in ("there", "here", "times")}
    for i, one in enumerate(ref.blocks):
        parts = ("adapt", "q", "k", "v", "project", "up", "down")
        table |= {f"body.{i}.{part}": getattr(one, part) for part in parts}
        table |= {f"body.{i}.{part}": _norm(getattr(one, part)) for part in ("q_norm", "k_norm")}
    return ref, table


CASES: list[tuple[str, Callable[[Model, int], tuple[nn.Module, Table]], dict[str, Any]]] = [
    ("sigma_gpt", sigma_gpt, {"length": 9, "levels": 5, "width": 8, "heads": 2, "layers": 2, "members": 2}),
    ("image_transformer", image_transformer, {"height": 6, "width": 5, "levels": 4, "features": 8, "inner": 12,
                                              "heads": 2, "layers": 2, "block": 7, "memory": 3, "components": 2}),
    ("axial_transformer", axial_transformer, {"size": 5, "levels": 4, "features": 8, "heads": 2, "outer": 2,
                                              "inner": 2, "wide": 12}),
    ("llamagen", llamagen, {"size": 4, "levels": 5, "classes": 3, "width": 16, "heads": 2, "hidden": 12, "layers": 2}),
    ("rar", rar, {"size": 4, "levels": 5, "classes": 3, "width": 8, "heads": 2, "layers": 2, "members": 2}),
    ("megabyte", megabyte, {"length": 24, "patch": 4, "global": 16, "local": 12, "global_layers": 2,
                            "local_layers": 2, "global_heads": 2, "local_heads": 3}),
    ("bytenet", bytenet, {"length": 20, "levels": 5, "source_levels": 7, "width": 6, "sets": 2, "cycle": 2}),
]  # fmt: skip


@pytest.mark.parametrize("name, reference, params", CASES, ids=[name for name, _, _ in CASES])
def test_a_spec_is_its_paper(name: str, reference: Callable[..., tuple[nn.Module, Table]], params: dict[str, Any]):
    equal_to_reference(name, reference, params)
