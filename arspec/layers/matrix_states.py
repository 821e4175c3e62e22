"""Recurrences whose state is a matrix: S = diag(decay) S' + k uᵀ, read as y = Sᵀ q, for all steps and for one.

    plain rule   u = b v                              linear attention, RetNet, GLA, Mamba-2, RWKV-6
    delta rule   u = b (v - (diag(decay) S')ᵀ k)      DeltaNet, gated DeltaNet
    removal      u = b v, and less (a r) (S'ᵀ r)ᵀ     RWKV-7

For all steps, time is cut into chunks (Yang et al. 2024, "Gated Linear Attention Transformers with Hardware-Efficient
Training"; for the delta rule Yang et al. 2024, "Parallelizing Linear Transformers with the Delta Rule"). Within a chunk
the steps read each other by a masked product. From chunk to chunk the state goes on. Decays are kept as logarithms, and
only differences of their sums are ever exponentiated, of a later step minus an earlier one: none is above 1.

Shape letters: N examples, H heads, G heads of queries and keys, each shared by R heads, T steps, K channels of a key, V
of a value, D 1 or K; within chunks: M chunks of C steps.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, eq=False)
class Steps:
    """What the steps give. q, k: [N, G, T, K]; v: [N, H, T, V]. decay: the logarithm, [N or 1, H, T or 1, D]; None: 0.
    strength: b, [N, H, T, 1]; None: 1. bonus: [H, 1, K]: the own step is read by q ⊙ bonus, and the state before it
    decays; None: the state is read with the own step in it. delta: whether the rule is the delta rule. removal: r,
    [N, G, T, K], at which the state before is erased, by rate: a, [N, H, T, 1 or K]; None: 1."""

    q: Tensor
    k: Tensor
    v: Tensor
    decay: Tensor | None = None
    strength: Tensor | None = None
    bonus: Tensor | None = None
    delta: bool = False
    removal: Tensor | None = None
    rate: Tensor | None = None

    @property
    def by_head(self) -> Steps:
        """The same with queries and keys of every head."""
        shared = self.v.shape[1] // self.q.shape[1]
        if shared == 1:
            return self
        removal = None if self.removal is None else self.removal.repeat_interleave(shared, 1)
        q, k = self.q.repeat_interleave(shared, 1), self.k.repeat_interleave(shared, 1)
        return replace(self, q=q, k=k, removal=removal)

    @property
    def erasing(self) -> Tensor:
        """a r, by which what is read at r is taken out of the state: [N, H, T, K]."""
        removal = self.by_head.removal
        assert removal is not None
        return removal if self.rate is None else removal * self.rate

    @property
    def weighted(self) -> Tensor:
        """b v: [N, H, T, V]."""
        return self.v if self.strength is None else self.v * self.strength

    @property
    def beside(self) -> Tensor:
        """What is read of the own steps beside the state, by the bonus: [N, H, T, V]."""
        s = self.by_head
        assert s.bonus is not None
        return (s.q * s.bonus * s.k).sum(-1, keepdim=True) * s.weighted

    @property
    def falls(self) -> Tensor | None:
        """The logarithm of the decay at every step, [N or 1, H, T, D]. At the first there is no state that decays."""
        from torch.nn import functional as F

        length = self.q.shape[2]
        if self.decay is None or length == 1:
            return None
        if self.decay.shape[2] == 1:
            return self.decay.expand(-1, -1, length, -1)
        return F.pad(self.decay[:, :, 1:], (0, 0, 1, 0))


def one_step(s: Steps, state: Tensor) -> tuple[Tensor, Tensor]:
    """The step itself: T is 1, and state is S' [N, H, K, V]. What is read [N, H, 1, V], and S."""
    s = s.by_head
    before = state if s.decay is None else state * s.decay.exp().mT
    if s.removal is not None:
        before = before - s.erasing.mT * (s.removal @ state)
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

    s = s.by_head
    beside = s.bonus is not None
    y = s.v.new_empty(s.v.shape)
    left = None if s.decay is None else s.decay.exp().mT
    erasing = None if s.removal is None else s.erasing.mT
    for n in range(len(state)):
        before, own = state[n], after[n]
        q, k, u = s.q[n], s.k[n], s.v[n]
        if beside:
            torch.bmm(q, before, out=y[n])
        erased = None if s.removal is None else torch.bmm(s.removal[n], before)
        if left is not None:
            torch.mul(before, left[n % len(left)], out=own)
        elif before.data_ptr() != own.data_ptr():
            own.copy_(before)
        if erased is not None and erasing is not None:
            own.addcmul_(erasing[n], erased, value=-1)
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
    single = s.decay is None or s.decay.shape[-1] == 1
    length = s.q.shape[2]
    chunk = min(chunk, length)
    plain = single and not s.delta and s.bonus is None and s.removal is None
    y = _by_number(s, chunk) if plain else _through(s.by_head, chunk)[0]
    y = y.flatten(2, 3)
    return y[:, :, :length] if length % chunk else y


def last_state(s: Steps, chunk: int) -> Tensor:
    """S after all steps, [N, H, K, V], from an empty state on."""
    from torch.nn import functional as F

    if s.delta or s.removal is not None:
        return _through(s.by_head, min(chunk, s.q.shape[2]))[1]
    k, u, falls = s.by_head.k, s.weighted, s.falls
    if falls is None:
        return k.mT @ u
    later = F.pad(falls.flip(2).cumsum(2).flip(2)[:, :, 1:], (0, 0, 0, 1)).exp()  # what the steps behind each one leave
    return k.mT @ (u * later) if later.shape[-1] == 1 else (k * later).mT @ u


def _cut(x: Tensor, chunk: int) -> Tensor:
    """[N, H, T, X] -> [N, H, M, C, X]; the steps that fill up the last chunk are zero."""
    from torch.nn import functional as F

    rest = -x.shape[2] % chunk
    x = F.pad(x, (0, 0, 0, rest)) if rest else x
    return x.unflatten(2, (-1, chunk))


def _by_number(s: Steps, chunk: int) -> Tensor:
    """What all steps read, [N, H, M, C, V], where a head decays as one and the rule is the plain one. Heads that share
    queries and keys stand side by side in the same products."""
    groups = (s.q.shape[1], -1)
    q, k = _cut(s.q, chunk), _cut(s.k, chunk)  # [N, G, M, C, K]
    u = _cut(s.weighted, chunk).unflatten(1, groups)  # [N, G, R, M, C, V]
    fall = None if s.falls is None else _Fall(_cut(s.falls, chunk).unflatten(1, groups), False)
    within = (q @ k.mT)[:, :, None]
    lower = _seen(chunk, True, q)
    if fall is None:
        within, given = within.masked_fill(~lower, 0.0), _beside(k.mT, u)
    else:
        within, given = within * fall.between(lower), _beside(k.mT, u * fall.to_the_end)
    states, _ = _states(given.flatten(1, 2), None if fall is None else fall.whole.flatten(1, 2).mT, None)
    before = _beside(q, states.unflatten(1, groups))
    return (within @ u + (before if fall is None else before * fall.until_read)).flatten(1, 2)


def _beside(a: Tensor, x: Tensor) -> Tensor:
    """a [N, G, M, I, J] times x [N, G, R, M, J, V], of which all R are one product: [N, G, R, M, I, V]."""
    if x.shape[2] == 1:
        return (a @ x.squeeze(2)).unsqueeze(2)
    together = x.permute(0, 1, 3, 4, 2, 5).flatten(4)
    return (a @ together).unflatten(4, (x.shape[2], -1)).permute(0, 1, 4, 2, 3, 5)


def _through(s: Steps, chunk: int) -> tuple[Tensor, Tensor]:
    """What all steps read, [N, H, M, C, V], and the state after the last: of every form, head by head."""
    import torch

    if s.removal is not None:
        return _through_removal(s, chunk)
    q, k, v = _cut(s.q, chunk), _cut(s.k, chunk), _cut(s.v, chunk)
    strength = None if s.strength is None else _cut(s.strength, chunk)
    weighted = v if strength is None else v * strength
    fall = None if s.falls is None else _Fall(_cut(s.falls, chunk), s.bonus is not None)
    within = _scores(q, k, fall, _seen(chunk, s.bonus is None, q), reading=True)
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
    return y, last


def _through_removal(s: Steps, chunk: int) -> tuple[Tensor, Tensor]:
    """As `_through`, where each step takes what the state before it holds at r out of it."""
    import torch

    assert s.removal is not None and s.bonus is None
    q, k, r, u, erasing = (_cut(x, chunk) for x in (s.q, s.k, s.removal, s.weighted, s.erasing))
    fall = None if s.falls is None else _Fall(_cut(s.falls, chunk), False)
    earlier = None if s.falls is None else _Fall(_cut(s.falls, chunk), True)  # what r reads has not decayed yet
    before, so_far = _seen(chunk, False, q), _seen(chunk, True, q)
    sides = [_scores(r, k, earlier, before, reading=True) @ u, r if earlier is None else r * earlier.until_read]
    system = _scores(r, erasing, earlier, before, reading=True)
    solved = torch.linalg.solve_triangular(system, torch.cat(sides, -1), upper=False, unitriangular=True)
    held, taken = solved.split([u.shape[-1], k.shape[-1]], -1)
    into, out = (k, erasing) if fall is None else (k * fall.to_the_end, erasing * fall.to_the_end)
    given = into.mT @ u - out.mT @ held
    states, last = _states(given, None if fall is None else fall.whole.mT, out.mT @ taken)
    reader = q if fall is None else q * fall.until_read
    held = held + taken @ states  # what each step reads at r
    within, gone = (_scores(q, x, fall, so_far, reading=True) for x in (k, erasing))
    return within @ u - gone @ held + reader @ states, last


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

    def between(self, lower: Tensor, reading: bool = True) -> Tensor:
        """[..., C, C]: how much is left of every step that `lower` [C, C] lets each step read, where D is 1."""
        later = self.read if reading else self.total
        return (later - self.total.mT).masked_fill(~lower, -float("inf")).exp()


def _scores(a: Tensor, b: Tensor, fall: _Fall | None, lower: Tensor, reading: bool) -> Tensor:
    """[N, H, M, C, C]: a of each step times b of every step that `lower` [C, C] lets it read, as far as this has not
    decayed by then."""
    if fall is None:
        return (a @ b.mT).masked_fill(~lower, 0.0)
    if fall.total.shape[-1] == 1:
        return (a @ b.mT) * fall.between(lower, reading)
    later = fall.read if reading else fall.total
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
