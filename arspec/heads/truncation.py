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

    @property
    def keeps_one(self) -> bool:
        """Whether the likeliest level alone is kept, of whatever distribution."""
        return self.top_k == 1

    @property
    def by_rank(self) -> bool:
        """Whether nothing but top-k leaves levels out."""
        return self.top_k is not None and self.top_p in (None, 1) and self.min_p in (None, 0)

    def __str__(self) -> str:
        given = {"top-k": self.top_k, "top-p": self.top_p, "min-p": self.min_p}
        return ", ".join(f"{name} {value:g}" for name, value in given.items() if value is not None)

    def below(self, logits: Tensor) -> Tensor | None:
        """[..., L]: the levels that top-k leaves out, None where there are none. Logits differ where probabilities may
        be rounded to the same."""
        if self.top_k is None or self.top_k >= logits.shape[-1]:
            return None
        last = logits.topk(self.top_k).values[..., -1:]
        equal, first = _ties(logits, last, self.top_k)
        return (logits < last) | (equal & ~first)

    def __call__(self, probabilities: Tensor) -> Tensor:
        """Probabilities [..., L] -> the same, renormalised over what is kept and 0 for the other levels."""
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
        return _renormalised(probabilities, kept)

    def _first(self, probabilities: Tensor, ranked: Tensor) -> Tensor:
        """[..., L]: which levels are kept. ranked [..., n]: the highest probabilities, of which no more are kept."""
        import torch

        among = torch.ones_like(ranked, dtype=torch.bool)
        if self.top_p is not None and self.top_p < 1:
            among = _reaching(ranked, self.top_p)
        if self.min_p is not None:
            among = among & _likely(ranked, self.min_p)
        return _likeliest(probabilities, ranked, among)


@dataclass(frozen=True, eq=False)
class Asked:
    """The same where the bounds are numbers that are known when a graph runs: tensors []. Above all levels, above 1 and
    0 they leave nothing out."""

    top_k: Tensor
    top_p: Tensor
    min_p: Tensor
    keeps_one = by_rank = False  # which a graph does not know before it runs

    def below(self, logits: Tensor) -> Tensor | None:
        """None: what top-k leaves out is told by probabilities."""
        return None

    def __call__(self, probabilities: Tensor) -> Tensor:
        """As `Truncation` does."""
        import torch

        ranked = probabilities.sort(-1, descending=True).values
        first = torch.arange(ranked.shape[-1], device=ranked.device) < self.top_k
        ranked = torch.where(first, ranked, 0)
        among = first & _reaching(ranked, self.top_p) & _likely(ranked, self.min_p)
        return _renormalised(probabilities, _likeliest(probabilities, ranked, among))


def _reaching(ranked: Tensor, top_p: float | Tensor) -> Tensor:
    """Which of the highest probabilities [..., n] are needed to reach a share of their sum."""
    reached = (ranked.cumsum(-1) - ranked) / ranked.sum(-1, keepdim=True)  # by the levels that are likelier
    return reached < top_p * (1 - SLACK)


def _likely(ranked: Tensor, min_p: float | Tensor) -> Tensor:
    """Which of the highest probabilities [..., n] are a share of the highest at the least."""
    return ranked >= min_p * (1 - SLACK) * ranked[..., :1]


def _likeliest(probabilities: Tensor, ranked: Tensor, among: Tensor) -> Tensor:
    """[..., L]: which levels are kept. among [..., n]: whether that of each rank is."""
    count = among.sum(-1, keepdim=True)
    last = ranked.gather(-1, count - 1)
    equal, first = _ties(probabilities, last, count)
    return (probabilities > last) | (equal & first)


def _ties(values: Tensor, last: Tensor, count: int | Tensor) -> tuple[Tensor, Tensor]:
    """[..., L] each: which values are the last of so many of the highest, and up to which level these are kept."""
    equal = values == last
    return equal, equal.cumsum(-1) <= count - (values > last).sum(-1, keepdim=True)


def _renormalised(probabilities: Tensor, kept: Tensor) -> Tensor:
    """The probabilities of what is kept, and 0 for the other levels."""
    import torch

    found = torch.where(kept, probabilities, 0)
    return found / found.sum(-1, keepdim=True)
