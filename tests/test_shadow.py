"""The shadow of a forward pass: labels follow memory, nothing is left behind, and what is not seen is named."""

# Where torch keeps hooks and modes has no public name.
# pyright: reportPrivateUsage=false

from __future__ import annotations

import concurrent.futures
import math
import random
import sys
import threading
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

import pytest
import torch
import torch.nn.functional as F
import torch.utils.dlpack as dlpack
from torch import Tensor, nn
from torch.nn.modules import module as _module
from torch.utils import _python_dispatch

from arspec.shadow import Ranks, Trace, elements, trace
from arspec.shadow.memory import ShadowMemory
from arspec.shadow.rules import table


def ranks(run: Callable[[Tensor], Tensor], n: int = 6, *, route_given: bool = False) -> tuple[list[int], Trace]:
    """The highest variable that each element of a result reads (-2: constant); element i of the input is variable i."""
    x = torch.linspace(0.5, 2.0, n)
    found = trace(lambda: run(x), [(x, torch.arange(n))], route_given=route_given)
    return (found.labels(found.output).reshape(-1) - 2).tolist(), found


def test_views_and_writes_in_place_need_no_rule() -> None:
    """A slice of a view of a buffer is written to; labels are found at the right places of the buffer."""

    def run(x: Tensor) -> Tensor:
        buffer = torch.zeros(3, 4)
        buffer.t()[1:3, 0].add_(x[2:4])
        buffer[2].mul_(0).add_(x[5])
        return buffer

    assert ranks(run)[0] == [-2, 2, 3, -2, -2, -2, -2, -2, 5, 5, 5, 5]


def test_the_paths_of_modules_are_those_of_the_author() -> None:
    """The module in which Python reads a value is named by its path, and hooks are gone afterwards."""

    class Inner(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x * x.argmax().item()

    class Outer(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layers = nn.ModuleList([nn.Identity(), Inner()])

        def forward(self, x: Tensor) -> Tensor:
            for layer in self.layers:
                x = layer(x)
            return x

    module = Outer()
    _, found = ranks(module)
    place = found.reads[0].place
    assert (place.module, place.function, place.file) == ("layers.1", "forward", __file__)
    assert not _module._global_forward_hooks
    assert not _module._global_forward_pre_hooks


def test_what_python_reads_labels_all_that_runs_later() -> None:
    """The branch could have gone another way, for which nothing is known."""

    def run(x: Tensor) -> Tensor:
        return x + 1 if x[0] > 0 else x.flip(0)

    got, found = ranks(run)
    assert got == [5] * 6
    assert [(read.how, read.label, read.given) for read in found.reads] == [("item", 2, False)]
    assert ranks(run, route_given=True)[0] == [0, 1, 2, 3, 4, 5]


def test_the_random_state_is_as_an_ordinary_pass_leaves_it() -> None:
    """Tracing draws nothing."""
    torch.manual_seed(0)
    plain = nn.functional.dropout(torch.ones(6)) + torch.rand(6)
    after = torch.rand(3)
    torch.manual_seed(0)
    _, found = ranks(lambda x: nn.functional.dropout(torch.ones(6)) + torch.rand(6))
    assert torch.equal(found.output, plain)
    assert torch.equal(torch.rand(3), after)


def random_view(generator: random.Random, base: Tensor) -> Tensor:
    """A view of a contiguous tensor by a few random steps: dtype, shape, transposition, slices, expansion, overlap."""
    view = base
    for _ in range(generator.randrange(5)):
        way = generator.randrange(7)
        if way == 0 and view.dim() >= 2:
            view = view.transpose(0, generator.randrange(view.dim()))
        elif way == 1 and view.dim() and view.shape[0] > 1:
            start = generator.randrange(view.shape[0])
            view = view[start :: generator.choice([1, 2])]
        elif way == 2 and view.dim() and view.shape[-1] > 1:
            view = view[..., generator.randrange(view.shape[-1]) :: generator.choice([1, 2, 3])]
        elif way == 3 and view.is_contiguous() and view.numel() % 2 == 0:
            view = view.view(-1, 2) if generator.random() < 0.5 else view.view(2, -1)
        elif way == 4 and view.dim() and view.stride(-1) == 1 and view.dtype != torch.uint8:
            view = view.view(generator.choice([torch.uint8, torch.int16]))
        elif way == 5 and view.dim() and view.shape[0]:
            view = view[generator.randrange(view.shape[0])]
        elif way == 6 and view.dim() and view.dim() < 4:
            view = view.unsqueeze(generator.randrange(view.dim()))
    return view


@pytest.mark.parametrize("seed", range(60))
def test_memory_agrees_with_a_label_for_each_byte(seed: int) -> None:
    """Random writes through random views, with labels that are uniform along random axes; every byte is compared."""
    generator = random.Random(seed)
    memory = ShadowMemory(Ranks())
    base = torch.zeros(generator.choice([2, 3, 4]), 4, 6, dtype=generator.choice([torch.int16, torch.float32]))
    size = base.element_size()
    plain, marks = [0] * (base.numel() * size), [False] * (base.numel() * size)

    def places(view: Tensor) -> list[list[int]]:
        own = view.element_size()
        where: Any = torch.zeros(view.shape, dtype=torch.int64) + view.storage_offset()
        for axis, (length, step) in enumerate(zip(view.shape, view.stride())):
            shape = [length if k == axis else 1 for k in range(view.dim())]
            where = where + (torch.arange(length) * step).reshape(shape)
        return [[place * own + byte for byte in range(own)] for place in where.reshape(-1).tolist()]

    for _ in range(12):
        view = base if generator.random() < 0.3 else random_view(generator, base)
        shape = [length if generator.random() < 0.5 else 1 for length in view.shape]
        labels = torch.tensor([generator.randrange(9) for _ in range(math.prod(shape))], dtype=torch.int32)
        masked = labels.reshape(shape) % 2 == 0 if generator.random() < 0.4 else None
        memory.write(view, labels.reshape(shape), masked)
        spread = labels.reshape(shape).expand(view.shape).reshape(-1).tolist()
        for label, bytes_ in zip(spread, places(view)):
            for byte in bytes_:
                plain[byte], marks[byte] = label, masked is not None and label % 2 == 0
        other = random_view(generator, base)
        assert memory.labels(other).shape == other.shape
        assert memory.labels(other).reshape(-1).tolist() == [max(plain[b] for b in own) for own in places(other)]
        masks = memory.masked(other)
        expected = [all(marks[b] for b in own) for own in places(other)]
        assert expected == ([False] * len(expected) if masks is None else masks.reshape(-1).tolist())


def test_labels_that_are_uniform_along_channels_cost_no_more_than_positions() -> None:
    """A wide activation takes one number a position, through views by heads too."""
    memory = ShadowMemory(Ranks())
    wide = torch.zeros(1, 16, 4096)
    memory.write(wide, torch.arange(2, 18, dtype=torch.int32)[None, :, None])
    heads = wide.chunk(4, -1)[1].view(1, 16, 8, 128).transpose(1, 2)
    assert memory.labels(heads).untyped_storage().nbytes() == 16 * 4
    assert memory.labels(heads)[0, 3, :, 5].tolist() == list(range(2, 18))


def test_labels_that_are_equal_for_all_heads_are_held_once() -> None:
    """Scores of eight heads, and a mask that all share, take one number a pair of places, until a head differs."""
    memory = ShadowMemory(Ranks())
    scores, pairs = torch.zeros(2, 4, 16, 16), torch.arange(256, dtype=torch.int32).reshape(16, 16)
    memory.write(scores, pairs, pairs > 9)
    for view in (scores, scores[1, 2], scores.view(8, 16, 16)[3:5].mT, scores.flatten(1, 2)[:, 5:9]):
        assert memory.labels(view).untyped_storage().nbytes() == 256 * 4
    assert torch.equal(memory.labels(scores.flatten(1, 2)[:, 21:23])[1], pairs[5:7])
    memory.write(scores[1, 3, 2], torch.tensor(7, dtype=torch.int32))
    assert memory.labels(scores)[1, 3, 2].tolist() == [7] * 16
    assert torch.equal(memory.labels(scores)[1, 2], pairs)
    marks = memory.masked(scores)
    assert marks is not None
    assert torch.equal(marks[0, 3], pairs > 9)


@pytest.mark.parametrize("heads", [1, 2])
def test_a_mask_cuts_for_all_heads_or_for_those_that_it_cuts(heads: int) -> None:
    """Large scores are looked at head by head. One has a score that outweighs the mask, where it reads its own row."""
    n = 260

    def run(x: Tensor) -> Tensor:
        scores = (x[:, None] + x)[None].repeat(heads, 1, 1) * 1e-3
        heavy = torch.zeros(heads, n, n)
        heavy[heads - 1, :, n - 1] = 1e5
        mask = torch.full((n, n), -1e5).triu(1)
        return (scores + heavy + mask).softmax(-1)

    labels, _ = ranks(lambda x: run(x), n)
    found = torch.tensor(labels).reshape(heads, n, n)
    causal = torch.arange(n)[:, None].expand(n, n).tril() + torch.full((n, n), -2).triu(1)
    causal[0, 0] = -2  # the one score that is left weighs one
    expected = causal.expand(heads, n, n).clone()
    expected[-1] = n - 1
    assert torch.equal(found[:-1], expected[:-1])
    assert int(found[-1, 5, n - 1]) == n - 1


def test_a_one_hot_code_of_known_width_reads_each_number_alone() -> None:
    """torch looks at the least and the greatest number to refuse wrong ones; a width that data set is read by all."""

    def code(width: int) -> Callable[[Tensor], Tensor]:
        return lambda x: torch.nn.functional.one_hot(x.long(), width).amax(-1)

    own, found = ranks(code(4))
    assert own == list(range(6)) and not found.reads
    assert ranks(code(-1))[0] == [5] * 6
    assert torch.nn.functional.one_hot.__name__ == "one_hot"


def surroundings() -> dict[str, object]:
    """What a pass wraps, and where torch keeps hooks and modes."""
    found: dict[str, object] = {}
    for owner in (Tensor, torch, torch.UntypedStorage, threading.Thread, torch.nn.functional, dlpack):
        found.update({f"{owner}.{name}": value for name, value in vars(owner).items()})
    for name in ("ThreadPoolExecutor", "ProcessPoolExecutor"):
        found[name] = getattr(concurrent.futures, name).submit
    found["modes"] = _python_dispatch._get_current_dispatch_mode_stack()
    found["hooks"] = (dict(_module._global_forward_hooks), dict(_module._global_forward_pre_hooks))
    return found


@pytest.mark.parametrize("fails", [False, True])
def test_nothing_is_left_behind(fails: bool) -> None:
    """All that was wrapped is as before, after a pass that raised too, and the module holds no hook."""
    module = nn.Sequential(nn.Linear(6, 6), nn.Dropout())
    state = {name: value.clone() for name, value in module.state_dict().items()}
    before = surroundings()

    def run(x: Tensor) -> Tensor:
        y = module(x)
        assert Tensor.tolist is not before[f"{Tensor}.tolist"] if f"{Tensor}.tolist" in before else True
        if fails:
            raise KeyError("mine")
        return y

    if fails:
        with pytest.raises(KeyError, match="mine"):
            ranks(run)
    else:
        ranks(run)
    after = surroundings()
    assert before.keys() == after.keys()
    assert all(before[name] is after[name] or before[name] == after[name] for name in before if "__" not in name)
    assert not module._forward_hooks
    assert all(torch.equal(value, module.state_dict()[name]) for name, value in state.items())


def test_a_kernel_that_writes_by_itself_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """A Triton kernel writes where no operator is seen: its launch is told."""

    class JITFunction:
        def run(self, x: Tensor) -> None:
            x.data_ptr()

    monkeypatch.setitem(sys.modules, "triton.runtime.jit", cast(Any, SimpleNamespace(JITFunction=JITFunction)))

    def run(x: Tensor) -> Tensor:
        JITFunction().run(torch.zeros(3))
        return x

    _, found = ranks(run)
    assert [(one.what, one.place.function) for one in found.unseen] == [("a Triton kernel", "run")]


def test_gradients_may_be_on_or_off_and_inference_mode_too() -> None:
    """Labels do not depend on it, and gradients flow as they do without a trace."""
    layer = nn.Linear(1, 3)

    def run(x: Tensor) -> Tensor:
        return torch.einsum("tk,tk->t", layer(x[:, None]), layer(x[:, None])).reshape(6)

    with torch.no_grad():
        off, _ = ranks(run)
    with torch.inference_mode():
        inference, _ = ranks(run)
    on, found = ranks(run)
    assert off == on == inference == list(range(6))
    found.output.sum().backward()
    assert layer.weight.grad is not None


def test_a_storage_that_is_freed_loses_its_labels() -> None:
    """Planes of labels go with their storages, so that a long pass does not keep them."""
    memory = ShadowMemory(Ranks())
    for _ in range(2000):
        memory.write(torch.zeros(64), torch.arange(2, 66, dtype=torch.int32))
    assert len(memory._planes) < 600
    fresh = torch.zeros(64)
    assert memory.labels(fresh).tolist() == [0] * 64


def test_a_read_says_how_and_where() -> None:
    """Each way by which a value leaves tensors has a name, its label and the author's line."""

    def run(x: Tensor) -> Tensor:
        x[3:4].tolist()
        x[2:4].numpy()
        return x

    _, found = ranks(run)
    assert [(read.how, read.label - 2, read.place.function) for read in found.reads] == [
        ("tolist", 3, "run"),
        ("numpy", 3, "run"),
    ]


def test_zeros_of_chance_and_of_empty_memory_do_not_cut() -> None:
    """Only zeros that are the same in every pass cut: a mask does, dropout and fresh memory do not."""

    def run(x: Tensor) -> Tensor:
        mask = torch.arange(6) < 3
        torch.manual_seed(0)
        chance = torch.zeros(6).bernoulli_(0.0)
        fresh = torch.empty(2, 6)
        fresh[0] = 0.0
        return torch.stack([x * mask, x * chance, x * fresh[1]])

    assert ranks(run)[0] == [0, 1, 2, -2, -2, -2, *range(6), *range(6)]


def test_an_operator_without_a_rule_is_read_by_the_reference_of_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    """Torch says what it could be made of: labels of that are labels of the operator, and it isn't called opaque."""

    def run(x: Tensor) -> Tensor:
        return F.glu(torch.cat([x, x.flip(0)]), 0)

    expected = ranks(run)[0]
    monkeypatch.delitem(table._RULES, "glu")
    labels, found = ranks(run)
    assert labels == expected == [5, 4, 3, 3, 4, 5]
    assert not found.opaque


def test_a_rule_that_fails_is_no_rule(monkeypatch: pytest.MonkeyPatch) -> None:
    """The operator reads all that it was given, and is named with what the rule raised."""

    def broken(call: object) -> Tensor:
        raise ZeroDivisionError("a bug")

    monkeypatch.setitem(table._RULES, "flip", broken)
    labels, found = ranks(lambda x: x[1:4].flip(0))
    assert labels == [3, 3, 3]
    assert "ZeroDivisionError: a bug" in found.opaque[0].operator


def test_places_that_overlap_have_all_labels_that_may_have_been_written() -> None:
    """Which of several elements is written last to one place is not said."""
    memory = ShadowMemory(Ranks())
    base = torch.zeros(4)
    memory.write(base.as_strided((3, 2), (1, 1)), torch.tensor([[7, 2], [3, 4], [5, 6]], dtype=torch.int32))
    assert memory.labels(base).tolist() == [7, 7, 7, 7]


MOVES: dict[str, Callable[[Tensor], Tensor]] = {
    "padded": lambda h: F.pad(h, (0, 0, 0, 0, 1, 2)),
    "padded by reflection": lambda h: F.pad(h.movedim(1, -1).flatten(0, 1), (2, 1), mode="reflect").movedim(-1, 1),
    "joined": lambda h: torch.cat([torch.zeros(1, 1, 3, 4), h], 1),
    "rolled": lambda h: h.roll(1, 1),
    "turned": lambda h: h.flip(1),
    "chosen": lambda h: h.index_select(1, torch.tensor([3, 0, 1])),
    "put in": lambda h: torch.slice_scatter(torch.zeros(1, 8, 3, 4), h, 1, 1, 7),
}


@pytest.mark.parametrize("name", MOVES)
def test_what_moves_along_one_axis_keeps_labels_that_are_alike_along_others(name: str) -> None:
    """Channels of a position have its label once, before and behind: else all that follows would cost more."""
    found = ranks(lambda x: MOVES[name](x.reshape(1, 6, 1, 1) * torch.ones(3, 4)))[1]
    labels = found.labels(found.output)
    sizes = [labels.size(k) for k in range(labels.dim()) if labels.stride(k) != 0]
    plain = MOVES[name](torch.arange(2.0, 8.0).reshape(1, 6, 1, 1).expand(1, 6, 3, 4))
    assert labels.tolist() == plain.tolist()
    assert math.prod(sizes) == labels.shape[1]


NUMBERS = [0.0, -0.0, 1.0, -3.0, math.inf, -math.inf, math.nan, 2.0]


@pytest.mark.parametrize(
    "dtype", [torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.int32, torch.bool]
)
def test_tests_of_elements_are_those_of_torch(dtype: torch.dtype) -> None:
    """Of every type, of single elements, of tensors that are laid out in other ways, and of those with a negative
    bit."""
    value = torch.tensor(NUMBERS if dtype.is_floating_point else [0, 1, 2, 3, 0, 1, -2, 5]).to(dtype)
    other = value.roll(1)
    laid = [value, value.reshape(2, 4).t(), value[:1].expand(3), value[2], value[:0], value[::2]]
    if dtype == torch.float32:
        laid.append(torch.complex(other, value).conj().imag)
    for one in laid:
        two = one.flip(0) if one.dim() else other[0]
        assert torch.equal(elements.differs(one, two), one != two)
        assert torch.equal(elements.is_finite(one), one.isfinite())
        assert elements.all_finite(one) == bool(one.isfinite().all())
        for number in (0, 1, -1e4):
            assert torch.equal(elements.equals(one, number), one == number)
            assert torch.equal(elements.greater(one, number), one > number)
            assert torch.equal(elements.at_most(one, number), one <= number)


@pytest.mark.parametrize("shape", [(7,), (3, 16, 5), (1, 257)])
def test_running_labels_are_the_highest_so_far(shape: tuple[int, ...]) -> None:
    """Along every axis, of labels in any order and of those that rise already."""
    generator = torch.Generator().manual_seed(0)
    labels = torch.randint(0, 50, shape, generator=generator, dtype=torch.int32)
    for axis in range(len(shape)):
        for values in (labels, labels.sort(axis).values, labels.movedim(0, -1).contiguous().movedim(-1, 0)):
            assert torch.equal(Ranks().running(values, axis), values.cummax(axis).values)
