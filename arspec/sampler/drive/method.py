"""Which way a sample is drawn, and why. All of them give the same integers; they differ in time alone.

    once         every site is computed once, rank after rank: the arithmetic of one pass, a step for every rank
    depth        likewise, but variables that do not see each other share a step (`arspec.sampler.plan.depth`)
    fixed-point  the module is run on guesses until nothing changes (`fixed_point`)

`auto` goes by depth where that saves steps and calls of layers. What remains is the choice between one pass in many
small steps and a number of whole passes. Small models spend their time on calling functions, of which a pass needs no
more than a step does; how many passes it takes depends on the weights. So the choice is measured, in a small part of
the time of a sample, and kept until the weights change: the first steps are timed, and rounds of the iteration for as
long as it may still win.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast, get_args

import numpy as np
import torch
from torch import Tensor

from arspec.choices import Storage
from arspec.diagnostics import InputError
from arspec.layers.base import Node
from arspec.network.fingerprint import Fingerprint, fingerprint_of
from arspec.sampler.drive.drawing import Draws, check_counts
from arspec.sampler.drive.fixed_point import Search, fixed_point
from arspec.sampler.drive.prompting import anything
from arspec.sampler.drive.sampler import sampler_of
from arspec.sampler.plan.plans import depth_pays, depths_of, method_named

if TYPE_CHECKING:
    from arspec.network.module import Network

STEPS = (4, 64)  # that are timed, between these
SHARE = 64  # one step in so many is timed
TRIAL = 4  # one part in so many of the time of a sample is the most that is spent on rounds, or
QUICK = 0.02  # seconds, where that is more
FEWEST = 16  # one round for so many depths is the least that is hoped for
COLD = 2  # times as long as later ones a first round may take
MARGIN = 0.8  # of the time of a sample is what the rounds may take in all to be chosen


@dataclass(frozen=True)
class Choice:
    """A method of sampling, other than auto, and the reason for it."""

    method: str
    reason: str

    def __str__(self) -> str:
        return f"method {self.method}: {self.reason}"


def sample(
    model: Network, n: int, condition: dict[str, Tensor], *, method: str = "auto", member: int = 0,
    known: Tensor | None = None, storage: Storage = "exact", **how: Any,
) -> Tensor:  # fmt: skip
    """n examples as integers [n, *shape], by the method that is named or chosen. storage: in how many bits the weights
    of linear layers are. The rest as in `Sampler.run`. InputError where the storage is none, or has no such method."""
    check_counts(n=n)
    seen = fingerprint_of(model)  # one look at the weights serves the whole call
    if check_storage(storage) != "exact" and method == "auto":
        method = "once"
    chosen = choose(model, n, method, member, known, condition, seen).method
    if chosen == "fixed-point" and storage != "exact":
        raise InputError("AR808", f"samples by fixed points take the module's own weights, not {storage}",
                         "leave out --weights, or take --method once")  # fmt: skip
    if chosen == "fixed-point":
        return fixed_point(model, n, condition, member=member, known=known, **how).x
    return sampler_of(model, member, chosen == "depth", storage).run(n, condition, known=known, seen=seen, **how)


def check_storage(storage: str) -> Storage:
    """The storage of weights by its name. InputError (AR808) for a name that none has."""
    if storage not in get_args(Storage):
        names = ", ".join(get_args(Storage))
        raise InputError("AR808", f"weights are stored as {names}; {storage!r} came", f"take one of {names}")
    return cast(Storage, storage)


def choose(
    model: Network, n: int, method: str = "auto", member: int = 0, known: Tensor | None = None,
    condition: dict[str, Tensor] | None = None, seen: Fingerprint | None = None,
) -> Choice:  # fmt: skip
    """The method that draws n examples of a member, what is `known` [*shape] being given. Auto measures under this
    `condition`, once for each n and each state of the weights. seen: their fingerprint, where the caller has just taken
    it. InputError for an unknown method, and where the spec leaks or a condition does not fit."""
    method = method_named(method)
    model.check_member(member)
    depths = depths_of(model.graph, member)
    steps, depth, left = model.graph.members[member].order.drawn, int(depths.max()) + 1, _left(model, member, known)
    if method == "once":
        return Choice(method, _once(steps, depth))
    if method == "depth":
        return Choice(method, _by_depth(steps, depth))
    if method == "fixed-point":
        return Choice(method, f"at most {left:,} passes of the module, for {steps:,} ranks")
    model.condition_tensors(condition or {}, n)
    now = (torch.get_num_threads(), *(seen or fingerprint_of(model)))
    kept = model.keep(choose, dict[Any, Any])
    if kept.get("weights") != now:
        kept.clear()
        kept["weights"] = now
    key = (n, member, left)
    if key not in kept:
        kept[key] = _auto(model, n, member, left, condition or {})
    return kept[key]


def _once(steps: int, depth: int) -> str:
    return f"every site once, in {steps:,} steps" + (f" (by depth in {depth:,})" if depth < steps else "")


def _by_depth(steps: int, depth: int) -> str:
    return f"every site once, in {depth:,} steps for {steps:,} ranks, as variables that do not see each other share one"


def _left(model: Network, member: int, known: Tensor | None) -> int:
    """The depths that are still to be drawn."""
    depth = depths_of(model.graph, member)
    if known is not None:
        depth = depth[~model.by_variable(known.unsqueeze(0))[0].bool().all(-1).cpu().numpy()]
    return len(np.unique(depth[depth >= 0]))


def _auto(model: Network, n: int, member: int, left: int, condition: dict[str, Tensor]) -> Choice:
    steps, depth = model.graph.members[member].order.drawn, int(depths_of(model.graph, member).max()) + 1
    shared = depth_pays(model.graph, member, model.worth)
    base, taken = ("depth", depth) if shared else ("once", steps)
    reason = _by_depth(steps, depth) if shared else _once(steps, depth)
    if not (n and left):
        return Choice("fixed-point", "there is nothing to draw")
    whole = _seconds_a_step(model, n, member, shared, condition) * taken
    won, seen = _try_rounds(Search(model, Draws(model, n, **anything(model, n)), condition, member), left, whole)
    if won:
        return Choice("fixed-point", f"{seen}, where {taken:,} steps take about {_short(whole)}")
    return Choice(base, f"{reason}, which take about {_short(whole)}; {seen}")


class _Enough(Exception):
    """Ends what is timed."""


def _seconds_a_step(model: Network, n: int, member: int, by_depth: bool, condition: dict[str, Tensor]) -> float:
    """Of the sampler, on the average of the first few."""
    sampler = sampler_of(model, member, by_depth)
    least, most = STEPS
    wanted = min(max(sampler.schedule.steps // SHARE, least), most, sampler.schedule.steps)
    draws, ticks = Draws(model, n, **anything(model, n)), list[float]()

    def draw(sites: Tensor, parameters: Tensor) -> Tensor:
        ticks.append(_now(model))
        if len(ticks) > wanted:
            raise _Enough
        return draws(sites, parameters)

    try:
        sampler.drive(n, condition, draw, start=draws.start)
        ticks.append(_now(model))  # a step ends with its draw
    except _Enough:
        pass
    return (ticks[-1] - ticks[0]) / (len(ticks) - 1)


def _try_rounds(search: Search, left: int, whole: float) -> tuple[bool, str]:
    """Goes through rounds as long as they may take less in all than `whole` seconds: whether they do,
    and what was seen."""
    open_, begun = search.depths - search.right, _now(search.model)
    hope, until = whole * FEWEST / left, max(whole / TRIAL, QUICK)
    first = min(until, max(COLD * hope, QUICK))
    took = _seconds_of_a_round(search, begun + first)
    if took is None:
        return False, f"a pass of the module takes more than {_short(first)}"
    while not search.done:
        again = _seconds_of_a_round(search, begun + until)
        if again is None:
            break
        took = min(took, again)
    right = open_ - (search.depths - search.right)
    rounds = min(left, -(-search.iterations * open_ // max(right, 1)))
    needed = f"{rounds:,}" if search.done else f"about {rounds:,}"
    won = took * left < whole or took * rounds < MARGIN * whole
    return won, f"a pass of the module takes {_short(took)}, and of at most {left:,} passes {needed} are needed"


def _seconds_of_a_round(search: Search, until: float) -> float | None:
    """None where it is not through by then, and was broken off."""
    begun = _now(search.model)

    def tap(node: Node, value: Tensor) -> Tensor:
        if _now(search.model) > until:
            raise _Enough
        return value

    try:
        search.round(tap)
    except _Enough:
        return None
    return _now(search.model) - begun


def _now(model: Network) -> float:
    """Seconds on the clock, when the device has done what it was asked to; of a single thread those that it was given,
    so that other programs do not count."""
    if model.device.type == "cuda":
        torch.cuda.synchronize(model.device)
    alone = model.device.type == "cpu" and torch.get_num_threads() == 1
    return time.thread_time() if alone else time.perf_counter()


def _short(seconds: float) -> str:
    return f"{seconds:.3g} s" if seconds >= 1 else f"{seconds * 1e3:.3g} ms"
