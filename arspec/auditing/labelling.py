"""One forward pass of a module under shadow memory: the highest rank that the output for each variable reads."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from arspec.auditing.borrowed import Borrowed
from arspec.auditing.case import Case
from arspec.auditing.comparing import check_steady
from arspec.auditing.first_call import first_call
from arspec.auditing.reasons import reason
from arspec.shadow import LOOSE, Closing, Closure, Held, Trace, trace

NONE = torch.iinfo(torch.int32).max  # the limit of what may read everything

Arrange = Callable[[Tensor], Tensor]  # an output as the module gives it -> rows [B, N, K]


@dataclass(frozen=True)
class Labelled:
    """What one pass says.

    highest     [B, V] the highest rank that the output for each variable reads, -1 for none
    output      the same for each number of the output as the module gives it
    values      those numbers
    close       runs further passes on other values of what is late in the order, with the weights as they are; each
                says whether what labels call unchanged was so
    draw        of the weights, which are still those
    first       how the first call of a copy differs from the pass; nothing where it does not
    """

    highest: Tensor
    output: Tensor
    values: Tensor
    trace: Trace
    close: Callable[[], list[Closure]]
    draw: int
    first: Callable[[], str]

    def exceeds(self, limit: Tensor) -> Tensor:
        """[V]: the variables whose output reads, by the labels, a rank that is not below its limit [V] or [B, V]."""
        return (self.highest >= limit).any(0)

    @property
    def open(self) -> list[str]:
        """What was seen only from outside: operators without a rule and unseen memory, each once, with its line."""
        first: dict[str, str] = {}
        for each in self.trace.opaque:
            first.setdefault(each.operator.removeprefix("aten."), f"{each.place}")
        for each in self.trace.unseen:
            first.setdefault(each.what, f"{each.place}")
        return [f"{name} ({place})" for name, place in first.items()]

    @property
    def read(self) -> list[str]:
        """What Python was given of data, so that all that runs later may depend on it, each once, with its line."""
        return self._read(given=False)

    @property
    def taken(self) -> list[str]:
        """What Python was given of data and the pass takes as it is, each once, with its line."""
        return self._read(given=True)

    def _read(self, *, given: bool) -> list[str]:
        reads = [each for each in self.trace.reads if each.given == given and each.label != LOOSE]
        first = {f"{each.how} ({each.place})": None for each in reads}
        return list(first)


def label(
    subject: Borrowed,
    x: Tensor,
    ranks: Tensor,
    *,
    alphabet: Tensor,
    route_given: bool = False,
    more: Mapping[str, Any] | None = None,
    cuts: int = 1,
    held: tuple[Arrange, Tensor] | None = None,
) -> Labelled | str:
    """Labels of a pass on x [B, *shape] whose entries have `ranks` (it broadcasts; -1: of no variable), or why there
    are none. `more` are further arguments of the call; `cuts` is how many passes close it. `held` are rows [B, N, K] of
    an output and their limits (it broadcasts to [B, N]): with the route given, those rows alone are held to values.

    The weights are redrawn, or the module's own where it takes no others. They stay set."""
    found = subject.followed(
        lambda draw: _label(subject, x, ranks, alphabet, route_given, more or {}, cuts, held, draw)
    )
    return f"its operators cannot be followed: {reason(found)}" if isinstance(found, BaseException) else found


def ranks_of(case: Case) -> Tensor:
    """[1, *shape]: the rank of the variable of each entry of an example."""
    return case.layout.by_entry(case.rank)


def _label(
    subject: Borrowed,
    x: Tensor,
    ranks: Tensor,
    alphabet: Tensor,
    route_given: bool,
    more: Mapping[str, Any],
    cuts: int,
    held: tuple[Arrange, Tensor] | None,
    draw: int,
) -> Labelled:
    layout, ranks = subject.layout, ranks.expand(x.shape)
    given = subject.enter(x).clone(memory_format=torch.contiguous_format)
    sources = [(given, layout.spread(ranks))]
    traced: list[Trace] = []
    chosen = _cuts(ranks, cuts)
    closing = Closing(chosen)

    def around(call: Callable[[], Any]) -> Any:
        with torch.no_grad():
            traced.append(trace(call, sources, route_given=route_given, watchers=[closing]))
        return traced[-1].output

    def close() -> list[Closure]:
        found: list[Closure] = []
        for rank in chosen:
            place = torch.searchsorted(alphabet, x)
            others = alphabet[(place + 1 + place % max(1, len(alphabet) - 1)) % len(alphabet)]
            changed = subject.enter(torch.where(ranks > rank, others, x))

            def compare(call: Callable[[], Any], rank: int = rank) -> Any:
                with torch.no_grad():
                    output, closure = closing.compare(call, rank, traced[0], held=limited)
                found.append(closure)
                return output

            subject.whole(changed, len(x), compare, **more)
            if not found[-1].ok:
                with torch.no_grad():
                    check_steady(out, subject.raw(given.clone(), len(x), **more))
        return found

    out = subject.raw(given, len(x), around, **more)
    output = (traced[-1].labels(out).long() - (LOOSE + 1)).clamp_min(-1)
    values = out.detach()
    limited = Held(subject.taken, _limits(out, *held)) if held is not None and route_given else None
    return Labelled(
        subject.rows(output, len(x)).amax(-1),
        output,
        values,
        traced[-1],
        close,
        draw,
        lambda: first_call(subject, given, values, more),
    )


def _limits(out: Tensor, arrange: Arrange, limit: Tensor) -> Tensor:
    """The limit of each number of an output as the module gives it: the lowest of the rows that it stands in."""
    rows = arrange(torch.arange(out.numel()).reshape(out.shape))
    limits = torch.full((out.numel(),), NONE)
    limits.scatter_reduce_(0, rows.reshape(-1), limit[..., None].clamp_max(NONE).expand(rows.shape).reshape(-1), "amin")
    return limits.reshape(out.shape)


def _cuts(ranks: Tensor, cuts: int) -> list[int]:
    """So many ranks between the others, evenly: what lies above one of them is changed."""
    known = torch.unique(ranks)[:-1]
    if not len(known):
        return []
    places = torch.linspace(0, len(known) - 1, cuts + 2)[1:-1].round().long()
    return sorted({int(rank) for rank in known[places]})
