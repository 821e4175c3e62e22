"""A witness in the author's own code: the shortest way from a variable to an output that must not know it, and the line
where a position first learns what it must not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from arspec.shadow.blame import Blame, Broken, blame, masks_weights
from arspec.shadow.flow import Flow, differing
from arspec.shadow.history import Held, History, Recorded
from arspec.shadow.places import Place
from arspec.shadow.placing import Grid, Order
from arspec.shadow.way import Link, shortest

APART = "and here its parts are taken for one position"
BLOCKS = "several positions are treated as one here"
RESHAPES = ("view", "unsafe_view", "reshape", "reshape_alias", "unfold", "as_strided")


@dataclass(frozen=True)
class Step:
    """One operator on the way: the author's expression and the module's path in `place`, the shapes of the tensors that
    it reads and of what it gives on. `gap`: what lies before it was not seen by torch."""

    operator: str
    place: Place
    reads: tuple[tuple[int, ...], ...]
    gives: tuple[int, ...]
    gap: bool = False


@dataclass(frozen=True)
class Chain:
    """What was found: the steps from the variable to the output, which of them breaks the order (None where none is
    told apart), and the lines to look at, that which must be changed first."""

    steps: tuple[Step, ...]
    breaks: int | None
    blamed: tuple[Blame, ...]


@dataclass(frozen=True)
class Tier:
    """One statement of what positions may not hold, in each layout of the positions. The stricter ones come first."""

    grids: tuple[Grid, ...]


def find(
    module: nn.Module,
    base: History,
    changed: History,
    wanted: Tensor,
    questions: Sequence[History],
    tiers: Sequence[Tier],
    learns: str = "a position learns here what it must not",
) -> Chain | None:
    """The chain from what is changed to the wanted elements of the result, or None where these do not move.

    base, changed: two passes of the module, as `record` gives them. wanted: booleans of the result's shape. questions:
    passes with other inputs; the grids of `tiers` say for `changed` and then for each of them which positions may not
    move.
    """
    flow = Flow(base, changed)
    assert base.result is not None and changed.result is not None
    wanted = wanted & differing(base.result.value, changed.result.value)
    if not bool(wanted.any()):
        return None
    links = shortest(flow, wanted)
    judge = _Judge(module, base, [flow, *(Flow(base, question) for question in questions)])
    found = judge.breaking(tiers, links)
    if found is None:
        return _chain(links, None, [])
    at, before, order = found.call, found.before, found.order
    if all(link.call.index != at.index for link in links):
        toward = _toward(flow, at)
        links = [*toward, *links[-1:]]
        before = [link for link in toward if link.call.index < at.index] or before
    blamed = blame(module, base, Broken(at, before, judge.pairs(at, order)), order, learns)
    blamed += [Blame(call.place, about) for call, about in found.also if call.place.line != at.place.line]
    own = [link for link in links if link.call.module is not None]
    if found.unshifted and own and own[-1].call.place.line != at.place.line:
        blamed.append(Blame(own[-1].call.place, "nothing moves it on by one before the output is read here"))
    return _chain(links, at, blamed)


def _toward(flow: Flow, at: Recorded) -> list[Link]:
    """The shortest way to what a call wrote."""
    for number, out in enumerate(at.outs):
        moved = flow.moved(at, number)
        if bool(moved.any()):
            part = History(flow.base.calls[: at.index + 1], flow.base.writes, out, flow.base.source)
            return shortest(_part(flow, part), moved)
    return []


def _part(flow: Flow, part: History) -> Flow:
    """The same two passes up to a call."""
    made = Flow(part, flow.other)
    made.match = flow.match
    return made


def _chain(links: Sequence[Link], at: Recorded | None, blamed: Sequence[Blame]) -> Chain:
    own = [link for link in links if link.call.module is not None]
    steps = tuple(
        Step(
            link.call.name,
            link.call.place,
            tuple(held.shape for held in link.call.inputs),
            link.call.outs[link.out].shape if link.call.outs else (),
            link.gap,
        )
        for link in own
    )
    breaks = next((k for k, link in enumerate(own) if at is not None and link.call.index == at.index), None)
    return Chain(steps, breaks, tuple(blamed))


@dataclass(frozen=True)
class _Found:
    """The call that breaks the order, the links before it, and the order that it breaks. `unshifted`: what is missing
    is a shift by one, which might stand in other places too."""

    call: Recorded
    before: list[Link]
    order: Order
    unshifted: bool = False
    also: list[tuple[Recorded, str]] = field(default_factory=list[tuple[Recorded, str]])


class _Judge:
    """Which tensors of the first pass keep the order."""

    def __init__(self, module: nn.Module, base: History, flows: Sequence[Flow]) -> None:
        self.module = module
        self.base = base
        self.flows = flows
        self._kept: dict[tuple[int, int, int], bool] = {}
        self._orders: dict[int, Order] = {}

    def order(self, number: int, tier: Tier) -> Order:
        """The readings of a tier."""
        if number not in self._orders:
            self._orders[number] = Order(tier.grids)
        return self._orders[number]

    def moved(self, call: Recorded, out: int) -> Tensor:
        """[questions, *shape]: where an output moves."""
        return torch.stack([flow.moved(call, out) for flow in self.flows])

    def moved_input(self, call: Recorded, number: int) -> Tensor:
        """[questions, *shape]: where an input moves."""
        return torch.stack([flow.moved_input(call, number) for flow in self.flows])

    def keeps(self, tier: int, order: Order, call: Recorded, out: int) -> bool:
        """Whether an output keeps the order."""
        key = (tier, call.index, out)
        if key not in self._kept:
            self._kept[key] = order.keeps(self.moved(call, out))
        return self._kept[key]

    def breaking(self, tiers: Sequence[Tier], links: Sequence[Link]) -> _Found | None:
        """The call whose inputs keep the order and whose output does not."""
        own = [link for link in links if link.call.module is not None and link.call.outs]
        if not own:
            return None
        for number, tier in enumerate(tiers):
            order = self.order(number, tier)
            source = order.keeps(self.moved_input(own[0].call, _source_place(own[0].call)))
            kept: list[bool] = []
            for link in own:
                fine = self.keeps(number, order, link.call, link.out)
                if fine and order.padded(self.moved(link.call, link.out)):
                    fine = kept[-1] if kept else source  # padding mends nothing
                kept.append(fine)
            if kept[-1]:
                continue  # it cannot tell this leak
            if not source and not any(kept):
                continue
            last = max((k for k, fine in enumerate(kept) if fine), default=-1)
            call, before = self._deepest(number, order, own[last + 1].call, own[: last + 1])
            if call is own[last + 1].call and last > 0:
                divided = self._divided(order, own[: last + 1])
                if divided is not None:
                    return _Found(divided.call, own[: own.index(divided)], order, also=[(call, APART)])
            also = [(link.call, BLOCKS) for link in self._blocks(order, before)]
            return _Found(*self._latest_masked(order, call, before, own), order, also=also)
        return self._unshifted(self.order(0, tiers[0]), own)

    def _divided(self, order: Order, before: list[Link]) -> Link | None:
        """A view after which a part of an axis is the positions, where before it a whole axis was: as after a reshape
        in place of a transpose. None where that is not how the last tensor is read."""
        last: Link | None = None
        for link in reversed(before):
            moved = self.moved(link.call, link.out)
            reading = order.reading(moved)
            if reading is None:
                break
            if reading.view == tuple(moved.shape[1:]) or reading.step > 1:
                return last if last is not None and _reshapes(last.call) else None
            last = link
        return None

    def _blocks(self, order: Order, before: list[Link]) -> list[Link]:
        """The last call that computes with blocks of positions as with one, where that is what was read last."""
        for link in reversed(before):
            moved = self.moved(link.call, link.out)
            reading = order.reading(moved)
            if reading is None or reading.step == 1:
                break
            rows = order.grids[0].sizes[-2:]
            if len(rows) > 1 and all(
                held.shape.count(size) >= rows.count(size) for held in link.call.outs for size in rows
            ):
                break  # every row and column has a slot of its own
            if not link.call.view:
                return [link]
        return []

    def _latest_masked(
        self, order: Order, call: Recorded, before: list[Link], own: list[Link]
    ) -> tuple[Recorded, list[Link]]:
        """Between masked weights, as in a MADE, hidden units have an order of their own, which no axis spells: the last
        of these masks must fit the outputs."""
        positions = order.grids[0].forbidden.shape[1]
        if not masks_weights(self.module, self.base, call) or positions in call.outs[0].shape:
            return call, before
        places = [k for k, link in enumerate(own) if masks_weights(self.module, self.base, link.call)]
        if not places or own[places[-1]].call.index <= call.index:
            return call, before
        return own[places[-1]].call, own[: places[-1]]

    def _unshifted(self, order: Order, own: list[Link]) -> _Found:
        """Each position holds itself, and its output must not: where what is strict is joined with what is not; else
        the first masked weights; else the first call where positions read one another."""
        for k, link in enumerate(own):
            inputs = [self.moved_input(link.call, n) for n in range(len(link.call.inputs))]
            kept = [order.keeps(moved) for moved in inputs if bool(moved.any())]
            if len(kept) > 1 and any(kept) and not all(kept):
                return _Found(link.call, own[:k], order)
        for k, link in enumerate(own):
            if masks_weights(self.module, self.base, link.call):
                return _Found(link.call, own[:k], order)
        before: Tensor | None = None
        for k, link in enumerate(own):
            now = self._pattern(order, link)
            if now is None:
                continue
            if before is not None and not torch.equal(before, now):
                return _Found(link.call, own[:k], order, True)
            before = now
        return _Found(own[0].call, [], order, True)

    def _pattern(self, order: Order, link: Link) -> Tensor | None:
        """[questions, positions]: what moves, where one axis of an output has as many slots as there are positions."""
        moved = self.moved(link.call, link.out)
        positions = order.grids[0].forbidden.shape[1]
        for axis, size in enumerate(moved.shape[1:], 1):
            if size == positions:
                others = [k for k in range(1, moved.dim()) if k != axis]
                return moved.amax(others) if others else moved
        return None

    def _deepest(self, number: int, order: Order, call: Recorded, before: list[Link]) -> tuple[Recorded, list[Link]]:
        """Down to a call that reads nothing that breaks the order already."""
        seen: set[int] = set()
        while call.index not in seen:
            seen.add(call.index)
            on_way = before[-1].call if before else None
            for held, mask in self._broken_inputs(number, order, call):
                producer = self._producer(held, call, mask)
                if producer is not None and producer.module is not None and producer.index not in seen:
                    if on_way is not None and producer.index == on_way.index:
                        continue
                    call, before = producer, []
                    break
            else:
                return call, before
        return call, before

    def _broken_inputs(self, number: int, order: Order, call: Recorded) -> list[tuple[Held, Tensor]]:
        found: list[tuple[Held, Tensor]] = []
        for k, held in enumerate(call.inputs):
            if held.value.numel() == 0 or held.producer is None:
                continue
            moved = self.moved_input(call, k)
            if bool(moved.any()) and not order.keeps(moved):
                found.append((held, moved))
        return found

    def _producer(self, held: Held, reader: Recorded, moved: Tensor) -> Recorded | None:
        made = -1 if held.producer is None else held.producer[0]
        writers = [i for i, _ in self.base.writes.get(held.storage, [])[: held.writes] if i > made]
        for index in reversed(writers):
            if index < reader.index and any(
                bool(self.moved(self.base.calls[index], k).any()) for k in range(len(self.base.calls[index].outs))
            ):
                return self.base.calls[index]
        return self.base.calls[made] if 0 <= made < reader.index else None

    def pairs(self, call: Recorded, order: Order) -> bool:
        """Whether some moved input of a call holds two positions an element."""
        for k, held in enumerate(call.inputs):
            if held.value.dim() < 2:
                continue
            moved = self.moved_input(call, k)
            if not bool(moved.any()):
                continue
            if held.shape.count(order.grids[0].forbidden.shape[1]) > 1:
                return True
            if order.single(moved) is None and order.pair(moved) is not None:
                return True
        return False


def _reshapes(call: Recorded) -> bool:
    return call.name in RESHAPES


def _source_place(call: Recorded) -> int:
    """The number of the input that came from outside the module."""
    return next((k for k, held in enumerate(call.inputs) if held.producer is None or k == 0), 0)


__all__ = ["Blame", "Chain", "Grid", "Step", "Tier", "find"]
