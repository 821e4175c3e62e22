"""Truncation: unlikely levels are left out before one is drawn, by top-k, top-p (nucleus sampling) and min-p."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from arspec.diagnostics import InputError

if TYPE_CHECKING:
    from torch import Tensor

SLACK = 1e-6  # of top-p and min-p: rounding must not decide whether a level reaches them


@dataclass(frozen=True)
class Truncation:
    """Which levels of a distribution may be drawn. Temperature comes first; then, each on what the one before has kept:

    top_k: the k likeliest levels.
    top_p: the likeliest levels, as few as add up to p of what is left (Holtzman et al. 2020).
    min_p: the levels that are at least p times as likely as the likeliest (Nguyen et al. 2024).

    Of equally likely levels the lower one counts as likelier. The likeliest level is always kept. What is kept is
    renormalised. Raises InputError for numbers out of range.
    """

    top_k: int | None = None
    top_p: float | None = None
    min_p: float | None = None

    def __post_init__(self) -> None:
        if self.top_k is not None and not (self.top_k >= 1 and self.top_k % 1 == 0):
            raise InputError("AR808", f"top-k is a whole number from 1; {self.top_k} came")
        if self.top_p is not None and not 0 < self.top_p <= 1:
            raise InputError("AR808", f"top-p is above 0 and at most 1; {self.top_p:g} came")
        if self.min_p is not None and not 0 <= self.min_p <= 1:
            raise InputError("AR808", f"min-p is from 0 to 1; {self.min_p:g} came")

    @property
    def keeps_all(self) -> bool:
        """Whether nothing is ever left out."""
        return self.top_k is None and self.top_p in (None, 1) and self.min_p in (None, 0)

    def __str__(self) -> str:
        given = {"top-k": self.top_k, "top-p": self.top_p, "min-p": self.min_p}
        return ", ".join(f"{name} {value:g}" for name, value in given.items() if value is not None)

    def __call__(self, probabilities: Tensor) -> Tensor:
        """Probabilities [..., L] -> the same, renormalised over what is kept and 0 for the other levels."""
        import torch

        size = probabilities.shape[-1]
        few = size if self.top_k is None else min(self.top_k, size)
        if self.top_k is None and self.top_p in (None, 1):
            few = 1  # min-p asks for the likeliest alone
        # a whole sort of a vocabulary takes longer than a small network
        ranked = probabilities.topk(few).values if few < size else probabilities.sort(-1, descending=True).values
        if self.top_k is None and self.top_p in (None, 1):
            kept = probabilities >= (self.min_p or 0) * (1 - SLACK) * ranked
        else:
            kept = self._first(probabilities, ranked)
        found = torch.where(kept, probabilities, 0)
        return found / found.sum(-1, keepdim=True)

    def _first(self, probabilities: Tensor, ranked: Tensor) -> Tensor:
        """[..., L]: which levels are kept. ranked [..., n]: the highest probabilities, of which no more are kept."""
        import torch

        among = torch.ones_like(ranked, dtype=torch.bool)
        if self.top_p is not None and self.top_p < 1:
            reached = (ranked.cumsum(-1) - ranked) / ranked.sum(-1, keepdim=True)  # by the levels that are likelier
            among = reached < self.top_p * (1 - SLACK)
        if self.min_p is not None:
            among = among & (ranked >= self.min_p * (1 - SLACK) * ranked[..., :1])
        count = among.sum(-1, keepdim=True)
        last = ranked.gather(-1, count - 1)
        above, equal = probabilities > last, probabilities == last
        return above | (equal & (equal.cumsum(-1) <= count - above.sum(-1, keepdim=True)))
