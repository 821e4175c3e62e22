"""The codec: what goes in comes out, at about -log2 p, whatever the model, the batch and the noise of the decoder."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from arspec.codec import Codec, DecoderMismatch, Item
from arspec.codec.digits import digits, weights
from arspec.codec.entropy import SymbolReader, SymbolWriter, pack_even, unpack_even
from arspec.codec.guard import Grid
from arspec.codec.interleaving import batches
from arspec.codec.media import ARRAY, array
from arspec.data import with_auxiliary
from arspec.diagnostics import InputError
from arspec.heads import HEADS, Head, Support, integers
from arspec.model import Model
from arspec.sampler.drive.sampler import sampler_of
from arspec.verification.subject import random_conditions
from tests.small import ROOT, SHIPPED, every_spec, randomised, shared, small

LEAST = 10_000  # bytes of a file for which the size is promised


def real(model: Model, examples: int) -> np.ndarray[Any, Any]:
    """Real data in a model's shape and alphabet: handwritten digits, or a licence. Without auxiliary images."""
    from sklearn.datasets import load_digits

    data = model.spec.data
    if data.kind == "sequence":
        found = np.frombuffer((ROOT / "LICENSE").read_bytes(), np.uint8).astype(np.int64) * data.levels // 256
    else:
        digits: Any = load_digits()
        found = digits.images.astype(np.int64).ravel() * data.levels // 17
    shape = data.own.shape if data.kind == "image" else data.shape
    return np.resize(found, (examples, *shape)).astype(np.uint8)


def whole(model: Model, x: np.ndarray[Any, Any]) -> Tensor:
    """The same with the auxiliary images that the model has."""
    data = model.spec.data
    return torch.from_numpy(with_auxiliary(x, data) if data.kind == "image" and data.auxiliary else x)


def given(model: Model, rows: int) -> dict[str, np.ndarray[Any, Any]]:
    """Conditions, as the codec takes them."""
    found = random_conditions(model, 1, rows)
    return {name: v.float().numpy() if v.is_floating_point() else v.numpy() for name, v in found.items()}


def item(name: str, x: np.ndarray[Any, Any]) -> Item:
    return Item(name, ARRAY, array.of_array(x, name))


# -- every spec --------------------------------------------------------------------------------------------------------


@every_spec
def test_what_goes_in_comes_out(path: Path):
    model = shared(path)
    x = whole(model, real(model, 3))
    condition: dict[str, Any] = {name: torch.from_numpy(v) for name, v in given(model, 3).items()}
    container = model.compress(x, member=model.members - 1, **condition)
    back = model.decompress(container)
    assert back.dtype == x.dtype
    assert torch.equal(back, x)


@every_spec
def test_the_size_is_what_the_model_says(path: Path):
    model = shared(path)
    x = real(model, -(-LEAST // real(model, 1).size))
    assert x.nbytes >= LEAST
    condition = given(model, 1)
    container, summary = Codec(model).compress([item("x.npy", x)], condition)
    with torch.no_grad():
        rows: dict[str, Any] = {name: torch.from_numpy(v).expand(len(x), *v.shape[1:]) for name, v in condition.items()}
        bits = -float(model.log_prob(whole(model, x), **rows).sum()) / math.log(2)
    bits += (
        len(x) * model.spec.members[0].order.given * math.log2(model.spec.data.levels)
    )  # given steps are coded evenly
    assert summary.bits == pytest.approx(bits, rel=1e-9)
    told = sum(v.nbytes for v in condition.values())
    assert len(container) <= bits / 8 * 1.005 + 64 + len("x.npy") + 8 + told
    assert summary.size == len(container)
    assert summary.numbers == len(x) * model.graph.data.out.sites * len(model.graph.head.grain(model.graph.support))


def test_many_files_take_little_more_than_one():
    model = model_of("gated_pixelcnn")
    items = [item(f"{k:02}.npy", np.roll(real(model, 100), k)) for k in range(8)]  # 10,800 bytes each
    container, summary = Codec(model).compress(items)
    assert len(container) <= summary.bits / 8 * 1.005 + 64 + len(items) * (8 + len("00.npy"))


@pytest.mark.parametrize("name", ["made", "gpt", "gated_pixelcnn_class"])
def test_a_batch_of_another_size_decodes_the_same(name: str):
    model = shared(next(p for p in SHIPPED if p.stem == name))
    items = [item(f"{k}.npy", real(model, k)) for k in (3, 0, 1, 7, 2, 5)]
    condition = given(model, len(items))
    container, _ = Codec(model, interleaved=3, batch=1).compress(items, condition)
    again, _ = Codec(model, interleaved=3, batch=100).compress(items, condition)
    assert container == again
    for batch in (1, 4, 100):
        restored = list(Codec(model, interleaved=3, batch=batch).decompress(container))
        assert [each.name for each in restored] == [i.name for i in items]
        for each, i in zip(restored, items, strict=True):
            assert np.array_equal(each.samples, i.media.samples)


def test_float32_models_are_coded_in_float64():
    model = randomised(small(next(p for p in SHIPPED if p.stem == "gated_pixelcnn"))).float()
    x = torch.from_numpy(real(model, 2))
    container = model.compress(x)
    assert model.dtype == torch.float32
    assert torch.equal(model.decompress(container), x)
    assert model.double().compress(x) == container


def test_conditions_are_given_for_all_for_each_file_or_for_each_example():
    model = shared(next(p for p in SHIPPED if p.stem == "gated_pixelcnn_class"))
    codec, x = Codec(model), real(model, 4)
    sizes: set[int] = set()
    for rows in (np.array([1]), np.array([1, 2, 3, 4])):
        container, _ = codec.compress([item("x.npy", x)], {"label": rows})
        assert np.array_equal(next(codec.decompress(container)).samples, x)
        sizes.add(len(container))
    assert len(sizes) == 2
    two = [item("a.npy", x), item("b.npy", x[:2])]
    restored = list(codec.decompress(codec.compress(two, {"label": np.array([7, 9])})[0]))
    assert np.array_equal(restored[1].samples, x[:2])
    for wrong in ({}, {"label": np.array([1, 2, 3])}, {"label": np.array([10])}, {"class": np.array([1])}):
        with pytest.raises(InputError):
            codec.compress(two, wrong)


# -- noise -------------------------------------------------------------------------------------------------------------


def noisy(codec: Codec, noise: Callable[[Tensor], Tensor]) -> Codec:
    """The codec as it decodes on a machine whose parameters differ by so much."""
    model, member = codec.model, codec.member
    real = sampler_of(model, member)

    class Elsewhere:
        def drive(self, n: int, condition: dict[str, Tensor], draw: Any, **more: Any) -> Tensor:
            return real.drive(n, condition, lambda s, p: draw(s, p + noise(p)), **more)

    (kept,) = [key for key, made in model.made.items() if made is real]
    model.made[kept] = Elsewhere()  # in the place of the sampler that is kept
    return codec


def just_under(model: Model, bits: int, seed: int) -> Callable[[Tensor], Tensor]:
    """Noise as large as is allowed, that carries a number of each variable towards the nearest boundary."""
    generator = torch.Generator().manual_seed(seed)
    head, support = model.graph.head, model.graph.support

    def noise(parameters: Tensor) -> Tensor:
        size = parameters.abs().amax(-1, keepdim=True).clamp(min=1) * (2.0**-bits * 0.999)
        sign = torch.randint(2, parameters.shape, generator=generator).double() * 2 - 1
        if head.coded(support, parameters).shape == parameters.shape and support.channels == 1:
            found = Grid(head, support).rounding(parameters)
            nearest = found.away.abs().argmin(-1, keepdim=True)
            to = -found.away.gather(-1, nearest).sign()
            sign = (-to).expand(parameters.shape).clone().scatter(-1, nearest, to)
        return sign * size

    return noise


def model_of(name: str) -> Model:
    return randomised(small(next(p for p in SHIPPED if p.stem == name)))


@pytest.mark.parametrize("name", ["gated_pixelcnn", "parallel_multiscale", "made", "wavenet_mol"])
@pytest.mark.parametrize("bits", [20, 35])
def test_noise_under_the_bound_changes_no_bit(name: str, bits: int):
    model = model_of(name)
    x = real(model, 20)
    container, summary = Codec(model, noise=bits).compress([item("x.npy", x)])
    for seed in range(2):
        codec = noisy(Codec(model_of(name), noise=bits), just_under(model, bits, seed))
        assert np.array_equal(next(codec.decompress(container)).samples, x)
    if bits == 20 and name != "made":
        assert summary.guarded > 0
        assert summary.guard_bytes < 6 * summary.guarded


@pytest.mark.parametrize("name", ["gated_pixelcnn", "parallel_multiscale", "made", "wavenet_mol"])
@pytest.mark.parametrize("size", [1e-3, 1.0])
def test_noise_above_the_bound_is_noticed(name: str, size: float):
    model = model_of(name)
    x = real(model, 40)
    container, _ = Codec(model).compress([item("x.npy", x)])
    generator = torch.Generator().manual_seed(0)
    codec = noisy(
        Codec(model_of(name)), lambda p: size * torch.randn(p.shape, generator=generator, dtype=torch.float64)
    )
    with pytest.raises(DecoderMismatch, match="AR832"):
        list(codec.decompress(container))


def test_a_check_ends_a_lost_decoder_early():
    model = model_of("gated_pixelcnn")
    x = real(model, 200)
    codec = Codec(model, interleaved=8)
    container, _ = codec.compress([item("x.npy", x)])
    done: list[int] = []
    noisy(codec, lambda p: torch.ones_like(p) * torch.arange(p.shape[-1]))
    with pytest.raises(DecoderMismatch, match="AR832"):
        list(codec.decompress(container, progress=done.append))
    assert sum(done) < 0.75 * x.size


def test_parameters_that_are_no_numbers_are_refused():
    model = model_of("gated_pixelcnn")
    with torch.no_grad():
        next(model.parameters()).fill_(float("nan"))
    with pytest.raises(InputError, match="AR831"):
        model.compress(torch.from_numpy(real(model, 1)))


# -- heads -------------------------------------------------------------------------------------------------------------

CASES = [
    *((kind, Support(2, channels)) for kind in HEADS for channels in (1, 2, 3)),
    ("categorical", Support(256, 1)), ("categorical", Support(300, 2)),
    ("logistic_mixture", Support(256, 3)), ("logistic_mixture", Support(65536, 1)),
]  # fmt: skip


@pytest.mark.parametrize("kind, support", CASES, ids=[f"{k}-{s.levels}-{s.channels}" for k, s in CASES])
@pytest.mark.parametrize("scale", [1.0, 6.0])
def test_tables_are_the_heads_probabilities(kind: str, support: Support, scale: float):
    head: Head = HEADS[kind].model_validate({"kind": kind, "from": "x"})
    generator = torch.Generator().manual_seed(1)
    n = 400
    parameters = torch.randn(n, head.parameters(support), generator=generator, dtype=torch.float64) * scale
    uniforms = torch.rand(n, head.uniforms(support), generator=generator, dtype=torch.float64)
    value = head.draw(support, parameters, uniforms, 1.0)
    rounded = Grid(head, support).rounding(parameters).taken().numpy().astype(np.int64)
    assert rounded.shape == (n, len(head.grain(support)))
    place, bits = digits(support.levels, head.digit), np.zeros(n)
    for c in range(support.channels):
        low = np.zeros(n, np.int64)
        for span, digit in zip(place.spans, place.of(value[:, c].numpy()), strict=True):
            table = weights(head, support, rounded, c, value[:, :c].numpy(), low, span, place.radix)
            assert (table >= 0).all() and (table == np.rint(table)).all() and table.sum(1).max() < 2**53
            bits -= np.log2(np.take_along_axis(table, digit[:, None], 1)[:, 0] / table.sum(1))
            low += span * digit
    wanted = -head.log_prob(support, parameters, value).numpy() / math.log(2)
    assert bits.sum() == pytest.approx(wanted.sum(), rel=5e-4)


def test_exponentials_of_whole_numbers():
    x = np.append(np.random.default_rng(0).integers(0, 23 << 24, 20_000), [0, 1, 23 << 24, 1 << 40])
    assert np.abs(integers.exp_minus(x) - np.exp(-np.minimum(x / 2**24, 60)) * 2**31).max() < 4
    y = np.concatenate([x, -x])
    assert np.abs(integers.sigmoid(y) - 2**31 / (1 + np.exp(-np.clip(y / 2**24, -60, 60)))).max() < 4
    assert (integers.sigmoid(x) + integers.sigmoid(-x))[x > 0].tolist() == [1 << 31] * (x > 0).sum()


# -- streams -----------------------------------------------------------------------------------------------------------


def test_symbols_and_checks():
    random = np.random.default_rng(0)
    for _ in range(100):
        n, every = int(random.integers(0, 60)), int(random.integers(1, 9))
        table = (random.integers(0, 5, (n, 4)) * 2.0**30 + 1).astype(np.float64)
        symbols = random.integers(0, 4, n).astype(np.int32)
        writer = SymbolWriter(every)
        for k in range(n):
            writer.put(symbols[k : k + 1], table[k : k + 1])
            writer.pause()
        reader = SymbolReader(writer.done(), every)
        for k in range(n):
            assert reader.take(table[k : k + 1]) == symbols[k]
            reader.pause()


def test_even_numbers():
    random = np.random.default_rng(0)
    counts = random.integers(1, 2 ** random.integers(1, 40, 1000))
    values = (random.random(1000) * counts).astype(np.int64)
    packed = pack_even(values, counts)
    assert np.array_equal(unpack_even(packed, counts), values)
    assert 8 * len(packed) < np.log2(counts).sum() * 1.005 + 64


def test_what_stands_where_does_not_depend_on_the_batch():
    counts = [3, 0, 10, 1, 1, 7]
    for batch in (1, 5, 50):
        found = [share for together in batches(counts, 4, batch) for share in together]
        assert [(s.part, s.first, s.count) for s in found] == [
            (0, 0, 3), (2, 0, 4), (2, 4, 4), (2, 8, 2), (3, 0, 1), (4, 0, 1), (5, 0, 4), (5, 4, 3),
        ]  # fmt: skip
