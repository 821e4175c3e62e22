"""Positions in attention: relative ones and rotary ones, in sequence, in streams without end, and beside what others
compute of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from arspec.language.load import from_text
from arspec.layers.relative import Buckets, bucket_of, slopes
from arspec.model import Model, build
from arspec.sampler.plan.endless import endless

WINDOW = """arspec: 1
name: window
data: {kind: sequence, length: 20, levels: 5}
graph:
  e: {layer: embedding, from: x, out: 8}
  s: {layer: shift, steps: 1}
  q: {layer: conv, from: s, out: 8}
  k: {layer: conv, from: s, out: 4}
  v: {layer: conv, from: s, out: 2}
  a: {layer: attention, from: q, keys: k, values: v, heads: 4, kv_heads: 2, mask: MASK, MORE}
  logits: {layer: conv, out: $head}
head: {kind: categorical, from: logits}
"""
NEAR = "so_far and this.step - that.step < 7"


def model_of(text: str) -> Model:
    model = build(from_text(text), seed=1).double().eval()
    generator = torch.Generator().manual_seed(2)
    with torch.no_grad():
        for weight in model.parameters():
            weight.copy_(torch.randn(weight.shape, generator=generator, dtype=weight.dtype) / 2)
    return model


def longer(model: Model, length: int) -> Model:
    found = build(model.spec.variant(data={"length": length})).double().eval()
    found.load_state_dict(model.state_dict())
    return found


def streams(model: Model, length: int = 150) -> None:
    """Holds a stream without end to samples of a model that is as long."""
    whole = longer(model, length).sample(2, seed=3, method="once")
    assert torch.equal(longer(model, length).sample(2, seed=3, method="fixed-point"), whole)
    for count in (0, 1, 30, 147):
        prefix = {"prefix": whole[:, :count]} if count else {}
        got: Tensor = torch.cat(list(model.stream(2, steps=length, seed=3, chunk=64, **prefix)), 1)
        assert torch.equal(got, whole), count
    assert endless(model, 0).period is not None


@pytest.mark.parametrize(
    "more", [
        "sinks: true", "soft_cap: 2", "relative: {kind: alibi}", "relative: {kind: buckets, buckets: 4, farthest: 6}",
        "sinks: true, soft_cap: 1.5, relative: {kind: buckets, buckets: 4, farthest: 6}",
    ],
)  # fmt: skip
@pytest.mark.parametrize("mask", [NEAR, "so_far and that.step // 4 == this.step // 4"], ids=["window", "blocks"])
def test_a_window_streams_in_every_form_of_attention(more: str, mask: str) -> None:
    streams(model_of(WINDOW.replace("MASK", mask).replace("MORE", more)))


# -- beside transformers -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("heads", [1, 2, 3, 6, 8, 12, 40])
def test_slopes_are_those_of_bloom(heads: int) -> None:
    from transformers.models.bloom.modeling_bloom import build_alibi_tensor

    alibi = build_alibi_tensor(torch.ones(1, 2, dtype=torch.long), heads, torch.float64)
    np.testing.assert_allclose(slopes(heads), alibi[:, 0, 1].numpy(), rtol=1e-6)  # theirs are made in float32


@pytest.mark.parametrize("buckets, farthest", [(32, 128), (32, 20), (8, 100), (64, 1000)])
@pytest.mark.parametrize("both_ways", [False, True])
def test_buckets_are_those_of_t5(buckets: int, farthest: int, both_ways: bool) -> None:
    from transformers.models.t5.modeling_t5 import T5Attention

    distance = np.arange(-2000, 2001)
    wanted: Any = T5Attention._relative_position_bucket(torch.from_numpy(-distance), both_ways, buckets, farthest)
    own = Buckets(kind="buckets", buckets=buckets, farthest=farthest, both_ways=both_ways)
    np.testing.assert_array_equal(bucket_of(own, distance), wanted.numpy())
