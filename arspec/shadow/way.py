"""The shortest way by which a change of the input moves one output."""

# Storages have no public names in torch.
# pyright: reportPrivateUsage=false

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from arspec.shadow.flow import Flow, changed_by, relevant
from arspec.shadow.history import Held, Recorded

FAR = 1 << 30
READS = {"local_scalar_dense", "is_nonzero", "nonzero", "nonzero_static", "masked_select", "equal", "unique2", "item"}


@dataclass(frozen=True)
class Link:
    """A call on the way, and the number of its output that goes on. `gap`: what lies before it was not seen."""

    call: Recorded
    out: int
    gap: bool = False


def shortest(flow: Flow, wanted: Tensor) -> list[Link]:
    """The shortest way from the input to the moved elements `wanted` of the result, from the input on.

    wanted: booleans of the result's shape. Empty where nothing that was seen moves them.
    """
    search = _Search(flow)
    assert flow.base.result is not None
    search.start(flow.base.result, wanted)
    for call in reversed(flow.base.calls):
        search.through(call)
    return search.way()


class _Search:
    """Distances to the wanted output, element by element, from the last call to the first."""

    def __init__(self, flow: Flow) -> None:
        self.flow = flow
        self.far: dict[tuple[int, int], Tensor] = {}
        self.best: tuple[int, int, bool] | None = None  # distance from the input, first call, whether a gap is before
        self.asked: dict[tuple[int, int], list[tuple[int, Tensor]]] = {}
        self.end: tuple[int, int] | None = None

    def start(self, result: Held, wanted: Tensor) -> None:
        if result.producer is not None:
            self._reach(len(self.flow.base.calls), result, wanted, 0)

    def through(self, call: Recorded) -> None:
        """Hands the distances of a call's outputs to what it read."""
        reached = {k: self.far[call.index, k] for k in range(len(call.outs)) if (call.index, k) in self.far}
        if not reached:
            return
        cost = 0 if call.module is None else 1
        levels = sorted({int(d) for far in reached.values() for d in far[far < FAR].unique()})
        for level in levels:
            wanted = {k: far == level for k, far in reached.items()}
            found = relevant(self.flow, call, wanted)
            reached_any = [self._reach(call.index, call.inputs[number], mask, level + cost) for number, mask in found]
            if not any(reached_any):
                self._unseen(call, level + cost)

    def _reach(self, by: int, held: Held, mask: Tensor, distance: int) -> bool:
        """Elements of a tensor that a call reads lie `distance` from the output. Whether any of them was moved by what
        made them."""
        if not bool(mask.any()):
            return False
        if held.tensor is self.flow.base.source or (
            held.producer is None
            and self.flow.base.source is not None
            and held.storage == _storage(self.flow.base.source)
        ):
            if self.best is None or distance < self.best[0]:
                self.best = (distance, by, False)
            return True
        made = -1 if held.producer is None else held.producer[0]
        left, put = mask.clone(), False
        for index, number in reversed(self.flow.base.writes.get(held.storage, [])[: held.writes]):
            if index <= made:
                break
            target = self.flow.base.calls[index].outs[number]
            if target.tensor.element_size() != held.tensor.element_size():
                put |= self._put(index, number, torch.ones(target.shape, dtype=torch.bool), distance, by)
                continue
            plane = torch.zeros(held.tensor.untyped_storage().nbytes() // held.tensor.element_size(), dtype=torch.bool)
            plane[held.spots()[left]] = True
            hit = plane[target.spots()]
            put |= self._put(index, number, hit, distance, by)
            plane[target.spots()[hit]] = False
            left &= plane[held.spots()]
        if held.producer is not None:
            put |= self._put(made, held.producer[1], left, distance, by)
        elif bool(left.any()):
            self._unseen_tensor(by, distance)
            return True
        return put

    def _put(self, index: int, number: int, mask: Tensor, distance: int, by: int) -> bool:
        mask = mask & self.flow.moved(self.flow.base.calls[index], number)
        if not bool(mask.any()):
            return False
        key = (index, number)
        if key not in self.far:
            self.far[key] = torch.full(mask.shape, FAR, dtype=torch.int64)
            self.asked[key] = []
        nearer = mask & (distance < self.far[key])
        if bool(nearer.any()):
            self.far[key][nearer] = distance
            self.asked[key].append((by, nearer))
        return True

    def _unseen(self, call: Recorded, distance: int) -> None:
        """No tensor that the call read moves it: a number that Python read before does."""
        for earlier in reversed(self.flow.base.calls[: call.index]):
            if earlier.name in READS and any(
                bool(self.flow.moved_input(earlier, k).any()) for k in range(len(earlier.inputs))
            ):
                for number, held in enumerate(earlier.inputs):
                    self._note(earlier.index, call.index)
                    self._reach(earlier.index, held, self.flow.moved_input(earlier, number), distance + 1)
                return
        if self.best is None:
            self.best = (FAR, call.index, True)

    def _unseen_tensor(self, by: int, distance: int) -> None:
        """A tensor that came from nowhere: numpy, or memory that was written unseen."""
        for earlier in reversed(self.flow.base.calls[:by]):
            if earlier.module is not None and any(
                bool(self.flow.moved(earlier, k).any()) for k in range(len(earlier.outs))
            ):
                for k in range(len(earlier.outs)):
                    self._put(earlier.index, k, self.flow.moved(earlier, k), distance, by)
                return
        if self.best is None:
            self.best = (FAR, by, True)

    def _note(self, earlier: int, by: int) -> None:
        self.read_by = getattr(self, "read_by", {})
        self.read_by[earlier] = by

    def way(self) -> list[Link]:
        """From the input on: at each call the next one that its moved elements lead to by the shortest way."""
        if self.best is None:
            return []
        _, index, gap = self.best
        links: list[Link] = []
        calls = self.flow.base.calls
        seen: set[int] = set()
        arrived: Tensor | None = None  # elements of the call's output that what came so far moves
        while index < len(calls) and index not in seen:
            seen.add(index)
            call = calls[index]
            after = getattr(self, "read_by", {}).get(index)
            options = [k for k in range(len(call.outs)) if (index, k) in self.far]
            if not options:
                links.append(Link(call, 0, gap))
                if after is None:
                    break
                index = after
                continue
            number = min(options, key=lambda k: int(self.far[index, k].min()))
            far = self.far[index, number]
            allowed = far < FAR if arrived is None or arrived.shape != far.shape else (far < FAR) & arrived
            if not bool(allowed.any()):
                allowed = far < FAR
            level = int(far[allowed].min())
            at = allowed & (far == level)
            links.append(Link(call, number, gap))
            gap = False
            following = next((by for by, mask in reversed(self.asked[index, number]) if bool((mask & at).any())), None)
            if following is None:
                break
            arrived = None
            if following < len(calls):
                arrived = self._carried(call, number, at, calls[following])
            index = following
        return links

    def _carried(self, call: Recorded, number: int, at: Tensor, following: Recorded) -> Tensor | None:
        """Which elements of the next call's output those of this one move."""
        for place, held in enumerate(following.inputs):
            if held.producer != (call.index, number) or held.shape != tuple(at.shape):
                continue
            found = changed_by(self.flow, following, {place: at})
            if found is not None:
                best = [k for k in range(len(found)) if (following.index, k) in self.far and bool(found[k].any())]
                if best:
                    return found[best[0]]
        return None


def _storage(tensor: Tensor) -> int:
    return tensor.untyped_storage()._cdata
