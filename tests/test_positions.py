"""Positions in attention: relative ones and rotary ones, in sequence, in streams without end, and beside what others
compute of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from arspec.language.load import from_text
from arspec.layers.frequencies import Ntk, plain
from arspec.layers.relative import Buckets, bucket_of, slopes
from arspec.model import Model, build
from arspec.sampler.plan.endless import endless
from tests.small import ROOT, randomised, refuses, small

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
        prefix: dict[str, Any] = {"prefix": whole[:, :count]} if count else {}
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


TURNED = (
    WINDOW.replace(
        "  a: ",
        """  qr: {layer: rotary, from: q, heads: 4, base: 30, ROTARY}
  kr: {layer: rotary, from: k, heads: 2, base: 30, ROTARY}
  a: """,
    )
    .replace("from: q, keys: k", "from: qr, keys: kr")
    .replace("MORE", "sinks: true")
)


@pytest.mark.parametrize(
    "rotary", ["share: 1", "form: interleaved, at: next", "scaling: {kind: yarn, factor: 4, original: 16}, offset: 3"]
)
def test_a_window_of_turned_keys_streams_as_far_as_one_likes(rotary: str) -> None:
    model = model_of(TURNED.replace("ROTARY", rotary).replace("MASK", NEAR))
    streams(model)
    # a site far beyond the plan's length: what is drawn there depends on the distances alone
    course = endless(model, 0)
    node = next(node for node in course.model.graph.nodes if node.name == "qr")
    layer, constants = node.layer, course.model.constants.of(node, 0)
    w = layer.prepare_endless(node, {}, constants, 0)
    x = torch.randn(1, 3, node.out.channels, dtype=torch.float64)
    near = layer.forward_sites(node, layer.prepare_sites(node, {}, constants, 0, []), [x], torch.tensor([0, 5, 99]))
    torch.testing.assert_close(layer.forward_sites(node, w, [x], torch.tensor([0, 5, 99])), near, rtol=0, atol=1e-12)
    far, farther = (layer.forward_sites(node, w, [x], n + torch.tensor([0, 5, 99])) for n in (1_000_000, 7_000_000))
    products = [torch.einsum("bnhd,bmhd->bhnm", y, y) for y in (t.unflatten(2, (4, -1)) for t in (near, far, farther))]
    torch.testing.assert_close(products[1], products[0], rtol=0, atol=1e-8)
    torch.testing.assert_close(products[2], products[0], rtol=0, atol=1e-8)
    assert not torch.allclose(far, near, atol=0.1)


def test_mistral_streams() -> None:
    """Its window is crossed many times, its turned keys lie in rings, its first token is given."""
    model = randomised(small(ROOT / "specs" / "mistral.yaml"))
    streams(model)
    kept = {node.name: cache.size for node, cache in endless(model, 0).program.caches.items()}
    assert max(kept.values()) <= model.spec.params["window"] + 3


def test_sinusoids_stream() -> None:
    text = WINDOW.replace("MASK", NEAR).replace(", MORE", "").replace(
        "  q:", "  w: {layer: sinusoid, out: 8, base: 20}\n  h: {layer: add, from: [s, w]}\n  q:"
    ).replace("from: s, out: 8", "from: h, out: 8")  # fmt: skip
    model = model_of(text)
    streams(model)
    state = endless(model, 0)
    assert {node.name: cache.size for node, cache in state.program.caches.items()}.get("w", 1) < 4


def test_places_alone_as_keys_have_no_stream() -> None:
    text = WINDOW.replace("MASK", NEAR).replace(", MORE", "").replace(
        "  k: {layer: conv, from: s, out: 4}", "  k: {layer: sinusoid, from: s, out: 4}"
    )  # fmt: skip
    model = model_of(text)
    refuses("AR822", lambda: endless(model, 0), "'k', which is of no data, is read as keys or values")
    assert torch.equal(model.sample(2, seed=3), model.sample(2, seed=3, method="fixed-point"))


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


@pytest.fixture
def in_float64(monkeypatch: pytest.MonkeyPatch) -> None:
    """transformers computes angles, norms and shares in float32, whatever the weights are: here in float64."""
    monkeypatch.setattr(torch, "float32", torch.float64)
    monkeypatch.setattr(torch, "float", torch.float64)
    monkeypatch.setattr(torch.Tensor, "float", torch.Tensor.double)


SCALINGS: dict[str, tuple[str, dict[str, Any]]] = {
    "default": ("", {}),
    "linear": ("{kind: linear, factor: 8}", {"factor": 8.0}),
    "dynamic": ("{kind: dynamic, factor: 4, original: 200}", {"factor": 4.0}),
    "yarn": ("{kind: yarn, factor: 4, original: 64}", {"factor": 4.0, "original_max_position_embeddings": 64}),
    "yarn with numbers of its own": (
        "{kind: yarn, factor: 16, original: 4096, beta_fast: 20, beta_slow: 2, attention_factor: 1.3, truncate: false}",
        {"factor": 16.0, "original_max_position_embeddings": 4096, "beta_fast": 20.0, "beta_slow": 2.0,
         "attention_factor": 1.3, "truncate": False}),
    "llama3": (
        "{kind: llama3, factor: 8, low: 1, high: 4, original: 8192}",
        {"factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 8192}),
    "longrope": (
        "{kind: longrope, short: %s, long: %s, original: 64, factor: 4}",
        {"short_factor": [1 + 0.1 * i for i in range(16)], "long_factor": [1.0 + i for i in range(16)], "factor": 4.0,
         "original_max_position_embeddings": 64}),
}  # fmt: skip


@pytest.mark.parametrize("length", [40, 200])
@pytest.mark.parametrize("share", [1.0, 0.5])
@pytest.mark.parametrize("name", SCALINGS)
@pytest.mark.usefixtures("in_float64")
def test_rotary_is_that_of_transformers(name: str, share: float, length: int) -> None:
    from transformers import LlamaConfig
    from transformers.models.gpt_neox.modeling_gpt_neox import GPTNeoXRotaryEmbedding, apply_rotary_pos_emb
    from transformers.models.llama.modeling_llama import LlamaRotaryEmbedding

    text, settings = SCALINGS[name]
    settings = dict(settings)
    if name == "longrope":
        if share < 1:
            settings |= {key: settings[key][:8] for key in ("short_factor", "long_factor")}
        text = text % (settings["short_factor"], settings["long_factor"])
    parameters = {"rope_type": name.split()[0], "rope_theta": 500000.0, "partial_rotary_factor": share, **settings}
    config = LlamaConfig(
        hidden_size=64, num_attention_heads=2, num_key_value_heads=2, max_position_embeddings=length,
        rope_parameters=parameters,
    )  # fmt: skip
    kept: Any = config
    rope: Any = LlamaRotaryEmbedding(kept) if name != "default" else GPTNeoXRotaryEmbedding(kept)
    q = torch.randn(2, 2, length, 32, dtype=torch.float64)
    cos, sin = rope(q, torch.arange(length)[None])
    turned = cos.shape[-1]
    assert turned == 32 * share
    wanted, _ = apply_rotary_pos_emb(q[..., :turned], q[..., :turned], cos, sin)
    wanted = torch.cat([wanted, q[..., turned:]], -1)
    scaling = f", scaling: {text}" if text else ""
    spec = from_text(f"""arspec: 1
data: {{kind: sequence, length: {length}, levels: 4}}
graph:
  hot: {{layer: one_hot, from: x}}
  s: {{layer: shift, steps: 1}}
  q: {{layer: conv, out: 64}}
  r: {{layer: rotary, heads: 2, base: 500000, share: {share}{scaling}}}
  logits: {{layer: conv, out: $head}}
head: {{kind: categorical, from: logits}}
""")
    graph = spec.graph()
    node = next(node for node in graph.nodes if node.name == "r")
    constants = {k: torch.from_numpy(v) for k, v in node.layer.constants(node, spec.members[0]).items()}
    got = node.layer.forward(node, {}, constants, [q.permute(0, 1, 3, 2).flatten(1, 2)], False)
    torch.testing.assert_close(got.view(2, 2, 32, length).transpose(2, 3), wanted, rtol=0, atol=1e-12)


def test_the_base_of_ntk_divides_the_lowest_frequency_and_keeps_the_highest() -> None:
    found, own = Ntk(kind="ntk", factor=6.0).frequencies(10000.0, 32, 64), plain(10000.0, 32)
    np.testing.assert_allclose(found[[0, -1]] / own[[0, -1]], [1, 1 / 6])
    assert (np.diff(found / own) < 0).all()
