"""What layers do with single rows in machine code is what torch does."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from arspec.language.load import from_text
from arspec.sampler.drive.sampler import sampler_of
from arspec.sampler.run.kernel import kernel
from arspec.sampler.run.quick import FEW, Quick
from arspec.verification.subject import random_data
from tests.small import randomised

pytestmark = pytest.mark.skipif(kernel() is None, reason="no C++ compiler")
TOLERANCES = {torch.float32: 1e-5, torch.float64: 1e-12}
both = pytest.mark.parametrize("dtype", TOLERANCES)
# batch, sites, heads, channels of a head: less than a vector, whole ones, and whole ones with a rest
ROWS = [(1, 1, 1, 1), (2, 1, 3, 5), (3, 2, 1, 16), (1, 7, 2, 33), (5, 1, 4, 64), (2, 3, 1, 203)]
rows = pytest.mark.parametrize(("batch", "sites", "heads", "size"), ROWS)


def quick() -> Quick:
    loaded = kernel()
    assert loaded is not None
    return loaded.quick


def drawn(*shape: int, dtype: torch.dtype, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).to(dtype)


def apart(batch: int, sites: int, channels: int, dtype: torch.dtype, seed: int = 0) -> Tensor:
    """Rows [B, n, C] whose examples and sites lie apart, and on no whole vector."""
    return drawn(batch, sites + 2, channels + 3, dtype=dtype, seed=seed)[:, 1:-1, 1:-2]


def check(call: Callable[..., Tensor | None], xs: list[Tensor], wanted: Tensor, monkeypatch: Any) -> None:
    """Holds what a call makes of xs [B, ...] to be what is wanted, and each example to have the same bits alone, with
    one thread and with two."""
    dtype, found = xs[0].dtype, call(*xs)
    assert found is not None and found.dtype == dtype
    torch.testing.assert_close(found.double(), wanted, rtol=TOLERANCES[dtype], atol=TOLERANCES[dtype])
    monkeypatch.setattr("arspec.sampler.run.quick.SPREAD", 0)
    for threads in (1, 2):
        monkeypatch.setattr("torch.get_num_threads", lambda threads=threads: threads)
        for n in range(len(found)):
            alone = call(*(x[n : n + 1] for x in xs))
            assert alone is not None and torch.equal(alone, found[n : n + 1])
        again = call(*xs)
        assert again is not None and torch.equal(again, found)


@both
@rows
@pytest.mark.parametrize("centred", [True, False])
def test_rows_are_normalised(
    batch: int, sites: int, heads: int, size: int, centred: bool, dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch
):
    x, (gain, bias) = 3 * apart(batch, sites, heads * size, dtype) + 1, drawn(2, size, dtype=dtype)
    plain = x.double().unflatten(2, (heads, size))
    plain = plain - plain.mean(-1, keepdim=True) if centred else plain
    plain = plain / (plain.square().mean(-1, keepdim=True) + 1e-3).sqrt()
    for g, b in ((None, None), (gain, None), (None, bias), (gain, bias)):
        wanted = (plain * (1 if g is None else g.double()) + (0 if b is None else b.double())).flatten(2)
        check(lambda x, g=g, b=b: quick().normalised(x, g, b, heads, 1e-3, centred), [x], wanted, monkeypatch)


@both
@rows
def test_rows_are_gated(
    batch: int, sites: int, heads: int, size: int, dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch
):
    x = 8 * apart(batch, sites, heads * size, dtype)
    x[..., 0] = 90.0  # beyond which sums of exponentials are 1
    x[0, 0, -1] = -90.0
    gelu = torch.nn.functional.gelu(x.double(), approximate="tanh")
    for cubic, wanted in ((False, torch.nn.functional.silu(x.double())), (True, gelu)):
        check(lambda x, cubic=cubic: quick().gated(x, cubic), [x], wanted, monkeypatch)


@both
@pytest.mark.parametrize("interleaved", [False, True])
@pytest.mark.parametrize(
    ("heads", "axes", "half", "rest"), [(1, 1, 1, 0), (3, 1, 5, 0), (2, 2, 4, 3), (1, 2, 9, 17), (2, 1, 32, 0)]
)
def test_pairs_are_turned(
    heads: int, axes: int, half: int, rest: int, interleaved: bool, dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch
):
    """By the rows of their places, which are counted through all channel groups; what does not turn stays."""
    turned, positions, pair = 2 * half * axes, 5, 1 if interleaved else half
    form = (positions, 2, axes, half, 2) if interleaved else (positions, 2, axes, 2, half)
    turns, places = drawn(*form, dtype=torch.float64), torch.tensor([4, 0, 7, 12])
    for batch, own in ((1, places[:1]), (3, places), (2, places[1:3])):
        x = apart(batch, len(own), heads * (turned + rest), dtype)
        cos, sin = turns[own % positions].flatten(2)[:, :, None].unbind(1)
        each = x.double().unflatten(2, (heads, -1))
        some = each[..., :turned]
        other = some.unflatten(3, (-1, 2, pair)).flip(4).flatten(3)
        wanted = torch.cat([some * cos + other * sin, each[..., turned:]], 3).flatten(2)

        def call(x: Tensor, own: Tensor = own) -> Tensor | None:
            return quick().turned(x, turns, heads, turned, pair, own, positions)

        check(call, [x], wanted, monkeypatch)


@both
@rows
@pytest.mark.parametrize("biased", [True, False])
def test_windows_are_summed(
    batch: int, sites: int, heads: int, size: int, biased: bool, dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch
):
    x, weight = apart(batch, sites, heads * size, dtype), drawn(heads, size, dtype=dtype, seed=1)
    bias = drawn(size, dtype=dtype, seed=2) if biased else None
    wanted = (x.double().unflatten(2, (heads, size)) * weight.double()).sum(2) + (0 if bias is None else bias.double())
    check(lambda x: quick().windowed(x, weight, bias), [x], wanted, monkeypatch)


def seen(q: Tensor, k: Tensor, v: Tensor, scale: float | None) -> Tensor:
    batch, shared, _, size = k.shape
    scores = q.double().view(batch, shared, -1, size) @ k.double().mT
    return ((scores * (1 / math.sqrt(size) if scale is None else scale)).softmax(-1) @ v.double()).view(batch, 1, -1)


@both
@pytest.mark.parametrize(
    ("batch", "shared", "each", "known", "size", "width"),
    [
        (1, 1, 1, 1, 1, 1),
        (3, 2, 1, 1, 16, 16),
        (2, 3, 5, 7, 5, 3),
        (3, 8, 1, 9, 17, 33),
        (1, 2, 8, 64, 64, 32),
        (2, 2, 3, 5000, 8, 17),
    ],
)
def test_values_are_weighed(
    batch: int, shared: int, each: int, known: int, size: int, width: int, dtype: torch.dtype,
    monkeypatch: pytest.MonkeyPatch,
):  # fmt: skip
    q = apart(batch, 1, shared * each * size, dtype)
    k, v = (
        apart(batch, known, shared * own, dtype, seed).unflatten(2, (shared, own)).transpose(1, 2)
        for seed, own in ((1, size), (2, width))
    )
    for scale in (None, 0.3):
        for keys, values in ((k, v), (k.contiguous(), v.contiguous())):
            xs, wanted = [q, keys, values], seen(q, k, v, scale)
            check(lambda q, k, v, scale=scale: quick().attended(q, k, v, scale), xs, wanted, monkeypatch)


@both
def test_large_scores_are_weighed(dtype: torch.dtype):
    """One key that outweighs the others gives its values, and keys that are alike share, however large the scores."""
    q, v = torch.full((1, 1, 8), 1e6, dtype=dtype), drawn(1, 1, 4, 8, dtype=dtype)
    k = torch.tensor([-1e6, 1e6, 0, 1], dtype=dtype).view(1, 1, 4, 1).repeat(1, 1, 1, 8)
    for keys, wanted in ((k, v[0, :, 1:2]), (k[:, :, 1:2].repeat(1, 1, 4, 1), v[0].mean(1, keepdim=True))):
        found = quick().attended(q, keys, v, None)
        assert found is not None
        torch.testing.assert_close(found, wanted)


WITHOUT_NUMBERS = [math.nan, *torch.tensor([0x7FC00001, 0x7FFFFFFF, 0x7F800001], dtype=torch.int32).view(torch.float32)]


@both
@pytest.mark.parametrize("bad", WITHOUT_NUMBERS, ids=["usual", "quiet", "all bits", "signalling"])
def test_what_is_no_number_stays_none(bad: Any, dtype: torch.dtype):
    """Whatever its other bits are."""
    x, k, v = (drawn(*shape, dtype=dtype) for shape in ((1, 1, 32), (1, 2, 5, 16), (1, 2, 5, 3)))
    for place in range(5):
        keys = k.clone()
        keys[0, 1, place, 3] = bad
        found = quick().attended(x, keys, v, None)
        assert found is not None and found.isnan()[0, 0].tolist() == [False] * 3 + [True] * 3
    step, ones, row = x.clone(), torch.ones(1, 1, 1, dtype=dtype), drawn(1, 64, dtype=dtype)
    step[0, 0, 5] = bad
    after = torch.empty_like(row)
    y = quick().selective_step(x, step, x[0, 0], -torch.ones(1, 32, dtype=dtype), ones, ones, None, row, after)
    assert y is not None and after.isnan().nonzero()[:, 1].tolist() == [5, 37]
    for centred in (True, False):
        found = quick().normalised(step, None, None, 2, 1e-5, centred)
        assert found is not None and found.isnan()[0, 0, :16].all() and not found.isnan()[0, 0, 16:].any()


@both
def test_no_examples_are_no_rows(dtype: torch.dtype):
    q, turns = quick(), drawn(3, 2, 1, 2, 4, dtype=torch.float64)
    x, k = torch.empty(0, 1, 16, dtype=dtype), torch.empty(0, 2, 5, 8, dtype=dtype)
    found = [
        q.normalised(x, None, None, 2, 1e-5, True),
        q.windowed(x, drawn(1, 16, dtype=dtype), None),
        q.turned(x, turns, 2, 8, 4, torch.zeros(1, dtype=torch.int64), 3),
        q.attended(x, k, k, None),
    ]
    assert [None if y is None else y.shape for y in found] == [x.shape] * 4


def test_what_they_have_no_use_for_is_left_alone():
    q, x, turns = quick(), drawn(2, 1, 16, dtype=torch.float32), drawn(3, 2, 1, 2, 4, dtype=torch.float64)
    weight, own, places = x[0], x[0, 0], torch.zeros(1, dtype=torch.int64)
    large = torch.zeros(FEW // 16 + 1, 1, 16)
    strange = [x.half(), x.long(), x.repeat_interleave(2, 2)[..., ::2]]  # other numbers, and channels that lie apart
    weights = [own.double(), own.repeat_interleave(2)[::2]]
    for y in (*strange, large):
        assert q.normalised(y, None, None, 2, 1e-5, True) is None
        assert q.windowed(y, weight.to(y.dtype), None) is None
        assert q.turned(y, turns, 2, 8, 4, places, 3) is None
    for y in weights:
        assert q.normalised(x, y, None, 1, 1e-5, True) is None and q.normalised(x, own, y, 1, 1e-5, True) is None
        assert q.windowed(x, y[None], None) is None and q.windowed(x, weight, y) is None
    assert q.windowed(x[..., :0], weight[:0], own) is None
    assert q.turned(x, turns.float(), 2, 8, 4, places, 3) is None
    assert q.turned(x, turns.expand(6, 3, 2, 1, 2, 4)[0].transpose(3, 4), 2, 8, 4, places, 3) is None
    k = drawn(2, 2, 5, 8, dtype=torch.float32)
    for y in strange:
        assert q.attended(y, k.to(y.dtype), k.to(y.dtype), None) is None
    for other in (k.double(), k.transpose(2, 3).contiguous().transpose(2, 3)):
        assert q.attended(x, other, k, None) is None and q.attended(x, k, other, None) is None
    assert q.attended(x, k[:, :, :0], k[:, :, :0], None) is None


HEAD = "head: {kind: categorical, from: logits}"
SEQUENCE = f"""
arspec: 1
name: sequence
data: {{kind: sequence, length: 9, levels: 5}}
graph:
  tokens: {{layer: embedding, from: x, out: 12}}
  h: {{layer: shift, steps: 1}}
  LAYERS
  logits: {{layer: conv, out: $head}}
{HEAD}
"""
IMAGE = f"""
arspec: 1
name: image
data: {{kind: image, height: 3, width: 4, channels: 3, levels: 4}}
order: {{scan: raster, channels: sequential}}
graph:
  h: {{layer: conv, from: x, kernel: 3, mask: earlier, out: 36}}
  LAYERS
  logits: {{layer: conv, mask: so_far, out: $head}}
{HEAD}
"""
SEEN = "seen: {layer: attention, keys: t, values: h, heads: 2, mask: so_far}"
LAYERS = {
    "nothing read": (SEQUENCE, "d: {layer: conv, kernel: 1, mask: earlier, depthwise: true, out: 12}", "windowed"),
    "no inputs": (SEQUENCE, "d: {layer: conv, kernel: 1, mask: earlier, out: 12, bias: false}\n"
                  "  s: {layer: add, from: [d, h]}", ""),
    "interleaved": (SEQUENCE, "t: {layer: rotary, heads: 2, share: 0.67, form: interleaved, at: next, offset: -3}\n  "
                    + SEEN, "turned"),
    "halves": (SEQUENCE, "t: {layer: rotary, heads: 2, share: 0.34, scaling: {kind: linear, factor: 8}}\n  " + SEEN,
               "turned"),
    "windows": (SEQUENCE, "d: {layer: conv, kernel: 4, mask: so_far, depthwise: true, out: 12, weight_norm: true}",
                "windowed"),
    "norm": (SEQUENCE, "n: {layer: norm, kind: rms, heads: 3, unit_offset: true, bias: true}\n"
             "  m: {layer: norm, gain: false}", "normalised"),
    "grouped": (SEQUENCE, "k: {layer: conv, out: 6}\n  v: {layer: conv, from: h, out: 10}\n"
                "  seen: {layer: attention, from: h, keys: k, values: v, heads: 4, kv_heads: 2, scale: 2, "
                "mask: so_far}", "attended"),
    "image": (IMAGE, "n: {layer: norm}\n  t: {layer: rotary, form: interleaved, share: 0.67}\n"
              "  d: {layer: conv, kernel: 3, mask: so_far, depthwise: true, out: 36}", "turned"),
}  # fmt: skip


@pytest.mark.parametrize("name", LAYERS)
def test_layers_take_them(name: str, monkeypatch: pytest.MonkeyPatch):
    """And the sampler's parameters are the module's, also where a layer reads nothing at all."""
    text, layers, function = LAYERS[name]
    monkeypatch.setattr("arspec.sampler.run.skinny_matmul.BUSY", 0)
    taken: list[bool] = []
    if function:
        call = getattr(Quick, function)

        def watched(self: Quick, *args: Any) -> Tensor | None:
            found = call(self, *args)
            taken.append(found is not None)
            return found

        monkeypatch.setattr(Quick, function, watched)
    model = randomised(from_text(text.replace("LAYERS", layers)))
    for batch in (1, 3):
        x = random_data(model, batch)
        with torch.no_grad():
            torch.testing.assert_close(sampler_of(model).replay(x, {}), model(x), rtol=0, atol=1e-9)
    assert all(taken) == (name != "nothing read") and bool(taken) == bool(function)
