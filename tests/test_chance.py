"""A module that draws random numbers in evaluation is not accused where calls of several lengths are held together."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from arspec.auditing import audit
from arspec.auditing.verdicts import Verdict


class Noisy(nn.Module):
    """The running sum of embeddings, with noise of its own, or with a draw that nothing reads."""

    def __init__(self, strength: float, skewed: bool = False) -> None:
        super().__init__()
        self.embed, self.strength, self.skewed = nn.Embedding(5, 5), strength, skewed

    def forward(self, ids: Tensor, attention_mask: Tensor | None = None, of: Tensor | None = None) -> Tensor:
        rows = self.embed(ids)
        rows = rows if attention_mask is None else rows * attention_mask[..., None]
        if of is not None:
            before = (torch.arange(ids.shape[1])[None] <= torch.arange(ids.shape[1])[:, None]) & (
                of[:, None] == of[:, :, None]
            )
            sums = before.to(rows.dtype) @ rows
        else:
            sums = rows.cumsum(1)
        scale = ids.shape[1] if self.skewed else 1
        return sums * scale + self.strength * torch.rand_like(rows)


class NoisyStep(Noisy):
    """The same, one step at a time too; a call draws as many numbers as it has steps."""

    def step(self, ids: Tensor, state: Tensor | None) -> tuple[Tensor, Tensor]:
        sums = self.embed(ids).cumsum(1) + (0 if state is None else state)
        return sums + self.strength * torch.rand_like(sums), sums[:, -1:]


SETTING: dict[str, Any] = {"input": "b t", "output": "b t k", "size": {"t": 8}, "levels": 5, "offset": 1}


@pytest.mark.parametrize(
    ("mode", "more"), [("lengths", {}), ("padding", {}), ("documents", {"documents": "of"}), ("cache", {})]
)
def test_noise_of_its_own_is_not_decided(mode: str, more: dict[str, Any]) -> None:
    report = audit(NoisyStep(0.1), modes=mode, **SETTING, **more)
    assert report.verdict == Verdict.NOT_DECIDED, str(report)
    assert "other random numbers alone move its outputs" in report.modes[0].why
    assert not report.modes[0].witnesses


@pytest.mark.parametrize(
    ("mode", "more"), [("lengths", {}), ("padding", {}), ("documents", {"documents": "of"}), ("cache", {})]
)
def test_a_draw_that_nothing_reads_changes_no_verdict(mode: str, more: dict[str, Any]) -> None:
    assert audit(NoisyStep(0.0), modes=mode, **SETTING, **more).verdict.holds


def test_a_true_difference_of_lengths_still_accuses() -> None:
    assert audit(Noisy(0.0, skewed=True), modes="lengths", **SETTING).verdict == Verdict.LEAKS


class Written(Noisy):
    """Its outputs depend on the length of the row, and it writes to its input."""

    def forward(self, ids: Tensor, attention_mask: Tensor | None = None, of: Tensor | None = None) -> Tensor:
        out = super().forward(ids, attention_mask, of)
        ids.copy_((ids + 1) % 5)
        return out


def test_an_input_that_is_written_to_is_no_chance() -> None:
    report = audit(Written(0.0, skewed=True), modes="lengths", **SETTING)
    assert "random numbers" not in report.modes[0].why
    assert report.verdict == Verdict.LEAKS


class Growing(Noisy):
    """Its outputs depend on the length of the row, and those of its first call are others than those of later ones."""

    called = 0.0

    def forward(self, ids: Tensor, attention_mask: Tensor | None = None, of: Tensor | None = None) -> Tensor:
        out = super().forward(ids, attention_mask, of) + self.called
        self.called = 1.0
        return out


def test_what_the_first_call_keeps_is_no_chance() -> None:
    report = audit(Growing(0.0, skewed=True), modes="lengths", **SETTING)
    assert report.verdict == Verdict.LEAKS


class Skipping(nn.Module):
    """Layers that are skipped in training by a generator's word, or a sum of all that is later in their place."""

    def __init__(self, draw: Callable[[nn.Module], float], leaky: bool) -> None:
        super().__init__()
        self.embed, self.layers = nn.Embedding(5, 5), nn.ModuleList(nn.Linear(5, 5) for _ in range(6))
        self.draw, self.leaky = draw, leaky
        self.own, self.numpys = random.Random(0), np.random.default_rng(0)
        self.older, self.torchs = np.random.RandomState(0), torch.Generator().manual_seed(0)

    def forward(self, ids: Tensor) -> Tensor:
        rows = self.embed(ids).cumsum(1)
        for layer in self.layers:
            if self.training and self.draw(self) < 0.5:
                continue
            more = layer(rows)
            rows = rows + (more.flip(1).cumsum(1).flip(1) if self.leaky and self.training else more)
        return rows


GENERATORS: dict[str, Callable[[Any], float]] = {
    "random": lambda module: random.random(),
    "numpy": lambda module: np.random.uniform(),
    "a Random of its own": lambda module: module.own.random(),
    "a Generator of numpy": lambda module: module.numpys.random(),
    "a RandomState": lambda module: module.older.uniform(),
    "a Generator of torch": lambda module: float(torch.rand((), generator=module.torchs)),
}


@pytest.mark.parametrize("leaky", [False, True])
@pytest.mark.parametrize("which", GENERATORS)
def test_layers_that_any_generator_skips_are_judged_in_training(which: str, leaky: bool) -> None:
    module = Skipping(GENERATORS[which], leaky)
    before = random.getstate(), np.random.get_state()[1].tolist(), module.own.getstate()  # type: ignore[union-attr]
    states = module.numpys.bit_generator.state, module.torchs.get_state()
    report = audit(module, modes="evaluation,training", **SETTING)
    found = {mode.mode: mode.verdict for mode in report.modes}
    assert found["evaluation"] == Verdict.PROVEN
    assert found["training"] == (Verdict.LEAKS if leaky else Verdict.PROVEN), str(report)
    assert before == (random.getstate(), np.random.get_state()[1].tolist(), module.own.getstate())  # type: ignore[union-attr]
    assert states[0] == module.numpys.bit_generator.state and torch.equal(states[1], module.torchs.get_state())


def test_noise_of_a_generator_of_its_own_is_noise_too() -> None:
    class Held(Noisy):
        def __init__(self) -> None:
            super().__init__(0.1)
            self.held = torch.Generator().manual_seed(3)

        def forward(self, ids: Tensor, attention_mask: Tensor | None = None, of: Tensor | None = None) -> Tensor:
            rows = self.embed(ids).cumsum(1)
            return rows + self.strength * torch.rand(rows.shape, generator=self.held)

    found = {mode.mode: mode for mode in audit(Held(), modes="evaluation,lengths", **SETTING).modes}
    assert found["evaluation"].verdict == Verdict.PROVEN
    assert found["lengths"].verdict == Verdict.NOT_DECIDED
    assert "other random numbers alone move its outputs" in found["lengths"].why
