"""A number that is not finite in one of two computations accuses nobody: nothing is decided, and it is said why."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from arspec.auditing import AuditReport, audit
from arspec.auditing.comparing import apart, lost, not_finite
from arspec.auditing.verdicts import Verdict

SIZE = {"t": 8}
BOTH = (torch.float64, torch.float32)


class Sums(nn.Module):
    """The running sum of embeddings; what is spoilt is no number."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(5, 5)

    def sums(self, ids: Tensor) -> Tensor:
        return self.embed(ids).cumsum(1)


class Padded(Sums):
    """Beside padding on the left, the first real step is no number; `shift` is added to the last one."""

    def __init__(self, shift: float = 0.0, dtypes: tuple[torch.dtype, ...] = BOTH) -> None:
        super().__init__()
        self.shift, self.dtypes = shift, dtypes

    def forward(self, ids: Tensor, attention_mask: Tensor | None = None) -> Tensor:
        if attention_mask is None:
            return self.sums(ids)
        out = (self.embed(ids) * attention_mask[..., None]).cumsum(1)
        first = (attention_mask.cumsum(1) == 1) & (attention_mask[:, :1] == 0)
        out = out.masked_fill(first[..., None], torch.nan) if out.dtype in self.dtypes else out
        out[:, -1] += self.shift * (1 - attention_mask[:, 0, None])
        return out


class Packed(Sums):
    """No number at the first step of the second document."""

    def forward(self, ids: Tensor, of: Tensor | None = None) -> Tensor:
        of = torch.zeros_like(ids) if of is None else of
        same = of[:, :, None] == of[:, None, :]
        weights = torch.where(same.tril(), 1.0, 0.0).to(self.embed.weight.dtype)
        out = weights @ self.embed(ids)
        starts = (of == 1) & (of.roll(1, 1) == 0)
        return out.masked_fill(starts[..., None], torch.inf)


class Stepped(Sums):
    """Decoding gives no number at the third step."""

    def forward(self, ids: Tensor) -> Tensor:
        return self.sums(ids)

    def step(self, ids: Tensor, state: Any) -> tuple[Tensor, Any]:
        number, total = (0, 0) if state is None else state
        total = total + self.embed(ids)
        return (total * torch.nan if number == 2 else total), (number + 1, total)


class Long(Sums):
    """No number at the first step of a short row."""

    def forward(self, ids: Tensor) -> Tensor:
        out = self.sums(ids)
        return out.index_fill(1, torch.tensor([0]), torch.nan) if ids.shape[1] == 4 else out


class Spreading(Sums):
    """An odd sum of the last example makes the others no numbers."""

    def forward(self, ids: Tensor) -> Tensor:
        out = self.sums(ids)
        spoilt = len(ids) > 1 and ids[-1].sum() % 2 == 1
        return torch.cat([out[:-1] * (torch.nan if spoilt else 1.0), out[-1:]])


def told(module: nn.Module, mode: str, **more: Any) -> AuditReport:
    return audit(module, "b t", "b t k", SIZE, levels=5, offset=1, input_kind="int", modes=[mode], **more)


@pytest.mark.parametrize(
    ("module", "mode", "more", "text"),
    [
        (Padded(), "padding", {}, "left: outputs are not finite, so that they cannot be compared, at real step 0"),
        (Packed(), "documents", {"documents": "of"}, "at document 1, step 0"),
        (Stepped(), "cache", {}, "at t, one by one, 2"),
        (Long(), "lengths", {"lengths": [4]}, "at 4 of 8 steps, t 0"),
    ],
    ids=["padding", "documents", "cache", "lengths"],
)
def test_what_is_not_finite_on_one_side_is_not_decided(
    module: nn.Module, mode: str, more: dict[str, Any], text: str
) -> None:
    report = told(module, mode, **more)
    (found,) = report.modes
    assert (found.verdict, report.verdict.exit_code) == (Verdict.NOT_DECIDED, 3)
    assert text in found.why
    assert text in str(report)


def test_finite_numbers_beside_them_still_accuse() -> None:
    (found,) = told(Padded(shift=1.0), "padding").modes
    assert found.verdict == Verdict.DIFFERS
    assert "by 1" in found.why


def test_what_is_not_finite_in_doubles_alone_is_decided_in_floats() -> None:
    """As where a mask that is the lowest of doubles is infinite in a softmax that is taken in float32."""
    (found,) = told(Padded(dtypes=(torch.float64,)), "padding").modes
    assert (found.verdict, found.why) == (Verdict.PROVEN, "in float32, since outputs are not finite in float64")
    (found,) = told(Padded(shift=1.0, dtypes=(torch.float64,)), "padding").modes
    assert found.verdict == Verdict.DIFFERS


def test_weights_in_doubles_are_not_tried_in_floats() -> None:
    (found,) = told(Padded(dtypes=(torch.float64,)).double(), "padding").modes
    assert found.verdict == Verdict.NOT_DECIDED


def test_a_module_that_gives_no_numbers_in_doubles_is_audited_in_floats() -> None:
    class Overflowing(Sums):
        def forward(self, ids: Tensor) -> Tensor:
            out = self.sums(ids)
            least = torch.full_like(out, torch.finfo(out.dtype).min)
            return out + (least.float() - least.float()).to(out.dtype)

    report = told(Overflowing(), "evaluation")
    assert (report.verdict, report.claims.precision) == (Verdict.PROVEN, "float32")


def test_a_number_that_another_example_takes_away_is_a_dependence() -> None:
    reports = [told(Spreading(), "batch", seed=seed).modes[0] for seed in range(4)]
    assert Verdict.PROVEN not in [report.verdict for report in reports]
    assert "whether an output is finite changes when example 2 of 3 is changed" in [report.why for report in reports]


def test_a_variant_without_numbers_accuses_nobody() -> None:
    class Lost(Sums):
        def forward(self, ids: Tensor) -> Tensor:
            return self.sums(ids) / torch.where(ids[..., None] == 3, 0.0, 1.0)

    class Clean(Sums):
        def forward(self, ids: Tensor) -> Tensor:
            return self.sums(ids)

    (found,) = told(Clean(), "variants", variants={"lost": Lost()}).modes
    assert found.verdict != Verdict.LEAKS


def test_masked_logits_are_equal_and_the_rest_is_lost() -> None:
    inf, nan = torch.inf, torch.nan
    one = torch.tensor([1.0, -inf, inf, nan, 2.0, nan])
    other = torch.tensor([1.0, -inf, -inf, nan, nan, 3.0])
    assert lost(one, other).tolist() == [False, False, True, True, True, True]
    assert not apart(one, other).any()
    assert not_finite(torch.tensor([False, False]), "t") == ""
    assert not_finite(torch.ones(6, dtype=torch.bool), "t", 2).endswith("at t 2, 3, 4, 5 and 2 more")
