"""A causal convolution over time with one leak each, hidden where one kind of test does not see it.

Input [B, T] of floats in -1 .. 1, output [B, T, K].
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

WIDTH = 6


class Causal(nn.Module):
    """Two causal convolutions, the first of them strict. `extra` is what the leaking variants add."""

    def __init__(self, parameters: int = 3) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.first = nn.Conv1d(1, WIDTH, 3)
        self.second = nn.Conv1d(WIDTH, WIDTH, 3)
        self.out = nn.Linear(WIDTH, parameters)
        self.added = nn.Linear(1, WIDTH)

    def extra(self, x: Tensor) -> Tensor:
        return torch.zeros((*x.shape, WIDTH), dtype=x.dtype)

    def features(self, x: Tensor) -> Tensor:
        strict = F.pad(x[:, None], (3, -1))
        return self.second(F.pad(torch.tanh(self.first(strict)), (2, 0))).transpose(1, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.out(torch.tanh(self.features(x)) + self.extra(x))


def later(x: Tensor, steps: int = 1) -> Tensor:
    """x[t + steps], zero beyond the end."""
    return F.pad(x, (0, steps))[:, steps:]


class ThroughDetach(Causal):
    def extra(self, x: Tensor) -> Tensor:
        return self.added(later(x).detach()[..., None])


class ThroughArgmax(Causal):
    def __init__(self) -> None:
        super().__init__()
        self.scores = nn.Linear(1, 4)
        self.codes = nn.Embedding(4, WIDTH)

    def extra(self, x: Tensor) -> Tensor:
        return self.codes(self.scores(later(x)[..., None]).argmax(-1))


class ThroughSign(Causal):
    def extra(self, x: Tensor) -> Tensor:
        return self.added(torch.sign(later(x))[..., None])


class BehindThreshold(Causal):
    """relu(f - 6) for a feature f of at most `scale`: 6.2 only wakes near the end of the range, 1 only outside it."""

    def __init__(self, scale: float) -> None:
        super().__init__()
        self.scale = scale

    def extra(self, x: Tensor) -> Tensor:
        return self.added(F.relu(self.scale * later(x) - 6)[..., None])


class CancellingSigns(Causal):
    def extra(self, x: Tensor) -> Tensor:
        return self.added((later(x, 1) - later(x, 2))[..., None])


class Conjunction(Causal):
    """Moves only where two later values are at the top together: no change of a single variable shows it."""

    def extra(self, x: Tensor) -> Tensor:
        both = (later(x, 1) >= 0.999) & (later(x, 2) >= 0.999)
        return self.added(both[..., None].to(x.dtype))


class NormOverTime(Causal):
    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.GroupNorm(2, WIDTH)

    def features(self, x: Tensor) -> Tensor:
        return self.norm(super().features(x).transpose(1, 2)).transpose(1, 2)


class BatchNorm(Causal):
    """Holds in evaluation, where running statistics are used, and leaks in training."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(WIDTH)

    def features(self, x: Tensor) -> Tensor:
        return self.norm(super().features(x).transpose(1, 2)).transpose(1, 2)


class ZeroOutput(ThroughDetach):
    """The output layer starts at zero, so that the module's own weights show nothing."""

    def __init__(self) -> None:
        super().__init__()
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.out.bias)


class Unsteady(Causal):
    """Counts its calls, and adds the count to its output."""

    def __init__(self) -> None:
        super().__init__()
        self.calls = 0

    def forward(self, x: Tensor) -> Tensor:
        self.calls += 1
        return super().forward(x) + self.calls
