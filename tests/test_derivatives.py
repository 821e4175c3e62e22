"""What a gradient alone shows: told with its number, and not where rounding makes it."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from arspec.auditing import AuditReport, audit
from arspec.auditing.verdicts import Verdict
from tests.audit_modules import planted


def of(module: nn.Module, **options: Any) -> AuditReport:
    return audit(module, "b t", "b t k", {"t": 8}, **{"levels": 16, "modes": ["evaluation"], **options})  # type: ignore


class Mixed(planted.Causal):
    """Adds something of the next step to the outputs."""

    def forward(self, x: Tensor) -> Tensor:
        own = super().forward(x)
        return self.mix(own, own.roll(-1, 1))

    def mix(self, own: Tensor, later: Tensor) -> Tensor:
        return own


class StraightThrough(Mixed):
    """The next step comes in by its gradient alone."""

    def mix(self, own: Tensor, later: Tensor) -> Tensor:
        return own + (later - later.detach())


class BesideLargeNumbers(Mixed):
    """The next step is lost in the rounding of what it is added to."""

    def mix(self, own: Tensor, later: Tensor) -> Tensor:
        return (own + 3) * 1e9 + 1e-8 * later


class Rounded(Mixed):
    """What is added is zero, but for rounding, in its values and in its gradient."""

    def mix(self, own: Tensor, later: Tensor) -> Tensor:
        return own + ((later * 0.1 + later * 0.2) - later * 0.3)


class Nothing(Mixed):
    def mix(self, own: Tensor, later: Tensor) -> Tensor:
        return own + (later - later)


class OfWholeNumbers(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.tokens, self.out = nn.Embedding(5, 4), nn.Linear(4, 5)

    def forward(self, x: Tensor) -> Tensor:
        h = self.tokens(x)
        later = h.roll(-1, 1)
        return self.out(h + (later - later.detach()))


@pytest.mark.parametrize("module", [StraightThrough(), BesideLargeNumbers()], ids=lambda m: type(m).__name__)
def test_a_gradient_accuses(module: nn.Module) -> None:
    weights = [weight.clone() for weight in module.parameters()]
    report = of(module)
    assert report.verdict == Verdict.LEAKS
    ((_, violation),) = report.witnesses
    assert violation.how == "gradient" and violation.moved[1] != 0
    assert f"derivative {violation.moved[1]:.6g}, though no change of the input moved it" in str(report)
    assert report.json()["modes"][0]["gradients"]
    assert all(torch.equal(a, b) and a.dtype == b.dtype for a, b in zip(weights, module.parameters(), strict=True))


def test_a_gradient_of_whole_numbers_is_had_where_they_become_floats() -> None:
    report = of(OfWholeNumbers(), levels=5, offset=1)
    assert report.verdict == Verdict.LEAKS
    assert [violation.how for _, violation in report.witnesses] == ["gradient"]


@pytest.mark.parametrize("module", [Rounded(), Nothing()], ids=lambda m: type(m).__name__)
def test_rounding_of_a_gradient_accuses_nobody(module: nn.Module) -> None:
    report = of(module)
    assert report.verdict == Verdict.NOT_DECIDED
    assert not report.witnesses


def test_a_single_precision_alone_shows_no_gradient() -> None:
    assert of(StraightThrough(), precision="float32").verdict == Verdict.NOT_DECIDED


class ReadByPython(OfWholeNumbers):
    """Python decides by data which operators make floats of whole numbers: no leaf is the same in every pass."""

    def forward(self, x: Tensor) -> Tensor:
        for row in x:
            for token in row[1:].tolist():
                self.tokens(torch.tensor(token % 5))
        h = self.tokens(x)
        later = h.roll(-1, 1)
        return self.out(h + (later - later.detach()))


def test_a_pass_that_data_decide_gives_no_gradient() -> None:
    assert of(ReadByPython(), levels=5, offset=1, modes=["evaluation"]).verdict == Verdict.NOT_DECIDED
