"""What is kept of weights (folded, packed, prepared) is good for just as long as their numbers stay as they are."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn.utils import parametrize

from arspec.codec.codec import Codec, Item
from arspec.codec.media import ARRAY, array
from arspec.language.load import from_text
from arspec.model import Model, build
from arspec.network.fingerprint import fingerprint, fingerprint_of, mixed
from arspec.sampler.drive.method import choose
from arspec.sampler.run import executor

TEXT = """arspec: 1
data: {kind: sequence, length: 12, levels: 5}
graph:
  e: {layer: embedding, from: x, out: 6}
  s: {layer: shift, steps: 1}
  c: {layer: conv, kernel: 3, padding: causal, out: 6}
  n: {layer: norm}
  t: {layer: tanh}
  logits: {layer: conv, out: $head}
head: {kind: categorical, from: logits}
"""


def model_of(seed: int = 1) -> Model:
    return build(from_text(TEXT), seed).double().eval()


def other(model: Model) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(9)
    return {k: torch.randn(v.shape, generator=generator, dtype=v.dtype) for k, v in model.state_dict().items()}


# -- ways in which weights change --------------------------------------------------------------------------------------


def by_data_copy(model: Model, path: Path) -> None:
    new = other(model)
    for name, parameter in model.named_parameters():
        parameter.data.copy_(new[name])


def by_data_in_place(model: Model, path: Path) -> None:
    for parameter in model.parameters():
        parameter.data.mul_(3).add_(0.5)


def by_new_data(model: Model, path: Path) -> None:
    new = other(model)
    for name, parameter in model.named_parameters():
        parameter.data = new[name]


def by_no_grad(model: Model, path: Path) -> None:
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.neg_()


def by_load(model: Model, path: Path) -> None:
    model.load_state_dict(other(model))


def by_assignment(model: Model, path: Path) -> None:
    model.load_state_dict(other(model), assign=True)


def by_swapped_parameters(model: Model, path: Path) -> None:
    new = other(model)
    for module_name, module in model.named_modules():
        for name in list(module._parameters):
            setattr(module, name, nn.Parameter(new[f"{module_name}.{name}"]))


def by_storage(model: Model, path: Path) -> None:
    new = other(model)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter.set_(new[name].untyped_storage(), 0, parameter.shape, parameter.stride())


def by_file(model: Model, path: Path) -> None:
    save_file(other(model), path / "w.safetensors")
    for name, value in load_file(path / "w.safetensors").items():
        model.get_parameter(name).data = value


def by_numpy(model: Model, path: Path) -> None:
    for parameter in model.parameters():
        parameter.detach().numpy()[...] += 0.25


def by_one_number(model: Model, path: Path) -> None:
    next(iter(model.parameters())).data.view(-1)[-1] += 7


def by_a_swap(model: Model, path: Path) -> None:
    weight = model.get_parameter("nodes.c.weight").data
    weight.copy_(weight.flatten().flip(0).view(weight.shape))


class Doubled(nn.Module):
    def forward(self, weight: Tensor) -> Tensor:
        return 2 * weight


def by_parametrisation(model: Model, path: Path) -> None:
    parametrize.register_parametrization(model.get_submodule("nodes.c"), "weight", Doubled())


WAYS: list[Callable[[Model, Path], None]] = [
    by_data_copy, by_data_in_place, by_new_data, by_no_grad, by_load, by_assignment, by_swapped_parameters, by_storage,
    by_file, by_numpy, by_one_number, by_a_swap, by_parametrisation,
]  # fmt: skip
every_way = pytest.mark.parametrize("change", WAYS, ids=lambda way: way.__name__)


def fresh(model: Model) -> Model:
    found = model_of(2)
    found.load_state_dict({name: value.detach().clone() for name, value in model.weights().items()})
    return found


@every_way
@pytest.mark.parametrize("method", ["once", "depth", "fixed-point", "auto"])
def test_samples_follow_the_weights(change: Any, method: str, tmp_path: Path) -> None:
    model = model_of()
    before = model.sample(32, seed=3, method=method)
    change(model, tmp_path)
    after, wanted = model.sample(32, seed=3, method=method), fresh(model).sample(32, seed=3, method=method)
    assert torch.equal(after, wanted) and not torch.equal(after, before)
    torch.testing.assert_close(model.log_prob(after), fresh(model).log_prob(after))


@every_way
def test_streams_completions_and_codes_follow_the_weights(change: Any, tmp_path: Path) -> None:
    model = model_of()
    known = torch.arange(12) < 4
    x = model.sample(3, seed=1)

    def drawn(of: Model) -> list[Tensor]:
        return [
            torch.cat(list(of.stream(2, steps=40, seed=2)), 1),
            of.complete(x, known, seed=4),
            of.complete(x, ~known, how="particles", particles=4, seed=4),
        ]

    codec = Codec(model)
    drawn(model)
    model.compress(x)
    change(model, tmp_path)
    for got, wanted in zip(drawn(model), drawn(fresh(model)), strict=True):
        assert torch.equal(got, wanted)
    assert model.compress(x) == fresh(model).compress(x)
    assert torch.equal(fresh(model).decompress(model.compress(x)), x)
    # one that was made before codes by the new numbers as well, and says so
    item = Item("x", ARRAY, array.of_array(x.numpy(), "x"))
    packed, _ = codec.compress([item])
    assert packed == Codec(fresh(model)).compress([item])[0]
    assert np.array_equal(next(iter(Codec(fresh(model)).decompress(packed))).samples, x.numpy())


@every_way
def test_held_weights_follow_whatever_changed_them(change: Any, tmp_path: Path) -> None:
    model = model_of()
    x = model.sample(2, seed=1)
    with torch.no_grad(), model.held():
        before = model(x)
        assert torch.equal(model(x), before)
        change(model, tmp_path)
        after = model(x)
        with model.held(watched=False):
            assert torch.equal(model(x), after)
    with torch.no_grad():
        assert torch.equal(after, fresh(model)(x)) and not torch.equal(after, before)


# -- what is done again, and what is not -------------------------------------------------------------------------------


def test_weights_are_folded_once_as_long_as_they_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[object] = []
    fold = executor.Executor._prepared

    def counted(self: Any, part: Any) -> Any:
        made.append(part)
        return fold(self, part)

    monkeypatch.setattr(executor.Executor, "_prepared", counted)
    model = model_of()
    model.sample(2, method="once")
    first = len(made)
    assert first
    model.sample(2, method="once")
    for parameter in model.parameters():  # the same numbers again
        parameter.data.copy_(parameter.data.clone())
    model.sample(3, seed=4, method="once")
    assert len(made) == first
    model.get_parameter("nodes.c.bias").data[0] += 1
    model.sample(2, method="once")
    assert len(made) == 2 * first


def test_weights_are_read_once_a_call(monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[Model] = []

    def counted(model: Model, *in_place: frozenset[int]) -> Any:
        looks.append(model)
        return fingerprint_of(model, *in_place)

    for place in ("sampler.drive.method", "sampler.drive.sampler", "sampler.drive.stream"):
        monkeypatch.setattr(f"arspec.{place}.fingerprint_of", counted)
    model = model_of()
    choose(model, 2)
    model.sample(2)
    for call in (lambda: model.sample(2), lambda: list(model.stream(2, steps=200, chunk=8))):
        looks.clear()
        call()
        assert len(looks) == 1


def test_a_choice_of_method_is_kept_until_the_numbers_change() -> None:
    model = model_of()
    kept = choose(model, 4)
    assert choose(model, 4) is kept
    model.get_parameter("nodes.c.weight").data.mul_(2)
    assert choose(model, 4) is not kept


# -- the fingerprint itself --------------------------------------------------------------------------------------------


def on_cpu(*tensors: Tensor) -> Any:
    return fingerprint([(tensor, False) for tensor in tensors])


def by_words(*tensors: Tensor) -> Any:
    return mixed(tensors)


@pytest.mark.parametrize("of", [on_cpu, by_words])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16, torch.bool])
def test_every_change_of_the_bytes_is_seen(of: Callable[..., Any], dtype: torch.dtype) -> None:
    generator = np.random.default_rng(0)
    size = 61
    raw = generator.integers(0, 2 if dtype == torch.bool else 256, size * dtype.itemsize, np.uint8)
    seen = {of(torch.from_numpy(raw.copy()).view(dtype))}
    count = 1

    def look(*arrays: Any) -> None:
        nonlocal count
        seen.add(of(*(torch.from_numpy(np.ascontiguousarray(a)).view(torch.uint8).view(dtype) for a in arrays)))
        count += 1

    words = raw.reshape(size, -1)
    for k in range(len(raw)):
        one = raw.copy()
        one[k] ^= 1
        look(one)
    if dtype != torch.bool:
        for k in range(len(raw) - 1):  # the same bits of two bytes: signs of two numbers, sums that cancel
            two = raw.copy()
            two[k : k + 2] ^= 128
            look(two)
    for k in range(size - 1):
        if not np.array_equal(words[k], words[k + 1]):
            swapped = words.copy()
            swapped[[k, k + 1]] = words[[k + 1, k]]
            look(swapped.ravel())
    look(words[::-1].ravel())
    look(np.roll(words, 1, 0).ravel())
    assert len(seen) == count


@pytest.mark.parametrize("of", [on_cpu, by_words])
def test_changes_that_cancel_in_a_sum_are_seen(of: Callable[..., Any]) -> None:
    x = torch.randn(64, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    whole = torch.arange(64)
    seen = {of(x), of(-x), of(x.flip(0)), of(x.roll(8)), of(x.abs()), of(torch.zeros_like(x)), of(x * 2)}
    assert len(seen) == 7
    assert (
        len({of(whole + a * (whole == i) - a * (whole == j)) for a in (1, 1 << 62) for i in range(8) for j in range(i)})
        == 56
    )
    assert of(x[:32], x[32:]) != of(x[32:], x[:32])


def test_changes_are_seen_in_every_piece(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("arspec.network.fingerprint.AT_ONCE", 16)
    tensors = [torch.arange(k + 1.0) for k in range(9)]
    seen = {mixed(tensors), mixed(tensors[::-1])}
    for tensor in tensors:
        for k in range(len(tensor)):
            tensor[k] += 1
            seen.add(mixed(tensors))
            tensor[k] -= 1
    assert len(seen) == 2 + sum(map(len, tensors))


def test_place_counts_where_a_weight_is_stored() -> None:
    x = torch.randn(4)
    assert fingerprint([(x, True)]) != fingerprint([(x.clone(), True)])
    assert fingerprint([(x, False)]) == fingerprint([(x.clone(), False)])
    assert fingerprint([(x.view(2, 2).t(), False)]) != fingerprint([(x.view(2, 2), False)])
