"""Which line must be changed, given the call that breaks the order: the line that calls it, the line of `__init__` that
makes the part, the padding before a convolution, or the mask that should have cut what it lets through."""

# Operators and storages have no public names in torch.
# pyright: reportPrivateUsage=false

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from arspec.shadow.history import Held, History, Recorded
from arspec.shadow.made import made
from arspec.shadow.places import Place
from arspec.shadow.placing import Order
from arspec.shadow.way import Link

MASKED = -1e4
CONVOLUTIONS = ("convolution", "conv1d", "conv2d", "conv3d", "mkldnn_convolution", "cudnn_convolution")
PADS = ("constant_pad_nd", "pad", "reflection_pad1d", "reflection_pad2d", "replication_pad1d", "replication_pad2d")


@dataclass(frozen=True)
class Blame:
    """A place and what is the matter with it."""

    place: Place
    about: str


@dataclass(frozen=True)
class Broken:
    """The call that breaks the order, the links before it from the input on, and whether what it reads on this way
    holds two positions an element, as scores do."""

    call: Recorded
    before: Sequence[Link]
    pairs: bool


def blame(module: nn.Module, history: History, broken: Broken, order: Order, learns: str) -> list[Blame]:
    """The lines to look at, that which must be changed first. `learns`: what is told of the breaking line."""
    call = broken.call
    here = Blame(call.place, learns)
    named = _named(module)
    padded = _padding(broken)
    if padded is not None:
        return [here, Blame(padded.place, "this padding decides what each position reads")]
    masks = list(_masks(history, broken, named))
    if masks:
        found = _masked(module, history, broken, masks, order, named, here)
        if found:
            return found
    part = call.module
    if part and _is_torchs(module, part):
        built = made(module, part)
        if built:
            return [here, Blame(built[0], f"`{part}` is made here")]
    return [here]


def _is_torchs(module: nn.Module, path: str) -> bool:
    try:
        return type(module.get_submodule(path)).__module__.startswith("torch.")
    except AttributeError:
        return False


def _padding(broken: Broken) -> Recorded | None:
    """The padding by the author's own hand that a convolution or a window reads."""
    if broken.call.name not in (
        *CONVOLUTIONS,
        "avg_pool1d",
        "avg_pool2d",
        "max_pool2d_with_indices",
        "unfold",
        "im2col",
    ):
        return None
    for link in reversed(broken.before):
        if link.call.name in PADS:
            same = (link.call.place.file, link.call.place.line) == (broken.call.place.file, broken.call.place.line)
            return None if same and link.call.module == broken.call.module else link.call
        if not link.call.view:
            return None
    return None


# ------------------------------------------------------------------ masks


@dataclass(frozen=True)
class _Mask:
    """A constant that takes part in a call and looks like a mask."""

    held: Held
    use: Recorded


def masks_weights(module: nn.Module, history: History, call: Recorded) -> bool:
    """Whether a call multiplies by weights that a mask was multiplied into."""
    return any(True for _ in _masks(history, Broken(call, (), False), _named(module)))


def _masks(history: History, broken: Broken, named: dict[int, str]) -> Iterator[_Mask]:
    calls = [broken.call]
    if broken.pairs:
        for link in reversed(broken.before):
            calls.append(link.call)
            shape = link.call.outs[link.out].shape
            if len(shape) < 2:
                break
    for call in calls:
        for held in filter(history.fixed, call.inputs):
            if held.value.dim() >= 2 and held.producer is None and named.get(held.storage, "").startswith("="):
                continue  # a parameter as it is
            if _looks_masking(held.value):
                yield _Mask(held, call)
            elif call is broken.call and call.name in (*CONVOLUTIONS, "addmm", "mm", "bmm", "matmul", "linear"):
                for _, leaf in _back(history, held):
                    if leaf is not held and _looks_masking(leaf.value, least=1) and _broadcasts(leaf, held):
                        yield _Mask(leaf, call)


def _broadcasts(leaf: Held, held: Held) -> bool:
    """Whether a mask may have been multiplied into weights of this shape, or of its transpose."""
    shape = held.shape
    for target in (shape, (*shape[:-2], *reversed(shape[-2:]))):
        if leaf.value.dim() <= len(target) and all(
            a in (1, b) for a, b in zip(reversed(leaf.shape), reversed(target), strict=False)
        ):
            return True
    return False


def _looks_masking(value: Tensor, least: int = 2) -> bool:
    """Two kinds of elements, one of which cuts: booleans, zeros and ones, or numbers far below zero."""
    if value.dim() < least or value.numel() < 2:
        return False
    if value.dtype == torch.bool:
        return bool(value.any()) and not bool(value.all())
    if value.is_floating_point():
        low = value <= MASKED
        if bool(low.any()):
            return not bool(low.all())
    if value.is_complex():
        return False
    zero = value == 0
    return bool(zero.any()) and bool(((value == 1) | zero).all()) and not bool(zero.all())


def _kept(mask: _Mask) -> Tensor:
    """What a mask lets through, as it is used."""
    value, use = mask.held.value, mask.use
    if value.is_floating_point() and bool((value <= MASKED).any()):
        return value > MASKED
    kept = value != 0
    if use.name == "masked_fill":
        return ~kept
    if use.name == "where":
        held = use.inputs
        if mask.held is held[0] and len(held) == 3:
            cut = held[1].value
            return ~kept if cut.numel() == 1 and float(cut) <= MASKED else kept
        return kept
    return kept


def _wrong(kept: Tensor, order: Order) -> bool | None:
    """Whether what a mask of [.., queries, keys] lets through breaks the order; None where it is no such mask."""
    if kept.dim() < 2:
        return None
    flat = kept.flatten(0, -3).any(0) if kept.dim() > 2 else kept
    for grid in order.grids:
        positions = grid.forbidden.shape[1]
        if tuple(flat.shape) == (positions, positions):
            bad = grid.forbidden[:, :, None] & ~grid.forbidden[:, None, :]
            return bool((bad & flat).any())
    return None


def _masked(
    module: nn.Module,
    history: History,
    broken: Broken,
    masks: list[_Mask],
    order: Order,
    named: dict[int, str],
    here: Blame,
) -> list[Blame]:
    judged = [(mask, _wrong(_kept(mask), order)) for mask in masks]
    chosen = next((mask for mask, wrong in judged if wrong), None)
    if chosen is None:
        chosen = next((mask for mask, wrong in judged if wrong is None), None)
        if chosen is None or broken.pairs:
            return []  # the masks are right: the call reads past them
        used = Blame(chosen.use.place, "the mask is used here")
        return once([here, used, *_origin(module, history, chosen.held, named)])
    used = Blame(chosen.use.place, "this mask lets through what must be cut")
    origin = _origin(module, history, chosen.held, named)
    states = [value for _, value in _states(history, chosen.held)]
    right = [_parts_right(value, order) for value in states]
    if right and all(state in (True, None) for state in right) and any(state is True for state in right):
        return once([here, used, *origin])  # it divides rightly, and is used the wrong way round
    wrong = next(
        (call for (call, _), state in zip(_states(history, chosen.held), right, strict=True) if state is False), None
    )
    if wrong is not None:
        return once([here, Blame(wrong.place, "this mask lets through what must be cut"), *origin, used])
    return once([here, *origin, used])


def _parts_right(value: Tensor, order: Order) -> bool | None:
    """Whether one of the two kinds of elements of a mask is what may be let through; None for what is no mask yet."""
    flat = value[(0,) * (value.dim() - 2)] if value.dim() > 2 else value
    if flat.dim() < 2 or bool((flat == flat.flatten()[0]).all()):
        return None
    one = flat <= MASKED if flat.is_floating_point() and bool((flat <= MASKED).any()) else flat == 0
    a, b = _wrong(one, order), _wrong(~one, order)
    return None if a is None or b is None else not a or not b


def _states(history: History, held: Held) -> list[tuple[Recorded, Tensor]]:
    """The calls that a constant was made by, the oldest first, with what each gave."""
    found = [(call, leaf.value) for call, leaf in _back(history, held) if call is not None]
    return sorted(found, key=lambda pair: pair[0].index)


def _back(history: History, held: Held) -> Iterator[tuple[Recorded | None, Held]]:
    """What a tensor was made from: each tensor with the call that made or last wrote it."""
    stack, seen = [held], set[int]()
    while stack:
        at = stack.pop()
        made_by = -1 if at.producer is None else at.producer[0]
        writers = [(i, k) for i, k in history.writes.get(at.storage, [])[: at.writes] if i > made_by]
        sources = [*writers, *([at.producer] if at.producer is not None else [])]
        if not sources:
            yield None, at
        for index, number in sources:
            call = history.calls[index]
            if index in seen:
                continue
            seen.add(index)
            yield call, call.outs[number]
            stack += call.inputs
        if len(seen) > 500:
            return


def _origin(module: nn.Module, history: History, held: Held, named: dict[int, str]) -> list[Blame]:
    """Where a mask comes from: the line of `__init__` that makes the buffer, or the first line that gives its shape."""
    found: list[Blame] = []
    for call, leaf in _back(history, held):
        path = named.get(leaf.storage, "").lstrip("=")
        if call is None and path:
            found += [Blame(place, f"`{path}` is made here") for place in made(module, path)[:4]]
    calls = _states(history, held)
    shaped = [call for call, value in calls if value.dim() >= 2 and _looks_masking(value)]
    if shaped:
        found.append(Blame(shaped[0].place, "the mask is made here"))
    return once(found)


def _named(module: nn.Module) -> dict[int, str]:
    """Tensors that the module holds, by storage; those of parameters with `=` before."""
    found: dict[int, str] = {}
    for path, part in module.named_modules():
        lead = f"{path}." if path else ""
        for name, value in vars(part).items():
            if isinstance(value, Tensor):
                found[value.untyped_storage()._cdata] = lead + name
        for name, buffer in part.named_buffers(recurse=False):
            found[buffer.untyped_storage()._cdata] = lead + name
        for name, weight in part.named_parameters(recurse=False):
            found[weight.untyped_storage()._cdata] = "=" + lead + name
    return found


def once(blames: list[Blame]) -> list[Blame]:
    """The first of those that name the same line, in order."""
    seen: set[tuple[str, int]] = set()
    return [b for b in blames if not ((b.place.file, b.place.line) in seen or seen.add((b.place.file, b.place.line)))]
