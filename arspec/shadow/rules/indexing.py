"""Reading and writing at indices. An index that depends on variables labels what it did not write, too."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from arspec.shadow.algebra import CONSTANT, Algebra
from arspec.shadow.call import Call
from arspec.shadow.rules.pieces import moved
from arspec.shadow.rules.table import Labels, Masked, rule


def _whole(algebra: Algebra, labels: Tensor) -> Tensor:
    return algebra.reduce(labels.reshape(-1), [0], keepdim=False)


@rule("embedding")
def embedding(call: Call) -> Tensor:
    """Rows of a table, and which they are."""
    weight, index = call["weight"], call["indices"]
    rows = call.labels(weight).expand(weight.shape)
    own = call.labels(index).expand(index.shape)[..., None]
    return call.algebra.join(rows[call.value(index)], own) if bool(rows.any()) else own


@rule(
    "_embedding_bag",
    "_embedding_bag_forward_only",
)
def embedding_bag(call: Call) -> Labels:
    """Sums of rows of a table, bag by bag; borders that depend on variables are read by all."""
    every = call.everything()
    weight, index, offsets = call["weight"], call["indices"], call["offsets"]
    bags = call.targets[0].shape[0]
    if bool(call.labels(offsets).any()) or bags == 0:
        return [every] * len(call.targets)
    rows = call.algebra.reduce(call.labels(weight).expand(weight.shape)[call.value(index)], [-1], keepdim=False)
    own = call.algebra.join(rows, call.labels(index).expand(index.shape))
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
    (found,) = moved(call, "self")
    own = call.labels(call["index"])
    if not bool(own.any()):
        return found
    bare = found.labels if isinstance(found, Masked) else found
    shape = [1] * bare.dim()
    if shape:
        shape[call["dim"]] = -1
    return call.algebra.join(bare, own.expand(call["index"].shape).reshape(shape))


@rule(
    "gather",
    "take",
)
def gather(call: Call) -> Labels:
    """Elements, and which they are."""
    (found,) = moved(call, "self")
    own = call.labels(call["index"])
    if not bool(own.any()):
        return found
    return call.algebra.join(found.labels if isinstance(found, Masked) else found, own)


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
            if not call.route_given and bool(own.any()):
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
    found = call.labels(value).expand(value.shape)[key]
    if any(bool(own.any()) for *_, own in places):
        found = call.algebra.join(found, _laid(call, places, value.dim()))
    mark = call.masked(value)
    return found if mark is None else Masked(found, mark[key])


@rule("_unsafe_masked_index", "_unsafe_masked_index_put_accumulate")
def masked_index(call: Call) -> Tensor:
    """Elements at indices, or a filling."""
    return call.everything()


def _influence(call: Call, places: list[tuple[int, Tensor, Tensor]], shape: Sequence[int]) -> Tensor | None:
    """What an index that depends on variables says of each place that it did or did not write; None: nothing.

    Nothing, too, where the route is given: an element then reads the index that it was written by.
    """
    owns = torch.broadcast_tensors(*[own for *_, own in places])
    own = call.algebra.join(*owns)
    if call.route_given or not bool(own.any()):
        return None
    fixed = [(axis, index) for axis, index, labels in places if not bool(labels.any())]
    sizes = [shape[axis] if any(axis == a for a, _ in fixed) else 1 for axis in range(len(shape))]
    out = torch.zeros(sizes, dtype=own.dtype)
    if not fixed:
        return call.algebra.join(out, _whole(call.algebra, own))
    flat = torch.zeros((), dtype=torch.int64)
    for axis, index in fixed:
        step = 1
        for later, _ in fixed:
            step *= sizes[later] if later > axis else 1
        flat = flat + index.remainder(shape[axis]) * step
    flat = flat.expand(own.shape).reshape(-1)
    return call.algebra.scatter(out.reshape(-1), 0, flat, own.reshape(-1)).reshape(sizes)


@rule("index_put", "_index_put_impl", "_unsafe_index_put")
def index_put(call: Call) -> Tensor:
    """What comes, where it goes; what depends on where."""
    value = call["self"]
    labels = call.labels(value).expand(value.shape)
    places = _places(call, call["indices"])
    if not places:
        return (
            call.algebra.join(labels, call.labels(call["values"]))
            if call["accumulate"]
            else call.labels(call["values"])
        )
    key = _key(places, value.dim())
    numbers = torch.arange(value.numel()).reshape(value.shape)[key]
    come = call.algebra.join(call.labels(call["values"]), _laid(call, places, value.dim())).expand(numbers.shape)
    base = labels.reshape(-1)
    if not call["accumulate"]:
        base = base.index_fill(0, numbers.reshape(-1), CONSTANT)
    out = call.algebra.scatter(base, 0, numbers.reshape(-1), come.reshape(-1)).reshape(value.shape)
    said = _influence(call, places, value.shape)
    return out if said is None else call.algebra.join(out, said)


@rule("put")
def put(call: Call) -> Tensor:
    """As `index_put` into the flat tensor."""
    value, index = call["self"], call["index"]
    base = call.labels(value).expand(value.shape).reshape(-1)
    place = call.value(index).reshape(-1).remainder(max(1, value.numel()))
    if not call["accumulate"]:
        base = base.index_fill(0, place, CONSTANT)
    own = call.labels(index).expand(index.shape).reshape(-1)
    come = call.algebra.join(call.labels(call["source"]).expand(call["source"].shape).reshape(-1), own)
    out = call.algebra.scatter(base, 0, place, come).reshape(value.shape)
    return out if call.route_given else call.algebra.join(out, _whole(call.algebra, own))


@rule("scatter", "scatter_add", "scatter_reduce")
def scatter(call: Call) -> Tensor:
    """What comes, where it goes along one axis; where it goes is said to the whole line."""
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
    dim = call["dim"]
    name = call.operator.name()
    joins = "scatter_add" in name or call.get("reduce") is not None
    if not joins or call.get("include_self", True) is False:
        labels = labels.scatter(dim, place, CONSTANT)
    told = bool(own.any())
    out = call.algebra.scatter(labels, dim, place, call.algebra.join(come, own) if told else come)
    if told and not call.route_given:
        out = _tell(call.algebra, out, dim, own)
    return out.reshape(value.shape)


def _tell(algebra: Algebra, out: Tensor, dim: int, own: Tensor) -> Tensor:
    """Joins the labels of indices into each line along an axis that these could write."""
    said = algebra.reduce(own, [dim])
    shape = list(out.shape)
    shape[dim] = 1
    whole = torch.zeros(shape, dtype=said.dtype)
    whole[tuple(slice(size) for size in said.shape)] = said
    return algebra.join(out, whole)


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
        labels = labels.reshape(1)
        come = come.reshape(-1)[:1]
    dim = call["dim"] % labels.dim()
    place, own = call.value(index).reshape(-1), call.labels(index).expand(index.shape).reshape(-1)
    name = call.operator.name()
    if "index_copy" in name or "index_fill" in name or call.get("include_self", True) is False:
        labels = labels.index_fill(dim, place, CONSTANT)
    shape = [1] * labels.dim()
    shape[dim] = -1
    full = list(labels.shape)
    full[dim] = len(place)
    if told := bool(own.any()):
        come = call.algebra.join(come, own.reshape(shape))
    out = call.algebra.scatter(labels, dim, place.reshape(shape).expand(full), come.expand(full))
    if told and not call.route_given:
        out = call.algebra.join(out, _whole(call.algebra, own))
    return out.reshape(value.shape)


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
    shape = torch.broadcast_shapes(value.shape, mask.shape)
    labels, own = call.labels(value).expand(shape), call.labels(mask).expand(shape)
    which = call.value(mask).expand(shape)
    come = call.labels(source).expand(source.shape).reshape(-1)[: int(which.sum())]
    out = labels.clone()
    out[which] = come
    if not bool(own.any()):
        return out
    said = own if call.route_given else call.algebra.running(own.reshape(-1), 0).reshape(shape)
    out = torch.where(which, call.algebra.join(out, said), out)
    loose = own != CONSTANT  # what may be written or not reads both
    return torch.where(loose, call.algebra.join(out, said, labels), out)


@rule(
    "nonzero",
    "nonzero_static",
)
def nonzero(call: Call) -> Labels:
    """Which elements are not zero: each place reads all; the route given: itself."""
    value = call["self"]
    labels = call.labels(value).expand(value.shape)
    if not call.route_given or "static" in call.operator.name():
        return _whole(call.algebra, labels)
    found = labels[call.value(value) != 0] if value.dim() else labels.reshape(1)[: call.targets[0].shape[0]]
    return found[:, None] if call.targets[0].dim() == 2 else found
