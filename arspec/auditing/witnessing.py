"""Puts the questions that a witness needs: inputs that differ in what must not be read, and which positions may not
move then."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from typing import Concatenate, ParamSpec

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from arspec.auditing.borrowed import Borrowed
from arspec.auditing.case import Case
from arspec.auditing.shown import Witness, plainness
from arspec.shadow.drawing import drawn_from
from arspec.shadow.flow import differing
from arspec.shadow.history import History, Recording, TooLarge, record
from arspec.shadow.parting import Side, parted
from arspec.shadow.routes import chosen_rows, route
from arspec.shadow.witness import Chain, Grid, Tier, find
from arspec.verification.dependencies import Findings, Violation

Given = ParamSpec("Given")

LIMIT = 64 << 20  # bytes of the values of one pass
QUESTIONS = 4  # suffixes of the order that are changed, beside the change that leaks and those around it
OUTSIDE = 32.0  # times the values of the alphabet
TRIES = 32  # inputs that are tried until the output moves
FEW = 4  # of those that move it in a batch are tried alone


def explain(
    once: Callable[[Tensor], Tensor],
    module: nn.Module,
    alphabet: Tensor,
    shape: Sequence[int],
    variable: NDArray[np.int64],
    spoken: Sequence[int],
    forbidden: NDArray[np.bool_],
    output: int,
    inputs: Sequence[int],
    *,
    rank: NDArray[np.int64] | None = None,
    source: NDArray[np.int64] | None = None,
    channels: int = 1,
    pairs: bool = True,
    outside: bool = False,
    tries: int = TRIES,
    first: tuple[Tensor, Tensor] | None = None,
    most: int = QUESTIONS + 7,
    seed: int = 0,
) -> Chain | None:
    """How the output for a variable comes to know of some inputs; None where it did not move in any of the tries.

    once: one pass, [B, *shape] -> [B, V, K], the row of each variable at its place. variable: [N], that of each scalar.
    spoken: the sizes of the axes of the variables, channels first. forbidden: [V, V], output x input. rank: of each
    variable where there is an order; positions of the module are asked in its layout too. source: [V], the place of
    the output that speaks of each variable, -1 where none does. outside: what is changed leaves the alphabet. pairs:
    whether elements may belong to two positions, as scores do. tries: inputs, until the output moves. first: an input
    and a changed one that are known to move it; there are no further tries then.
    most: passes, of which at least one asks a question, each of which changes a suffix of the order.
    """
    spent = 0

    def run(x: Tensor) -> Tensor:
        nonlocal spent
        spent += 1
        return once(x)

    generator = torch.Generator().manual_seed(seed)
    numbers = torch.from_numpy(np.asarray(variable))
    ranked = rank if rank is not None else np.arange(len(forbidden))

    def drawn() -> Tensor:
        return alphabet[torch.randint(len(alphabet), (1, *shape), generator=generator)]

    def altered(x: Tensor, which: NDArray[np.bool_]) -> Tensor:
        """All variables of `which` [V] take another value."""
        where = torch.from_numpy(which)[numbers].reshape(tuple(shape))
        others = _others(x, alphabet, generator)
        return torch.where(where, others * OUTSIDE if outside and x.is_floating_point() else others, x)

    places = np.zeros_like(forbidden)  # what the output at each place may not read
    spoken_of = np.arange(len(forbidden)) if source is None else source
    places[spoken_of[spoken_of >= 0]] = forbidden[spoken_of >= 0]
    own = np.zeros(len(forbidden), bool)
    own[list(inputs)] = True
    likely = [first] if first is not None else _likely(run, drawn, altered, own, forbidden[output], output, tries)
    for x, changed in likely:
        base = record(run, x, module, LIMIT)
        given = route(base)
        other = record(run, changed, module, LIMIT, given)
        if given and not _shows(base, other, output):  # the leak may go by the route itself
            given = []
            other = record(run, changed, module, LIMIT)
        if _shows(base, other, output):
            break
    else:
        return None
    chosen = _suffixes(ranked, forbidden, output, max(1, min(QUESTIONS + 3, most - spent)))
    asked = [record(run, altered(x, which), module, LIMIT, given) for which in chosen]
    assert base.result is not None
    wanted = torch.zeros((1, len(forbidden), 1), dtype=torch.bool)
    wanted[:, output] = True
    tiers = _tiers([own, *chosen], places, ranked, spoken, channels, pairs=pairs)
    routes = chosen_rows(base, len(forbidden)) if given else []
    tiers = [
        Tier((*tier.grids, *(Grid((len(r),), tier.grids[0].forbidden[:, r]) for r in routes)))
        if tier.grids[0].forbidden.shape[1] == len(forbidden)
        else tier
        for tier in tiers
    ]
    return find(module, base, other, wanted.expand(base.result.value.shape), asked, tiers)


def _likely(
    run: Callable[[Tensor], Tensor],
    drawn: Callable[[], Tensor],
    altered: Callable[[Tensor, NDArray[np.bool_]], Tensor],
    own: NDArray[np.bool_],
    every: NDArray[np.bool_],
    output: int,
    tries: int,
) -> Iterator[tuple[Tensor, Tensor]]:
    """Inputs, each with a changed one: the first as it is drawn, then those of many that move the output where they
    are tried in one batch; one by one where there are few."""
    x = drawn()
    yield x, altered(x, own)
    for which in (own, every):
        many = torch.cat([drawn() for _ in range(tries)])
        changed = altered(many, which)
        with torch.no_grad():
            moved = differing(run(many), run(changed))[:, output].flatten(1).any(1)
        for row in moved.nonzero()[:FEW, 0].tolist():
            yield many[row : row + 1], changed[row : row + 1]


def _shows(base: History, other: History, output: int) -> bool:
    """Whether the output for a variable differs between two passes."""
    assert base.result is not None and other.result is not None
    return bool(differing(base.result.value, other.result.value)[:, output].any())


def _others(x: Tensor, alphabet: Tensor, generator: torch.Generator) -> Tensor:
    """Another value of the alphabet for every scalar."""
    if len(alphabet) < 2:
        return x
    place = torch.searchsorted(alphabet, x.contiguous()).clamp(max=len(alphabet) - 1)
    step = torch.randint(1, len(alphabet), x.shape, generator=generator)
    return alphabet[(place + step) % len(alphabet)]


def _suffixes(rank: NDArray[np.int64], forbidden: NDArray[np.bool_], output: int, most: int) -> list[NDArray[np.bool_]]:
    """What several outputs may not read, all of it changed: among them the output in question."""
    outputs = np.argsort(rank, kind="stable")
    place = int(np.flatnonzero(outputs == output)[0])
    spread = np.linspace(0, len(outputs) - 1, min(len(outputs), QUESTIONS)).round().astype(int)
    near = [place + step for step in (0, -1, 1) if 0 <= place + step < len(outputs)]
    rows = [forbidden[outputs[k]] for k in dict.fromkeys([*near, *spread.tolist()])]
    return [row for row in rows if row.any()][:most]


def _tiers(
    changes: list[NDArray[np.bool_]],
    forbidden: NDArray[np.bool_],
    rank: NDArray[np.int64],
    spoken: Sequence[int],
    channels: int,
    *,
    pairs: bool,
) -> list[Tier]:
    """What may not move under each change: positions that may not read any of what is changed; then those that also do
    not hold any of it themselves; then the same for whole positions of all channels."""
    variables = len(forbidden)
    asked = np.stack(changes)  # [Q, V]
    free = np.asarray((asked[:, None, :] & ~forbidden[None]).any(2))  # [Q, V]: it may read some of what is changed
    strict = ~free
    lenient = strict & ~asked
    tiers: list[Tier] = []
    by_rank = np.argsort(rank, kind="stable")
    for quiet in (strict, lenient):
        grids = [Grid(tuple(spoken), torch.from_numpy(quiet), pairs)]
        if not np.array_equal(by_rank, np.arange(variables)):
            grids.append(Grid((variables,), torch.from_numpy(quiet[:, by_rank]), pairs))
        tiers.append(Tier(tuple(grids)))
        if channels > 1 and variables % channels == 0:
            whole = quiet.reshape(len(quiet), channels, -1).all(1)
            tiers.append(Tier((Grid(tuple(spoken[1:]), torch.from_numpy(whole), pairs),)))
    return tiers


def _apart(
    look: Callable[Concatenate[Borrowed, Given], list[Witness]],
) -> Callable[Concatenate[Borrowed, Given], list[Witness]]:
    """Counts the passes of a look for the line apart from those that decide."""

    @functools.wraps(look)
    def counted(subject: Borrowed, *args: Given.args, **named: Given.kwargs) -> list[Witness]:
        before = subject.meter.passes
        try:
            return look(subject, *args, **named)
        finally:
            subject.meter.apart += subject.meter.passes - before

    return counted


@_apart
def of_violation(
    subject: Borrowed,
    case: Case,
    alphabet: Tensor,
    found: Findings,
    mode: str,
    forbidden: NDArray[np.bool_] | None = None,
) -> list[Witness]:
    """The witness of the plainest violation; none where it cannot be shown again at a size that can be written down.

    Leaves the weights as they are in that draw."""
    if not found.violations or not subject.witnessed:
        return []
    plain = min(found.violations, key=lambda violation: plainness(violation, case.rank))
    subject.redraw(plain.draw)
    most = _left(mode, subject)
    whole = case
    for size in (16, 64, 0):
        if size and (not case.question.free or len(case.layout.grid) != 1 or case.variables <= 2 * size):
            continue
        if size and forbidden is not None:
            continue
        small, here = subject, case
        output, inputs = plain.output, list(plain.inputs)
        if size:
            here = case.resized(**{case.layout.grid[0]: size})
            small = subject.resized(here.layout, here.arrange)
            output, inputs = _moved_in(whole, here, plain)
        try:
            chain = _explained(small, here, alphabet, output, inputs, forbidden, plain.outside, most)
        except (Exception, SystemExit):  # whatever a module raises while it is watched is no finding
            chain = None
        if chain is not None and chain.blamed:
            at = "" if not size else f"{here.layout.grid[0]}={size}"
            names = here.layout.name(inputs[0]) + (f" and {len(inputs) - 1:,} more" if len(inputs) > 1 else "")
            return [Witness(mode, here.layout.name(output), names, chain, at)]
    return []


def _moved_in(whole: Case, small: Case, violation: Violation) -> tuple[int, list[int]]:
    """The same violation in a shorter row, as far in the order behind the output as it was, or the last of the row."""
    output = min(violation.output, small.variables // 2)
    ahead = [int(whole.rank[u] - whole.rank[violation.output]) for u in violation.inputs]
    inputs = sorted({min(output + max(0, step), small.variables - 1) for step in ahead})
    return output, inputs


def _explained(
    subject: Borrowed,
    case: Case,
    alphabet: Tensor,
    output: int,
    inputs: Sequence[int],
    forbidden: NDArray[np.bool_] | None,
    outside: bool,
    most: int,
) -> Chain | None:
    layout = case.layout
    rank = np.asarray(case.rank)
    may_not = (rank[None, :] >= rank[:, None]) & case.modelled[:, None] if forbidden is None else forbidden
    return explain(
        subject,
        subject.module,
        alphabet,
        layout.shape,
        layout.variable,
        [layout.sizes[axis] for axis in layout.spoken],
        np.asarray(may_not, dtype=bool),
        output,
        inputs,
        rank=rank,
        source=np.asarray(case.source),
        channels=1 if layout.joint else layout.channels,
        outside=outside,
        most=most,
    )


@_apart
def of_parting(
    subject: Borrowed,
    mode: str,
    data: Tensor,
    one: Callable[[], Tensor],
    other: Callable[[], Tensor],
    side: Side,
    window: tuple[int, int, int] | None = None,
) -> list[Witness]:
    """The first operator whose values differ between two passes of a module on data, which lie in the memory of `data`
    or are copied from there; none where that cannot be told."""
    if not subject.witnessed:
        return []
    module = subject.module
    try:
        ours = record(lambda _: one(), data, module, LIMIT)
        chain = parted(ours, record(lambda _: other(), data, module, LIMIT), side, window=window)
    except (Exception, SystemExit):
        return []
    return [] if chain is None else [Witness(mode, "", "", chain)]


@_apart
def of_decoding(
    subject: Borrowed, data: Tensor, whole: Callable[[], Tensor], steps: Sequence[Callable[[], object]]
) -> list[Witness]:
    """The first operator whose values differ between a full pass and the last of several calls with a cache."""
    if not subject.witnessed:
        return []
    module = subject.module
    try:
        with torch.no_grad(), Recording(module, LIMIT) as recording:
            since = 0
            for step in steps:
                since = recording.mark()
                step()
        recording.history.source = data
        chain = parted(record(lambda _: whole(), data, module, LIMIT), recording.history, "right", since)
    except (Exception, SystemExit):
        return []
    return [] if chain is None else [Witness("cache", "", "", chain)]


@_apart
def of_batch(subject: Borrowed, case: Case, alphabet: Tensor, x: Tensor, other: Tensor, moved: Tensor) -> list[Witness]:
    """How an example of a batch comes to know of another one: of x and `other` [B, *shape], which differ in one
    example, and of the examples that `moved` [B] beside it."""
    if not subject.witnessed or not bool(moved.any()):
        return []
    examples, layout = len(x), case.layout
    changed = int((x != other).flatten(1).any(1).nonzero()[0, 0])
    output = int(moved.nonzero()[0, 0])

    def run(x: Tensor) -> Tensor:
        return subject(x.reshape(examples, *layout.shape)).reshape(1, examples, -1)

    try:
        chain = explain(
            run,
            subject.module,
            alphabet,
            (examples, *layout.shape),
            np.repeat(np.arange(examples), layout.entries),
            (examples,),
            ~np.eye(examples, dtype=bool),
            output,
            [changed],
            pairs=False,
            first=(x[None], other[None]),
            most=_left("batch", subject),
        )
    except (Exception, SystemExit):  # whatever a module raises while it is watched is no finding
        return []
    if chain is None or not chain.blamed:
        return []
    return [Witness("batch", f"example {output}", f"example {changed}", chain)]


@_apart
def of_sampling(
    subject: Borrowed, draw: int, sampler: Callable[[int], object], scored: Callable[[Tensor], Tensor | None]
) -> list[Witness]:
    """Where a sampler draws from other numbers than the module scores, with the weights of a draw. `scored`: what the
    sampler gave -> the probabilities [V, L] of each variable given those before it, in the order of generation."""
    if not subject.witnessed:
        return []
    subject.redraw(draw)
    try:
        with torch.no_grad(), subject.quiet(), Recording(subject.module, LIMIT) as recording:
            out = sampler(1)
        with torch.no_grad():
            wanted = scored(torch.as_tensor(out))
        chain = None if wanted is None else drawn_from(recording.history, wanted)
    except (Exception, SystemExit):  # whatever a module raises while it is watched is no finding
        return []
    return [] if chain is None else [Witness("sampler", "", "", chain)]


def _left(mode: str, subject: Borrowed) -> int:
    """How many are left of the passes that an audit takes. What was spent counts twice in the modes that others
    follow."""
    left = 25 - 2 * subject.meter.passes if mode in ("evaluation", "training") else 24 - subject.meter.passes
    return max(1, int(left))


__all__ = ["TooLarge", "explain", "of_batch", "of_decoding", "of_parting", "of_sampling", "of_violation"]
