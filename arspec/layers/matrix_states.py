"""Recurrences whose state is a matrix: S = diag(decay) S' + k uᵀ, read as y = Sᵀ q, for all steps and for one.

    plain rule   u = b v                              linear attention, RetNet, GLA, Mamba-2, RWKV-6
    delta rule   u = b (v - (diag(decay) S')ᵀ k)      DeltaNet, gated DeltaNet

For all steps, time is cut into chunks (Yang et al. 2024, "Gated Linear Attention Transformers with Hardware-Efficient
Training"; for the delta rule Yang et al. 2024, "Parallelizing Linear Transformers with the Delta Rule"). Within a chunk
the steps read each other by a masked product. From chunk to chunk the state goes on. Decays are kept as logarithms, and
only differences of their sums are ever exponentiated, of a later step minus an earlier one: none is above 1.

Shape letters: N examples, H heads, T steps, K channels of a key, V of a value, D 1 or K; within chunks: M chunks of
C steps.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, eq=False)
class Steps:
    """What the steps give. q, k: [N, H, T, K]; v: [N, H, T, V]. decay: the logarithm, [N or 1, H, T or 1, D]; None: 0.
    strength: b, [N, H, T, 1]; None: 1. bonus: [H, 1, K]: the own step is read by q ⊙ bonus, and the state before it
    decays; None: the state is read with the own step in it. delta: whether the rule is the delta rule."""

    q: Tensor
    k: Tensor
    v: Tensor
    decay: Tensor | None = None
    strength: Tensor | None = None
    bonus: Tensor | None = None
    delta: bool = False


def one_step(s: Steps, state: Tensor) -> tuple[Tensor, Tensor]:
    """The step itself: T is 1, and state is S' [N, H, K, V]. What is read [N, H, 1, V], and S."""
    before = state if s.decay is None else state * s.decay.exp().mT
    u = s.v - s.k @ before if s.delta else s.v
    if s.strength is not None:
        u = u * s.strength
    after = before + s.k.mT * u
    if s.bonus is None:
        return s.q @ after, after
    return s.q @ state + (s.q * s.bonus * s.k).sum(-1, keepdim=True) * u, after


def one_step_into(s: Steps, state: Tensor, after: Tensor) -> Tensor:
    """As `one_step`, which writes S to `after` [N, H, K, V]: the memory of `state`, or other memory. What is read: [N,
    H, 1, V]. The state of one example stays in the caches of a processor from one product to the next."""
    import torch

    beside = s.bonus is not None
    y = s.v.new_empty(s.v.shape)
    left = None if s.decay is None else s.decay.exp().mT
    for n in range(len(state)):
        before, own = state[n], after[n]
        q, k, u = s.q[n], s.k[n], s.v[n]
        if beside:
            torch.bmm(q, before, out=y[n])
        if left is not None:
            torch.mul(before, left[n % len(left)], out=own)
        elif before.data_ptr() != own.data_ptr():
            own.copy_(before)
        if s.delta:
            u = u - torch.bmm(k, own)
        if s.strength is not None:
            u = u * s.strength[n]
        own.addcmul_(k.mT, u)
        if s.bonus is None:
            torch.bmm(q, own, out=y[n])
        else:
            y[n].addcmul_((q * s.bonus * k).sum(-1, keepdim=True), u)
    return y


def all_steps(s: Steps, chunk: int) -> Tensor:
    """What all steps read, [N, H, T, V], from an empty state on; computed in chunks of so many steps."""
    return _through(s, chunk)[0]


def last_state(s: Steps, chunk: int) -> Tensor:
    """S after all steps, [N, H, K, V], from an empty state on."""
    return _through(s, chunk)[1]


def _through(s: Steps, chunk: int) -> tuple[Tensor, Tensor]:
    """What all steps read, and the state after the last."""
    import torch
    from torch.nn import functional as F

    length = s.q.shape[2]
    chunk = min(chunk, length)
    rest = -length % chunk

    def cut(x: Tensor) -> Tensor:
        """[N, H, T, X] -> [N, H, M, C, X]; the steps that fill up the last chunk are zero."""
        x = F.pad(x, (0, 0, 0, rest)) if rest else x
        return x.unflatten(2, (-1, chunk))

    q, k, v = cut(s.q), cut(s.k), cut(s.v)
    strength = None if s.strength is None else cut(s.strength)
    weighted = v if strength is None else v * strength
    fall = None if s.decay is None else _Fall(cut(s.decay.expand(-1, -1, length, -1)), s.bonus is not None)
    lower = _seen(chunk, s.bonus is None, q)
    within = _scores(q, k, fall, lower, reading=True)
    into = k if fall is None else k * fall.to_the_end
    onward: Tensor | None = None  # [N, H, M, K, K]: what the delta rule takes from the state that a chunk finds
    known = weighted
    if s.delta:
        system = _scores(k, k, fall, _seen(chunk, False, q), reading=False)
        begin = k if fall is None else k * fall.from_the_start
        system, begin = (system, begin) if strength is None else (system * strength, begin * strength)
        sides = torch.cat([weighted, begin], -1)
        solved = torch.linalg.solve_triangular(system, sides, upper=False, unitriangular=True)
        known, taken = solved.split([v.shape[-1], k.shape[-1]], -1)
        onward = into.mT @ taken
    given = into.mT @ known  # [N, H, M, K, V]: what each chunk adds to the state
    states, last = _states(given, None if fall is None else fall.whole.mT, onward)
    reader = q if fall is None else q * fall.until_read
    if s.delta:
        known = known - taken @ states  # pyright: ignore[reportPossiblyUnboundVariable]
    y = within @ known + reader @ states
    if s.bonus is not None:
        y = y + (q * s.bonus[:, None] * k).sum(-1, keepdim=True) * known
    y = y.flatten(2, 3)
    return (y[:, :, :length] if rest else y), last


def _seen(chunk: int, own: bool, like: Tensor) -> Tensor:
    """[C, C]: which steps (column) of a chunk each step (row) reads: those before it, and its own or not."""
    import torch

    return torch.ones(chunk, chunk, dtype=torch.bool, device=like.device).tril(0 if own else -1)


class _Fall:
    """How much is left, within each chunk, from step to step. decay [N, H, M, C, D]: logarithms."""

    def __init__(self, decay: Tensor, before: bool) -> None:
        """before: the own step's decay has not befallen the state that is read."""
        from torch.nn import functional as F

        self.total = decay.cumsum(-2)
        self.read = F.pad(self.total[..., :-1, :], (0, 0, 1, 0)) if before else self.total
        last = self.total[..., -1:, :]
        self.whole = last.exp()  # [N, H, M, 1, D]: over the chunk
        self.to_the_end = (last - self.total).exp()
        self.from_the_start = self.total.exp()
        self.until_read = self.read.exp() if before else self.from_the_start


def _scores(a: Tensor, b: Tensor, fall: _Fall | None, lower: Tensor, reading: bool) -> Tensor:
    """[N, H, M, C, C]: a of each step times b of every step that `lower` [C, C] lets it read, as far as this has not
    decayed by then."""
    if fall is None:
        return (a @ b.mT).masked_fill(~lower, 0.0)
    later = fall.read if reading else fall.total
    if fall.total.shape[-1] == 1:
        left = (later - fall.total.mT).masked_fill(~lower, -float("inf")).exp()
        return (a @ b.mT) * left
    left = later[..., :, None, :] - fall.total[..., None, :, :]  # [N, H, M, C, C, K]
    left = left.masked_fill(~lower[..., None], -float("inf")).exp()
    return ((a[..., :, None, :] * left) * b[..., None, :, :]).sum(-1)


def _states(given: Tensor, whole: Tensor | None, onward: Tensor | None) -> tuple[Tensor, Tensor]:
    """[N, H, M, K, V]: the state that each chunk finds; and [N, H, K, V], that after the last.

    given: what each chunk adds; whole [N, H, M, D, 1]: what it leaves of the state; onward: what it takes from that
    beside."""
    import torch

    state = torch.zeros_like(given[:, :, 0])
    found: list[Tensor] = []
    for m in range(given.shape[2]):
        found.append(state)
        kept = state if whole is None else state * whole[:, :, m]
        if onward is not None:
            kept = kept - onward[:, :, m] @ state
        state = kept + given[:, :, m]
    return torch.stack(found, 2), state
