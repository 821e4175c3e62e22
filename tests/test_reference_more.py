"""Further systems of the literature against plain torch, and that none of the shipped specs is without a reference.
(`tests/test_reference.py` has the comparison, `tests/test_reference_systems.py` most of the systems.)"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from arspec.diagnostics import SpecError
from arspec.language.load import load
from arspec.model import Model
from tests import (
    test_reference,
    test_reference_attention,
    test_reference_decoders,
    test_reference_states,
    test_reference_systems,
)
from tests.reference.fast_generation_toy import FastGenerationToy
from tests.reference.parallel_multiscale import ParallelMultiscale
from tests.reference.pixelcnn_aux import PixelCNNAux
from tests.reference.pixelcnn_pp import PixelCNNpp
from tests.reference.wavenet import WaveNet
from tests.small import ROOT, SHIPPED
from tests.test_reference import Table, drawn, equal_to_reference, resnet_tables


def wavenet(model: Model, _: int) -> tuple[nn.Module, Table]:
    """With a series as its condition, or with numbers for input and a mixture for output."""
    p, data = model.spec.params, model.spec.data
    local = "bands" in p
    ref = drawn(WaveNet(
        data.levels, p["residual"], 2 * p["residual"], p["skip"], [2 ** (i % p["cycle"]) for i in range(p["layers"])],
        p["kernel"], first_kernel=1 if local else 2, bands=p.get("bands"),
        factors=[p["factor"]] * p["steps"] if local else (),
        outputs=model.graph.head_node.out.width, scale=not local,
    ))  # fmt: skip
    table: Table = {"first": ref.first, "hidden": ref.head_1, "logits": ref.head_2}
    if ref.upsampling is not None:
        table["smooth"] = ref.upsampling.smooth
        table |= {f"local.{k}.smooth": smooth for k, smooth in enumerate(ref.upsampling.filters)}
    for i, layer in enumerate(ref.layers):
        table |= {f"body.{i}.{name}": getattr(layer, name) for name in ("conv", "residual", "skip")}
        table |= {f"body.{i}.gate": layer.condition} if layer.condition is not None else {}
    return ref, table


def pixelcnn_pp_class(model: Model, _: int) -> tuple[nn.Module, Table]:
    p, data = model.spec.params, model.spec.data
    outputs = model.graph.head_node.out.width
    size = (data.channels, data.levels, p["filters"], p["resnets"], outputs)
    ref = drawn(PixelCNNpp(*size, weight_norm=True, classes=p["classes"]))
    table = resnet_tables(ref)
    for r in range(3):
        for stream in ("u", "ul"):
            for node, way in ((f"up{r}.body", "up"), (f"down{2 - r}", "down")):
                for i, layer in enumerate(getattr(ref, f"{way}_{stream}")[r]):
                    table[f"{node}.{i}.d{stream}.gate"] = layer.condition
    return ref, table


def parallel_multiscale(model: Model, _: int) -> tuple[nn.Module, Table]:
    p, data = model.spec.params, model.spec.data
    size = (p["size"], p["features"], p["layers"], p["phases"], model.graph.head_node.out.width)
    ref = drawn(ParallelMultiscale(data.channels, data.levels, *size))
    table: Table = {"conv": ref.first.conv, "places": {"weight": ref.places}, "logits": ref.output}
    for i, layer in enumerate(ref.layers):
        table |= {f"body.{i}.conv1": layer.conv1.conv, f"body.{i}.conv2": layer.conv2}
    return ref, table


def fast_generation_toy(model: Model, _: int) -> tuple[nn.Module, Table]:
    ref = drawn(FastGenerationToy(model.spec.data.levels, model.spec.params["width"]))
    ups = {name: {"weight": getattr(ref, name).weight.transpose(0, 1),
                  "bias": getattr(ref, name).bias} for name in ("up1", "up2")}  # fmt: skip
    return ref, {"down1": ref.down1, "down2": ref.down2, "logits": ref.head, **ups}


class OneAfterAnother(PixelCNNAux):
    """The reference with its outputs as the library joins those of several parts: the part's number, its own, zeros."""

    def forward(self, x: Tensor) -> Tensor:
        both = super().forward(x)
        most = max(part.shape[1] for part in both)
        tagged = [
            F.pad(torch.cat([torch.full_like(p[:, :1], k), p], 1), [0] * 5 + [most - p.shape[1]])
            for k, p in enumerate(both)
        ]
        return torch.cat(tagged, 1)


def pixelcnn_aux(model: Model, _: int) -> tuple[nn.Module, Table]:
    p, data = model.spec.params, model.spec.data
    levels = (p["shades"], data.levels)
    ref = drawn(OneAfterAnother(data.channels, levels, p["filters"], p["resnets"], p["layers"], model.spec.head_size))
    whole = ref.embedding
    table: Table = {"first": whole.first, "half0": whole.halve, "twice0": whole.doubled, "view": whole.last}

    def resnet(name: str, layer: Any) -> None:
        table.update({f"{name}.conv1": layer.conv1, f"{name}.conv2": layer.conv2})
        table.update({f"{name}.a_conv": layer.extra} if layer.extra is not None else {})

    for k in range(2 * p["resnets"]):
        resolution, i = divmod(k, p["resnets"])
        resnet(f"down{resolution}.body.{i}", whole.down[k])
        resnet(f"up{1 - resolution}.{i}", whole.up[k])
    for name, streams in (("grey", ref.grey), ("colours", ref.colours)):
        table |= {f"{name}.{part}": getattr(streams, part) for part in ("u_conv", "above", "beside")}
        table[f"{name}.logits"] = streams.output
        for i, (u, ul) in enumerate(zip(streams.u, streams.ul, strict=True)):
            resnet(f"{name}.body.{i}.du", u)
            resnet(f"{name}.body.{i}.dul", ul)
    return ref, table


LOCAL = {"residual": 6, "skip": 5, "layers": 5, "cycle": 3, "bands": 3}

CASES: list[tuple[str, Callable[[Model, int], tuple[nn.Module, Table]], dict[str, Any]]] = [
    ("wavenet_local", wavenet, {**LOCAL, "frames": 5, "hop": 8, "factor": 2, "steps": 3}),
    ("wavenet_local", wavenet, {**LOCAL, "frames": 4, "hop": 9, "factor": 3, "steps": 2, "kernel": 2}),
    ("wavenet_mol", wavenet, {"length": 40, "residual": 6, "skip": 5, "layers": 5, "cycle": 3, "components": 2}),
    ("pixelcnn_pp_class", pixelcnn_pp_class, {"height": 8, "width": 8, "filters": 4, "resnets": 2, "components": 2,
                                              "classes": 3}),
    ("parallel_multiscale", parallel_multiscale, {"size": 8, "levels": 5, "features": 4, "layers": 2, "phases": 2}),
    ("parallel_multiscale", parallel_multiscale, {"size": 7, "channels": 1, "levels": 5, "features": 4, "layers": 1,
                                                  "phases": 3}),
    ("pixelcnn_aux", pixelcnn_aux, {"height": 6, "width": 8, "filters": 4, "resnets": 2, "layers": 2, "components": 2}),
    ("pixelcnn_aux", pixelcnn_aux, {"height": 4, "width": 4, "shades": 5, "filters": 3, "resnets": 1, "layers": 3,
                                    "components": 3}),
    ("fast_generation_toy", fast_generation_toy, {"width": 4}),
    ("fast_generation_toy", fast_generation_toy, {"length": 24, "width": 3}),
]  # fmt: skip


@pytest.mark.parametrize("name, reference, params", CASES, ids=[f"{k}-{name}" for k, (name, _, _) in enumerate(CASES)])
def test_a_spec_is_its_paper(name: str, reference: Callable[..., tuple[nn.Module, Table]], params: dict[str, Any]):
    equal_to_reference(name, reference, params)


def test_every_shipped_spec_has_a_reference():
    compared = {name for name, _, _ in [*CASES, *test_reference.CASES, *test_reference_systems.CASES]}
    compared |= {name for name, _, _ in test_reference_states.CASES}
    compared |= {"mamba", "mixtral"}  # tests/test_reference_mamba.py, tests/test_reference_mixtral.py
    compared |= {name for name, _, _ in test_reference_attention.CASES}
    compared |= test_reference_decoders.OWN.keys() | {"t5_decoder"}
    assert {path.stem for path in SHIPPED} <= compared


@pytest.mark.parametrize("wrong", [{"hop": 200}, {"factor": 3}, {"steps": 3}], ids=str)
def test_upsampling_factors_that_do_not_make_up_the_hop_are_refused(wrong: dict[str, int]):
    with pytest.raises(SpecError) as refused:
        load(ROOT / "specs" / "wavenet_local.yaml", params=wrong).graph()
    (found,) = {d.code for d in refused.value.diagnostics}
    assert found == "AR410"
