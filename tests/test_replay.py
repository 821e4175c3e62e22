"""Steps of a class that ran before are calls of machine code, which draw to the bit what the instructions draw."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from arspec.language.load import from_text
from arspec.model import Model
from arspec.sampler.drive.sampler import sampler_of
from arspec.sampler.run import executor
from arspec.sampler.run.cut import Cut
from arspec.sampler.run.instructions import Registers
from arspec.sampler.run.kernel import kernel
from arspec.sampler.run.kernel_calls import call, kept_calls
from arspec.sampler.run.replay import Replay, Watch, replay_of
from arspec.sampler.run.skinny_matmul import KernelProduct
from arspec.verification.subject import random_conditions
from tests.small import randomised, small

ROOT = Path(__file__).parent.parent
pytestmark = pytest.mark.skipif(kernel() is None, reason="no C++ compiler")
NEVER = 1 << 30

SEQUENCE = """arspec: 1
name: sequence
data: {kind: sequence, length: 20, levels: 7, given: 1, start: 0}
graph:
  tokens: {layer: embedding, from: x, out: 16}
  n: {layer: norm, kind: rms}
  q: {layer: conv, out: 16}
  k: {layer: conv, from: n, out: 8}
  v: {layer: conv, from: n, out: 8}
  q_turned: {layer: rotary, from: q, heads: 4}
  k_turned: {layer: rotary, from: k, heads: 2}
  seen: {layer: attention, from: q_turned, keys: k_turned, values: v, heads: 4, kv_heads: 2, mask: so_far}
  o: {layer: conv, out: 16}
  on: {layer: add, from: [o, tokens]}
  up: {layer: conv, from: on, out: 24}
  gate: {layer: conv, from: on, out: 24}
  open: {layer: silu}
  both: {layer: multiply, from: [open, up]}
  down: {layer: conv, out: 16}
  last: {layer: add, from: [down, on]}
  LAYER
  next: {layer: conv, out: $head}
  logits: {layer: shift, steps: 1}
head: {kind: categorical, from: logits}
"""


@pytest.fixture(autouse=True)
def busy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("arspec.sampler.run.skinny_matmul.BUSY", 0)


@pytest.fixture
def replays(monkeypatch: pytest.MonkeyPatch) -> list[Replay | None]:
    """Those that were made."""
    found: list[Replay | None] = []

    def watched(cut: Cut, r: Registers, first: int) -> Replay | None:
        found.append(replay_of(cut, r, first))
        return found[-1]

    monkeypatch.setattr(executor, "replay_of", watched)
    return found


def sequence(layer: str = "", **more: Any) -> Model:
    return randomised(from_text(SEQUENCE.replace("LAYER", layer), **more))


def instructions(replay: Replay | None) -> list[str]:
    assert replay is not None
    return [type(each.instruction).__name__ for each in replay.segments if each.instruction is not None]


def test_a_step_is_calls_and_what_torch_computes(replays: list[Replay | None]) -> None:
    model = sequence()
    model.sample(3, seed=1, method="once")
    (own,) = replays
    assert own is not None
    assert instructions(own) == ["Gather", "Compute", "Linear"]  # the data, an embedding, and what draws are made from
    assert [len(each.calls) for each in own.segments] == [0, 0, 11, 0]
    assert own.segments[2].copied == []


@pytest.mark.parametrize("path", sorted((ROOT / "specs").glob("*.yaml")), ids=lambda path: path.stem)
def test_replays_draw_the_same(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found: list[tuple[Tensor, Tensor]] = []
    for warm in (NEVER, 1):
        monkeypatch.setattr(executor, "WARM", warm)
        model = randomised(small(path))
        given = random_conditions(model, 0, 3)
        x = model.sample(3, seed=3, method="once", **given)
        found.append((x, sampler_of(model).replay(x, given)))
    assert torch.equal(found[0][0], found[1][0]) and torch.equal(found[0][1], found[1][1])


ODD = ["odd: {layer: tanh}", "odd: {layer: norm, kind: rms, heads: 4}",
       "odd: {layer: conv, kernel: 3, mask: so_far, depthwise: true, out: 16}"]  # fmt: skip


@pytest.mark.parametrize("layer", ODD)
@pytest.mark.parametrize("chunk", [1, 4, 64])
def test_streams_in_pieces_are_the_same(layer: str, chunk: int, monkeypatch: pytest.MonkeyPatch) -> None:
    found: list[Tensor] = []
    for warm in (NEVER, 2):
        monkeypatch.setattr(executor, "WARM", warm)
        model = sequence(layer)
        how: dict[str, Any] = {"steps": 20, "seed": 2, "chunk": chunk, "prefix": torch.arange(4) % 7}
        found.append(torch.cat([*model.stream(3, **how)], 1))
    assert torch.equal(*found)


SEVERAL = """arspec: 1
name: several
data: {kind: image, height: 8, width: 4, levels: 5}
order: {scan: raster}
blocks:
  pair:
    inputs: {x: what is multiplied}
    nodes:
      a: {layer: conv, from: x, kernel: 1, out: 8}
      b: {layer: conv, from: x, kernel: 1, out: 8}
      a_on: {layer: conv, from: a, kernel: 1, out: 8}
      b_on: {layer: conv, from: b, kernel: 1, out: 8}
      both: {layer: multiply, from: [a_on, b_on]}
      n: {layer: norm, kind: rms}
    outputs: {x: n}
graph:
  scaled: {layer: scale, from: x}
  above: {layer: conv, from: scaled, kernel: [3, 5], out: 8, mask: rows_above}
  body: {block: pair, from: {x: above}, repeat: 4}
  left: {layer: conv, from: scaled, kernel: [1, 3], out: 8, mask: earlier}
  sum: {layer: add, from: [body.x, left]}
  logits: {layer: conv, kernel: 1, out: $head}
head: {kind: categorical, from: logits}
"""


@pytest.mark.parametrize("batch", [1, 2])
def test_rows_that_are_copied_to_lie_evenly_are_copied_again(batch: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Several sites of one of two layers that are one product: their rows are copied before they are multiplied."""
    found: list[tuple[Tensor, Tensor]] = []
    for warm in (NEVER, 1):
        monkeypatch.setattr(executor, "WARM", warm)
        model = randomised(from_text(SEVERAL))
        x = model.sample(batch, seed=3, method="once")
        found.append((x, sampler_of(model).replay(x, {})))
    assert torch.equal(found[0][0], found[1][0]) and torch.equal(found[0][1], found[1][1])


def halves(x: Tensor) -> list[Tensor]:
    return list(x.split(1, 1))


COPIES: list[Callable[[Tensor], object]] = [
    lambda x: x.contiguous(), lambda x: x.flatten(1), lambda x: x.reshape(2, 12), lambda x: x.float(),
    lambda x: x.narrow(1, 0, 2).contiguous(), lambda x: x + 1, lambda x: x[0, 0, 0].item(), lambda x: x.copy_(x),
]  # fmt: skip
VIEWS: list[Callable[[Tensor], object]] = [
    lambda x: x.contiguous(), lambda x: x.flatten(1), lambda x: x.double(), lambda x: x.narrow(1, 0, 2), halves,
    lambda x: x[:, 1].view(2, 2, -1), lambda x: x.transpose(1, 2), lambda x: x.new_empty(3).view(3, 1),
]  # fmt: skip


def test_a_view_that_is_a_copy_is_computed() -> None:
    with torch.inference_mode():
        x = torch.zeros(2, 3, 4, dtype=torch.float64)
        for computes, acts, on in ((True, COPIES, x.transpose(1, 2)), (False, VIEWS, x)):
            for act in acts:
                with Watch() as watch:
                    act(on)
                assert watch.computes is computes


def test_a_step_of_torchs_is_as_it_was(replays: list[Replay | None]) -> None:
    text = "\n".join(f"  t{k}: {{layer: tanh}}" for k in range(9)).strip()
    sequence(text).sample(2, seed=1, method="once")
    assert replays == [None]  # what it would copy takes longer than what it saves


def test_whoever_draws_may_keep_what_is_drawn_from() -> None:
    model = sequence()
    one, kept, copies = sampler_of(model), list[Tensor](), list[Tensor]()

    def draw(sites: Tensor, parameters: Tensor) -> Tensor:
        kept.append(parameters)
        copies.append(parameters.clone())
        return parameters.argmax(-1, keepdim=True)

    one.drive(2, {}, draw, start=torch.zeros(2, 1, 1))
    assert len(kept) > 10 and all(torch.equal(*each) for each in zip(kept, copies, strict=True))


def test_two_threads_do_not_keep_each_others_calls() -> None:
    models = [sequence(layer) for layer in ("", "odd: {layer: silu}", "odd: {layer: norm}", "odd: {layer: gelu_tanh}")]
    alone = [model.sample(3, seed=5, method="once") for model in models]
    again = [sequence(layer) for layer in ("", "odd: {layer: silu}", "odd: {layer: norm}", "odd: {layer: gelu_tanh}")]
    with ThreadPoolExecutor(4) as threads:
        beside = [*threads.map(lambda model: model.sample(3, seed=5, method="once"), again)]
    assert all(torch.equal(*each) for each in zip(alone, beside, strict=True))


def test_calls_are_kept_only_where_it_is_wanted() -> None:
    made: list[int] = []
    call(made.append, 1)
    with kept_calls() as calls:
        call(made.append, 2)
    call(made.append, 3)
    assert made == [1, 2, 3] and len(calls) == 1
    function, arguments = calls[0]
    function(*arguments)
    assert made == [1, 2, 3, 2]


def test_what_follows_the_likeliest_examples_is_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """Examples change places between steps, in the memory that kept calls read."""
    found: list[Tensor] = []
    for warm in (NEVER, 1):
        monkeypatch.setattr(executor, "WARM", warm)
        one = sampler_of(sequence())
        step = iter(range(100))

        def draw(sites: Tensor, parameters: Tensor) -> Tensor:
            return parameters.argmax(-1, keepdim=True) + torch.arange(3)[:, None, None]

        def ancestors(step: Any = step) -> Tensor | None:
            return torch.tensor([2, 0, 0]) if next(step) % 3 == 1 else None

        found.append(one.drive(3, {}, lambda s, p, draw=draw: draw(s, p) % 7, ancestors=ancestors,
                               start=torch.zeros(3, 1, 1)))  # fmt: skip
    assert torch.equal(*found)


def test_a_run_goes_on_with_the_memory_it_began_with() -> None:
    """Weights become others while a run goes on: what is read by its address stays where it is."""
    found: list[Tensor] = []
    for moved in (False, True):
        model, drawn = sequence().float(), list[Tensor]()
        one = sampler_of(model)
        products = [product for product in one.executor.products if isinstance(product, KernelProduct)]
        held = [each for product in products for part in product.held for each in part if each is not None]
        places = [each.data_ptr() for each in held]

        def draw(
            sites: Tensor, parameters: Tensor, model: Model = model, drawn: Any = drawn, moved: Any = moved
        ) -> Any:
            drawn.append(parameters.clone())
            if moved and len(drawn) == 8:
                model.double()
            return parameters.argmax(-1, keepdim=True)

        one.drive(2, {}, draw, start=torch.zeros(2, 1, 1))
        assert held and [each.data_ptr() for each in held] == places
        found.append(torch.cat(drawn, 1))
    assert torch.equal(*found)


def test_nothing_of_torchs_compiler_is_loaded_for_them() -> None:
    assert not Watch._should_skip_dynamo()


def test_what_takes_much_memory_is_not_kept(replays: list[Replay | None], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("arspec.sampler.run.replay.LARGE", 100)
    sequence().sample(3, seed=1, method="once")
    assert replays == [None]
