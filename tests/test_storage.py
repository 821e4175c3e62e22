"""Weights in fewer bits while drawing: what is computed with them, by the compiled function and without it."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import torch

from arspec.cli.main import main
from arspec.language.load import from_text
from arspec.model import Model, build
from arspec.sampler.drive.sampler import sampler_of
from arspec.sampler.run import skinny_matmul
from arspec.sampler.run.kernel import kernel
from arspec.sampler.run.skinny_matmul import KernelProduct, Storage, products, stored_as
from tests.small import CHARS, random_data, refuses

KINDS: list[Storage] = ["bfloat16", "int8"]
CLOSE = {"bfloat16": 0.02, "int8": 0.05}  # of logits of about one


@pytest.fixture
def none_small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every weight is stored so, however small."""
    monkeypatch.setattr(skinny_matmul, "SMALL", 0)


def restored(weight: torch.Tensor, storage: Storage) -> torch.Tensor:
    """The numbers that a stored weight stands for."""
    if storage == "bfloat16":
        return weight.bfloat16().to(weight.dtype)
    scale = weight.abs().amax(1, keepdim=True) / 127
    return (weight / scale).round() * scale


@pytest.mark.parametrize("storage", KINDS)
@pytest.mark.parametrize(("outputs", "inputs"), [(300, 200), (257, 130), (16, 2100), (1, 40000)])
def test_a_product_is_one_with_the_stored_weight(outputs: int, inputs: int, storage: Storage) -> None:
    generator = torch.Generator().manual_seed(0)
    weight, bias = torch.randn(outputs, inputs, generator=generator), torch.randn(outputs, generator=generator)
    (without,) = products([[{"weight": weight.double(), "bias": bias.double()}]], storage=storage)
    compiled = kernel()
    for rows in (1, 2, 3, 8, 17):
        x, plus = torch.randn(1, rows, inputs, generator=generator), torch.randn(1, rows, outputs, generator=generator)
        wanted = x.double() @ restored(weight.double(), storage).T + bias + plus
        torch.testing.assert_close(without(x.double(), plus.double()), wanted, rtol=1e-9, atol=1e-9)
        wanted = x.double() @ restored(weight, storage).double().T + bias + plus
        if compiled is not None:
            made = KernelProduct([{"weight": weight, "bias": bias}], compiled, storage)
            torch.testing.assert_close(made(x, plus).double(), wanted, rtol=1e-4, atol=1e-4 * inputs**0.5)
            halves = [x[..., : inputs // 2], x[..., inputs // 2 :]]
            torch.testing.assert_close(made.over(halves, plus).double(), wanted, rtol=1e-4, atol=1e-4 * inputs**0.5)


def test_what_is_stored_takes_fewer_bytes_and_nothing_else_is_kept() -> None:
    compiled = kernel()
    if compiled is None:
        pytest.skip("no compiler")
    weight = torch.randn(512, 256)
    kinds: list[tuple[Storage, int]] = [("bfloat16", 2), ("int8", 1)]
    for storage, size in kinds:
        made = KernelProduct([{"weight": weight}], compiled, storage)
        ((values, bias, scale),) = made.held
        assert values.nbytes == weight.numel() * size and bias is None
        assert scale is None if storage == "bfloat16" else scale is not None and scale.numel() == 512


def test_small_weights_stay_as_they_are() -> None:
    assert stored_as(torch.randn(8, 8), "int8") is None
    assert stored_as(torch.randn(1 << 9, 1 << 9), "exact") is None


def test_a_row_of_zeros_and_one_of_large_numbers_keep_their_values(none_small: None) -> None:
    weight = torch.tensor([[0.0, 0.0], [1e30, -1e30], [1e-30, 0.0]])
    stored = stored_as(weight, "int8")
    assert stored is not None and stored[1] is not None
    torch.testing.assert_close(stored[0] * stored[1][:, None], weight)


def model(dtype: torch.dtype) -> Model:
    made = build(from_text(CHARS), seed=3).to(dtype).eval()
    with torch.no_grad():
        for weight in made.parameters():
            weight.mul_(2)
        made.get_parameter("nodes.mixed.weight")[..., 2] = 0  # which its mask hides
    return made


@pytest.mark.parametrize("storage", KINDS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_samples_are_those_of_a_model_with_these_weights(
    none_small: None, dtype: torch.dtype, storage: Storage
) -> None:
    own = model(dtype)
    other = copy.deepcopy(own)
    with torch.no_grad():
        for name, weight in other.named_parameters():
            if weight.ndim == 3 and "tokens" not in name:  # of a convolution, by whose rows the outputs come
                weight.copy_(restored(weight.flatten(1), storage).view_as(weight))
    x = random_data(own, 5)
    wanted, found = other(x), sampler_of(own, storage=storage).replay(x, {})
    torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-4)
    apart = (own(x) - found).abs().max().item()
    assert 0 < apart < CLOSE[storage] * 4
    assert torch.equal(own.sample(4, seed=1, weights=storage), other.sample(4, seed=1))
    streamed = torch.cat([*own.stream(4, steps=8, seed=1, weights=storage)], 1)
    assert torch.equal(streamed, own.sample(4, seed=1, weights=storage))


def test_likelihoods_and_exact_samples_stay(none_small: None) -> None:
    own = model(torch.float32)
    x = random_data(own, 3)
    before, samples = own.log_prob(x), own.sample(3, seed=0)
    own.sample(3, seed=0, weights="int8")
    assert torch.equal(own.log_prob(x), before) and torch.equal(own.sample(3, seed=0), samples)


def test_weights_that_change_are_stored_anew(none_small: None) -> None:
    own = model(torch.float32)
    x = random_data(own, 2)
    first = sampler_of(own, storage="int8").replay(x, {})
    with torch.no_grad():
        own.get_parameter("nodes.logits.weight").mul_(3)
    assert not torch.allclose(sampler_of(own, storage="int8").replay(x, {}), first, atol=1e-2)


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        ({"weights": "int4"}, "AR808", "weights are stored as exact, bfloat16, int8; 'int4' came"),
        ({"weights": "int8", "method": "fixed-point"}, "AR808", "samples by fixed points"),
    ],
)
def test_what_there_is_not_is_refused(options: dict[str, Any], code: str, words: str) -> None:
    own = model(torch.float32)
    refuses(code, lambda: own.sample(1, **options), words)
    if "method" not in options:
        refuses(code, lambda: next(own.stream(1, steps=4, **options)), words)
    else:
        refuses("AR823", lambda: next(own.stream(1, steps=4, weights="int8", compiled=True)), "not compiled")


def test_the_command_takes_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spec = tmp_path / "mine.yaml"
    spec.write_text(CHARS)
    for weights in ("exact", "bfloat16", "int8"):
        assert main(["sample", str(spec), "-n", "1", "-o", str(tmp_path / "a.txt"), "--weights", weights]) == 0
    assert main(["sample", str(spec), "-n", "1", "-o", str(tmp_path / "a.txt"), "--weights", "4"]) == 2
    assert "AR808" in capsys.readouterr().err
