"""How a change of the input flows: which elements of which tensors it moves, and which inputs of a call moved it.

Two passes that differ in the input are laid side by side. An element is *moved* where its values differ. From the
output, each call is asked which of its moved inputs moved it: by its own derivative, and where it has none by putting
parts of the changed input in place of the first one. So the way is one of values, and needs no rule.
"""

# Operators, their schemas and storages have no public names in torch.
# pyright: reportPrivateUsage=false

from __future__ import annotations

from collections.abc import Callable, Sequence
from difflib import SequenceMatcher
from typing import Any

import torch
from torch import Tensor

from arspec.shadow.call import mutated, targets
from arspec.shadow.history import Held, History, Recorded, replaced

TRIES = 48  # calls of one operator that look for the smallest part of an input that moves an output


class Flow:
    """Two histories of one module, the second with another input."""

    def __init__(self, base: History, other: History) -> None:
        self.base = base
        self.other = other
        self.match = matched(base, other)
        self._moved: dict[tuple[int, int], Tensor] = {}

    def twin(self, call: Recorded) -> Recorded | None:
        """The same call of the second pass."""
        index = self.match.get(call.index)
        return None if index is None else self.other.calls[index]

    def moved(self, call: Recorded, out: int) -> Tensor:
        """Where an output of a call differs, of its shape; everywhere where the second pass has no such call."""
        key = (call.index, out)
        if key not in self._moved:
            twin = self.twin(call)
            value = call.outs[out].value
            self._moved[key] = (
                torch.ones(value.shape, dtype=torch.bool)
                if twin is None or len(twin.outs) <= out
                else differing(value, twin.outs[out].value)
            )
        return self._moved[key]

    def moved_input(self, call: Recorded, number: int) -> Tensor:
        """Where an input of a call differs."""
        held = call.inputs[number]
        twin = self.twin(call)
        if twin is None:
            if held.producer is not None:
                return self.moved(self.base.calls[held.producer[0]], held.producer[1])
            return torch.zeros(held.shape, dtype=torch.bool)
        inputs = twin.inputs
        if number >= len(inputs):
            return torch.ones(held.shape, dtype=torch.bool)
        return differing(held.value, inputs[number].value)


def matched(base: History, other: History) -> dict[int, int]:
    """The calls of two histories that are the same: index to index.

    Both passes are one until they part: of a loop that ends sooner in one of them, the first rounds are the same."""
    ours, theirs = [call.key for call in base.calls], [call.key for call in other.calls]
    parts = _alike(ours, theirs)
    rest = _alike(ours[parts:][::-1], theirs[parts:][::-1])
    found = {index: index for index in range(parts)}
    found |= {len(ours) - k: len(theirs) - k for k in range(1, rest + 1)}
    middle = ours[parts : len(ours) - rest], theirs[parts : len(theirs) - rest]
    matcher = SequenceMatcher(None, *middle, autojunk=False)
    for a, b, size in matcher.get_matching_blocks():
        found |= {parts + a + k: parts + b + k for k in range(size)}
    return found


def _alike(one: Sequence[object], other: Sequence[object]) -> int:
    """How many two rows have in common at their start."""
    return next((k for k, (a, b) in enumerate(zip(one, other)) if a != b), min(len(one), len(other)))


def differing(value: Tensor, other: Tensor) -> Tensor:
    """Where two tensors differ beyond rounding; everywhere where their shapes do."""
    if value.shape != other.shape:
        return torch.ones(value.shape, dtype=torch.bool)
    if not (value.is_floating_point() or value.is_complex()):
        return value != other
    same = (value == other) | (value.isnan() & other.isnan())
    finite = value.abs()[value.isfinite()]
    scale = float(finite.max()) if finite.numel() else 0.0
    wide = value.dtype in (torch.float64, torch.complex128)
    tolerance = (1e-11 if wide else 1e-5) * scale
    return ~same & ~((value - other).abs() <= tolerance)


def relevant(flow: Flow, call: Recorded, wanted: dict[int, Tensor]) -> list[tuple[int, Tensor]]:
    """The inputs, by number, with the moved elements of theirs that move the wanted elements of the outputs."""
    inputs = call.inputs
    moved = {k: flow.moved_input(call, k) for k in range(len(inputs))}
    moved = {k: mask for k, mask in moved.items() if bool(mask.any())}
    if not moved:
        return []
    if call.view:
        return _through_view(call, wanted, moved)
    name = call.name
    if name == "copy":
        moved = {k: mask for k, mask in moved.items() if k != 0} if len(inputs) > 1 else moved
    if torch.Tag.pointwise in call.operator.tags or name in ("copy", "clone", "to_copy"):
        spread = torch.zeros(call.outs[0].shape, dtype=torch.bool)
        for mask in wanted.values():
            spread |= mask
        found = [(k, _narrowed(spread, mask.shape) & mask) for k, mask in moved.items()]
        found = [(k, mask) for k, mask in found if bool(mask.any())]
        if len(found) > 1:
            tried = [(k, mask) for k, mask in found if _moves(flow, call, {k: mask}, wanted)]
            found = tried or found
        if found:
            return found
    found: list[tuple[int, Tensor]] = []
    pulled = _pulled(call, wanted)
    if flow.twin(call) is None:  # another branch: what it read cannot be put into it
        return [(k, pulled[k] & mask) for k, mask in moved.items() if k in pulled and bool((pulled[k] & mask).any())]
    for k, mask in moved.items():
        share = pulled.get(k)
        if share is not None:
            if bool((share & mask).any()):
                found.append((k, share & mask))
        elif _moves(flow, call, {k: mask}, wanted):
            found.append((k, _least(flow, call, k, mask, wanted)))
    if not found:
        for k, mask in moved.items():
            if _moves(flow, call, {k: mask}, wanted):
                found.append((k, _least(flow, call, k, mask, wanted)))
    if not found and _moves(flow, call, moved, wanted):
        found = list(moved.items())
    return found


def _through_view(call: Recorded, wanted: dict[int, Tensor], moved: dict[int, Tensor]) -> list[tuple[int, Tensor]]:
    found: list[tuple[int, Tensor]] = []
    for k, mask in moved.items():
        held = call.inputs[k]
        reached = torch.zeros(held.shape, dtype=torch.bool)
        for number, want in wanted.items():
            out = call.outs[number]
            if out.storage != held.storage:
                continue
            if out.tensor.element_size() != held.tensor.element_size():
                reached |= True
                continue
            plane = torch.zeros(held.tensor.untyped_storage().nbytes() // held.tensor.element_size(), dtype=torch.bool)
            plane[out.spots()[want]] = True
            reached |= plane[held.spots()]
        if bool((reached & mask).any()):
            found.append((k, reached & mask))
    return found


def _narrowed(mask: Tensor, shape: Sequence[int]) -> Tensor:
    """A mask of a broadcast shape, on what was broadcast to it."""
    lead = mask.dim() - len(shape)
    if lead > 0:
        mask = mask.any(0) if lead == 1 else mask.flatten(0, lead - 1).any(0)
    if lead < 0 or any(a != b and b != 1 for a, b in zip(mask.shape, shape, strict=False)):
        return torch.ones(tuple(shape), dtype=torch.bool)
    for dim, size in enumerate(shape):
        if size == 1 and mask.shape[dim] != 1:
            mask = mask.any(dim, keepdim=True)
    return mask.expand(tuple(shape))


def run_again(call: Recorded, value: Callable[[int, Held], Tensor], *, graph: bool = False) -> list[Tensor]:
    """The targets of the call with other values of its inputs, given by number. Nothing of the caller's is written."""
    number = -1

    def given(leaf: Any) -> Any:
        nonlocal number
        if not isinstance(leaf, Held):
            return leaf
        number += 1
        new = value(number, leaf)
        return new.clone() if call.mutated else new

    args, kwargs = replaced(call.args, given), replaced(call.kwargs, given)
    with torch.random.fork_rng(devices=[]), torch.set_grad_enabled(graph):
        torch.default_generator.manual_seed(0)
        out = call.operator(*args, **kwargs)
    return targets(out, mutated(call.operator, args, kwargs))


def _pulled(call: Recorded, wanted: dict[int, Tensor]) -> dict[int, Tensor]:
    """For each input of floating point where the derivative of the wanted elements is not zero; none without one."""
    inputs = call.inputs
    leaves = {
        k: held.value.detach().clone().requires_grad_()
        for k, held in enumerate(inputs)
        if held.value.is_floating_point()
    }
    try:
        outs = run_again(call, lambda k, held: leaves.get(k, held.value), graph=True)
        total, generator = torch.zeros((), dtype=torch.float64), torch.Generator().manual_seed(0)
        for k, mask in wanted.items():
            if outs[k].requires_grad and outs[k].is_floating_point() and outs[k].shape == mask.shape:
                weight = torch.rand(mask.shape, dtype=torch.float64, generator=generator) + 0.5
                values = torch.where(mask & outs[k].isfinite(), outs[k], 0).double()
                total = total + (values * weight * mask).sum()
        if not total.requires_grad:
            return {}
        used = [leaves[k] for k in leaves]
        grads = torch.autograd.grad(total, used, allow_unused=True)
    except (RuntimeError, NotImplementedError, TypeError, IndexError):
        return {}
    return {
        k: torch.zeros(inputs[k].shape, dtype=torch.bool) if grad is None else grad != 0  # pyright: ignore
        for k, grad in zip(leaves, grads, strict=True)
    }


def changed_by(flow: Flow, call: Recorded, parts: dict[int, Tensor]) -> list[Tensor] | None:
    """Which elements of the outputs differ when these parts of the inputs are as in the second pass. None where the
    call cannot be run so."""
    twin = flow.twin(call)
    if twin is None or len(twin.inputs) != len(call.inputs):
        return None
    others = twin.inputs

    def value(k: int, held: Held) -> Tensor:
        if k not in parts:
            return held.value
        other = others[k].value
        if other.shape != held.value.shape:
            return other
        return torch.where(parts[k], other, held.value)

    try:
        outs = run_again(call, value)
        plain = run_again(call, lambda k, held: held.value)
    except (RuntimeError, NotImplementedError, TypeError, IndexError, ValueError):
        return None
    return [
        differing(a, b) if a.layout == torch.strided else torch.ones((), dtype=torch.bool) for a, b in zip(plain, outs)
    ]


def _moves(flow: Flow, call: Recorded, parts: dict[int, Tensor], wanted: dict[int, Tensor]) -> bool:
    found = changed_by(flow, call, parts)
    if found is None:
        return True  # it cannot be asked, and may
    return any((k < len(found) and found[k].shape == mask.shape and bool((found[k] & mask).any())) or (
        k < len(found) and found[k].shape != mask.shape) for k, mask in wanted.items())  # fmt: skip


def _least(flow: Flow, call: Recorded, k: int, mask: Tensor, wanted: dict[int, Tensor]) -> Tensor:
    """A small part of the moved elements of one input that moves the wanted elements by itself."""
    twin = flow.twin(call)
    if twin is None or len(twin.inputs) != len(call.inputs) or twin.inputs[k].shape != call.inputs[k].shape:
        return mask
    kept = mask.flatten().nonzero()[:, 0]
    tries = TRIES
    while len(kept) > 1 and tries > 0:
        half = len(kept) // 2
        for part in (kept[:half], kept[half:]):
            tries -= 1
            small = torch.zeros(mask.numel(), dtype=torch.bool)
            small[part] = True
            if _moves(flow, call, {k: small.reshape(mask.shape)}, wanted):
                kept = part
                break
        else:
            break
    small = torch.zeros(mask.numel(), dtype=torch.bool)
    small[kept] = True
    return small.reshape(mask.shape)
