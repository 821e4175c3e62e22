"""Reading and writing at indices.

An index that depends on variables points elsewhere in other passes: what is read by it reads the whole axis, and what
is written by it is written, perhaps, to the whole axis. The route given, it points where it does in this pass.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from arspec.shadow.algebra import CONSTANT, Algebra, broadcast, only, some
from arspec.shadow.call import Call
from arspec.shadow.rules.pieces import moved
from arspec.shadow.rules.table import Labels, Masked, rule


def _whole(algebra: Algebra, labels: Tensor) -> Tensor:
    return algebra.reduce(labels.reshape(-1), [0], keepdim=False)


def _loose(call: Call, own: Tensor) -> bool:
    """Whether any index may point elsewhere in other passes."""
    return not call.route_given and some(own)


@rule("embedding")
def embedding(call: Call) -> Tensor:
    """Rows of a table, and which they are."""
    weight, index = call["weight"], call["indices"]
    rows = call.labels(weight).expand(weight.shape)
    own = call.labels(index).expand(index.shape)[..., None]
    if not some(rows):
        return own
    found = rows[call.value(index)]
    if _loose(call, own):
        found = torch.where(own == CONSTANT, found, call.algebra.reduce(rows, [0])[0])
    return call.algebra.join(found, own)


@rule("_embedding_bag", "_embedding_bag_forward_only")
def embedding_bag(call: Call) -> Labels:
    """Sums of rows of a table, bag by bag; borders that depend on variables are read by all."""
    every = call.everything()
    weight, index, offsets = call["weight"], call["indices"], call["offsets"]
    bags = call.targets[0].shape[0]
    if some(call.labels(offsets)) or bags == 0:
        return [every] * len(call.targets)
    own = call.labels(index).expand(index.shape)
    table = call.algebra.reduce(call.labels(weight).expand(weight.shape), [-1], keepdim=False)
    rows = table[call.value(index)]
    if _loose(call, own) and some(table):
        rows = torch.where(own == CONSTANT, rows, _whole(call.algebra, table))
    own = call.algebra.join(rows, own)
    scale = call.get("per_sample_weights")
    if scale is not None:
        own = call.algebra.join(own, call.labels(scale).expand(scale.shape))
    bounds = call.value(offsets)[:bags]
    bag = torch.searchsorted(bounds, torch.arange(index.numel()), right=True) - 1
    found = call.algebra.scatter(torch.zeros(bags, dtype=own.dtype), 0, bag.clamp(min=0), own)
    return [found[:, None], *([every] * (len(call.targets) - 1))]


@rule("index_select")
def index_select(call: Call) -> Labels:
    """Slices, and which they are."""
    (found,) = moved(call, "self", along=[call["dim"]])
    value, index = call["self"], call["index"]
    own = call.labels(index).expand(index.shape)
    if not some(own):
        return found
    bare = found.labels if isinstance(found, Masked) else found
    shape = [1] * value.dim()
    if shape:
        shape[call["dim"]] = -1
    own = own.reshape(shape)
    if _loose(call, own):
        line = call.algebra.reduce(call.labels(value).expand(value.shape), [call["dim"]] if value.dim() else [])
        bare = torch.where(own == CONSTANT, bare, line)
    return call.algebra.join(bare, own)


@rule("gather", "take")
def gather(call: Call) -> Labels:
    """Elements, and which they are."""
    (found,) = moved(call, "self")
    value, index = call["self"], call["index"]
    own = call.labels(index).expand(index.shape)
    if not some(own):
        return found
    bare = found.labels if isinstance(found, Masked) else found
    if _loose(call, own):
        labels = call.labels(value).expand(value.shape)
        dim = call.get("dim")
        if dim is None or value.dim() == 0:
            line = _whole(call.algebra, labels)
        else:
            line = call.algebra.reduce(labels, [dim]).expand(value.shape).gather(dim, call.value(index))
        bare = torch.where(own == CONSTANT, bare, line)
    return call.algebra.join(bare, own)


def _places(call: Call, indices: Sequence[Any]) -> list[tuple[int, Tensor, Tensor]]:
    """Axis, index and its labels, one for each axis that is indexed; masks as the indices that they stand for."""
    out: list[tuple[int, Tensor, Tensor]] = []
    axis = 0
    for index in indices:
        if index is None:
            axis += 1
            continue
        own = call.labels(index).expand(index.shape)
        value = call.value(index)
        if index.dtype in (torch.bool, torch.uint8):
            which = value.bool()
            place = own[which]
            if not call.route_given and some(own):
                place = call.algebra.join(place, _whole(call.algebra, own))
            for coordinate in which.nonzero(as_tuple=True):
                out.append((axis, coordinate, place))
                axis += 1
        else:
            out.append((axis, value.long(), own))
            axis += 1
    return out


def _key(places: list[tuple[int, Tensor, Tensor]], rank: int) -> tuple[Any, ...]:
    key: list[Any] = [slice(None)] * rank
    for axis, index, _ in places:
        key[axis] = index
    return tuple(key)


def _laid(call: Call, places: list[tuple[int, Tensor, Tensor]], rank: int) -> Tensor:
    """The labels of indices, so that they broadcast to what is read by them."""
    own = call.algebra.join(*torch.broadcast_tensors(*[labels for *_, labels in places]))
    where = [axis for axis, *_ in places]
    together = where == list(range(where[0], where[0] + len(where)))
    after = rank - where[-1] - 1 if together else rank - len(where)
    return own.reshape(*own.shape, *[1] * after)


@rule("index", "_unsafe_index")
def index(call: Call) -> Labels:
    """Elements at indices, and which these are."""
    value = call["self"]
    places = _places(call, call["indices"])
    key = _key(places, value.dim())
    labels = call.labels(value).expand(value.shape)
    found = labels[key]
    moving = [axis for axis, _, own in places if some(own)]
    if moving:
        own = _laid(call, places, value.dim())
        if not call.route_given:
            line = call.algebra.reduce(labels, moving).expand(value.shape)[key]
            found = torch.where(own == CONSTANT, found, line)
        found = call.algebra.join(found, own)
    mark = call.masked(value)
    return found if mark is None else Masked(found, mark[key])


@rule("_unsafe_masked_index", "_unsafe_masked_index_put_accumulate")
def masked_index(call: Call) -> Tensor:
    """Elements at indices, or a filling."""
    return call.everything()


def _written(
    call: Call, labels: Tensor, numbers: Tensor, slots: tuple[Tensor, list[int]], come: Tensor, own: Tensor, joins: bool
) -> Tensor:
    """Labels after a write to the places `numbers` of the flat tensor; `own` are the labels of the indices.

    `slots` are the places in a tensor of that smaller shape whose axes stand for all that the indices may point to.
    """
    algebra = call.algebra
    shape = labels.shape
    come, own = come.expand(numbers.shape), own.expand(numbers.shape)
    where, base = numbers.reshape(-1), labels.reshape(-1)
    both = algebra.join(come, own)
    if not _loose(call, own):
        base = base if joins else base.index_fill(0, where, CONSTANT)
        return algebra.scatter(base, 0, where, both.reshape(-1)).reshape(shape)
    certain = own == CONSTANT
    if not joins:
        base = base.index_fill(0, numbers[certain], CONSTANT)
    out = algebra.scatter(base, 0, where, only(both, certain).reshape(-1)).reshape(shape)
    places, sizes = slots
    told = torch.zeros(sizes, dtype=labels.dtype).reshape(-1)
    told = algebra.scatter(told, 0, places.reshape(-1), only(both, ~certain).reshape(-1))
    return algebra.join(out, told.reshape(sizes))


def _slots(shape: Sequence[int], moving: Sequence[int]) -> tuple[Tensor, list[int]]:
    """The number of each place in a tensor without some axes, of the whole shape; and the shape without these."""
    sizes = [1 if axis in moving else size for axis, size in enumerate(shape)]
    return torch.arange(math.prod(sizes)).reshape(sizes).expand(*shape), sizes


@rule("index_put", "_index_put_impl", "_unsafe_index_put")
def index_put(call: Call) -> Tensor:
    """What comes, where it goes; what depends on where."""
    value = call["self"]
    labels = call.labels(value).expand(value.shape)
    places = _places(call, call["indices"])
    if not places:
        come = call.labels(call["values"])
        return call.algebra.join(labels, come) if call["accumulate"] else come
    key = _key(places, value.dim())
    numbers = torch.arange(value.numel()).reshape(value.shape)[key]
    slots, sizes = _slots(value.shape, [axis for axis, _, own in places if some(own)])
    own = _laid(call, places, value.dim())
    return _written(call, labels, numbers, (slots[key], sizes), call.labels(call["values"]), own, call["accumulate"])


@rule("put")
def put(call: Call) -> Tensor:
    """As `index_put` into the flat tensor."""
    value, index, source = call["self"], call["index"], call["source"]
    labels = call.labels(value).expand(value.shape)
    numbers = call.value(index).reshape(-1).remainder(max(1, value.numel()))
    own = call.labels(index).expand(index.shape).reshape(-1)
    come = call.labels(source).expand(source.shape).reshape(-1)
    slots = torch.zeros_like(numbers), [1] * value.dim()
    return _written(call, labels, numbers, slots, come, own, call["accumulate"])


@rule("scatter", "scatter_add", "scatter_reduce")
def scatter(call: Call) -> Tensor:
    """What comes, where it goes along one axis."""
    value, index = call["self"], call["index"]
    labels, own = call.labels(value).expand(value.shape), call.labels(index).expand(index.shape)
    source = call.get("src", call.get("value"))
    come = call.labels(source)
    if isinstance(source, Tensor) and source.dim():
        come = come.expand(source.shape)[tuple(slice(size) for size in index.shape)]
    come = come.expand(index.shape)
    place = call.value(index)
    if value.dim() == 0:
        labels, own, come, place = (part.reshape(-1) for part in (labels, own, come, place))
    dim = call["dim"] % labels.dim()
    joins = "scatter_add" in call.operator.name() or call.get("reduce") is not None
    joins = joins and call.get("include_self", True) is not False
    near = tuple(slice(None) if axis == dim else slice(size) for axis, size in enumerate(place.shape))
    numbers = torch.arange(labels.numel()).reshape(labels.shape)[near].gather(dim, place)
    slots, sizes = _slots(labels.shape, [dim])
    out = _written(call, labels, numbers, (slots[near].gather(dim, place), sizes), come, own, joins)
    return out.reshape(value.shape)


@rule("index_add", "index_copy", "index_fill", "index_reduce")
def along_axis(call: Call) -> Tensor:
    """Slices that come, where they go along one axis."""
    value, index = call["self"], call["index"]
    labels = call.labels(value).expand(value.shape)
    source = call.get("source", call.get("value"))
    come = call.labels(source)
    if isinstance(source, Tensor) and source.dim() == value.dim():
        come = come.expand(source.shape)
    if value.dim() == 0:
        labels, come = labels.reshape(1), come.reshape(-1)[:1]
    dim = call["dim"] % labels.dim()
    place, own = call.value(index).reshape(-1), call.labels(index).expand(index.shape).reshape(-1)
    name = call.operator.name()
    joins = "index_copy" not in name and "index_fill" not in name and call.get("include_self", True) is not False
    shape = [1] * labels.dim()
    shape[dim] = -1
    numbers = torch.arange(labels.numel()).reshape(labels.shape).index_select(dim, place)
    slots, sizes = _slots(labels.shape, [dim])
    chosen = slots.index_select(dim, place), sizes
    return _written(call, labels, numbers, chosen, come, own.reshape(shape), joins).reshape(value.shape)


@rule("embedding_renorm")
def embedding_renorm(call: Call) -> Tensor:
    """Rows by their norm, and which they are."""
    labels = call.labels(call["self"]).expand(call["self"].shape)
    said = _whole(call.algebra, call.labels(call["indices"]))
    return call.algebra.join(call.algebra.reduce(labels, [-1]), said)


@rule("masked_scatter")
def masked_scatter(call: Call) -> Tensor:
    """What comes in order, where the mask is set; which of it comes reads the mask so far."""
    value, mask, source = call["self"], call["mask"], call["source"]
    shape = broadcast(value.shape, mask.shape)
    labels, own = call.labels(value).expand(shape), call.labels(mask).expand(shape)
    which = call.value(mask).expand(shape)
    stock = call.labels(source).expand(source.shape).reshape(-1)
    out = labels.clone()
    out[which] = stock[: int(which.sum())]
    if not some(own):
        return out
    loose = own != CONSTANT  # what may be written or not reads both
    if call.route_given:
        out = torch.where(which, call.algebra.join(out, own), out)
        return torch.where(loose, call.algebra.join(out, own, labels), out)
    before = call.algebra.running(own.reshape(-1), 0).reshape(shape)
    any_of_it = call.algebra.join(_whole(call.algebra, stock), before)
    out = torch.where(which & (before != CONSTANT), any_of_it, out)
    return torch.where(loose, call.algebra.join(any_of_it, labels), out)


@rule("nonzero", "nonzero_static")
def nonzero(call: Call) -> Labels:
    """Which elements are not zero: each place reads all; the route given: itself."""
    value = call["self"]
    labels = call.labels(value).expand(value.shape)
    if not call.route_given or "static" in call.operator.name():
        return _whole(call.algebra, labels)
    found = labels[call.value(value) != 0] if value.dim() else labels.reshape(1)[: call.targets[0].shape[0]]
    return found[:, None] if call.targets[0].dim() == 2 else found
