"""Sorting, selecting and counting. The route given: an element reads what stands in its place."""

from __future__ import annotations

import torch
from torch import Tensor

from arspec.shadow.algebra import LOOSE, some
from arspec.shadow.call import Call
from arspec.shadow.rules.pieces import constant, softened
from arspec.shadow.rules.table import Labels, Masked, rule


@rule("sort", "topk")
def order(call: Call) -> Labels:
    """Everything along the axis; the route given: what stands there."""
    value = call["self"]
    dim = call.get("dim", -1)
    labels = call.labels(value).expand(value.shape)
    if value.dim() == 0:
        return labels
    place = call.targets[-1]
    if call.route_given and place.dtype == torch.int64 and len(call.targets) > 1:
        found = labels.gather(dim, place)
        mark = call.masked(value)
        if mark is None:
            return [found] * len(call.targets)
        low = mark.expand(value.shape).gather(dim, place)  # chosen for want of others: where, is of this pass alone
        return [Masked(found, low), torch.where(low, LOOSE, found)]
    if "topk" in call.operator.name() and call.get("largest", True):
        labels = _past_masks(call, value, dim, labels)
    return [call.algebra.reduce(labels, [dim])] * len(call.targets)


def _past_masks(call: Call, value: Tensor, dim: int, labels: Tensor) -> Tensor:
    """Labels without masked scores, in rows that have enough others to choose from; else as they are."""
    past, gone = softened(call, value, dim)
    if gone is None:
        return labels
    enough = (~gone).sum(dim, keepdim=True) >= call["k"]
    return torch.where(enough, past, labels)


@rule("_unique", "_unique2", "unique_dim", "unique_consecutive", "unique_dim_consecutive")
def unique(call: Call) -> Labels:
    """All; the route given: places among the distinct read themselves, counts nothing."""
    value = call["self"]
    labels = call.labels(value).expand(value.shape)
    every = call.algebra.reduce(labels.reshape(-1), [0], keepdim=False)
    if not call.route_given:
        return [every] * len(call.targets)
    out: list[Tensor] = [every]
    for target in call.targets[1:]:
        out.append(labels if target.shape == value.shape else constant())
    return out


@rule("bucketize", "searchsorted")
def search(call: Call) -> Labels:
    """A value and all borders of its row."""
    value = call["self"]
    borders = call.get("boundaries", call.get("sorted_sequence"))
    own = call.labels(value)
    if call.route_given:
        return own
    read = call.labels(borders)
    read = call.algebra.reduce(read.expand(borders.shape), [-1])
    if borders.dim() == 1:
        read = read.reshape(())
    sorter = call.get("sorter")
    if sorter is not None:
        more = call.algebra.reduce(call.labels(sorter).expand(sorter.shape), [-1])
        read = call.algebra.join(read, more.reshape(()) if sorter.dim() == 1 else more)
    return call.algebra.join(own, read)


@rule("histc", "bincount", "histogram", )  # fmt: skip
def counts(call: Call) -> Labels:
    """All; the route given: counts are as they are, sums of weights read all."""
    weights = call.get("weights", call.get("weight"))
    if call.route_given and weights is None:
        return [constant()] * len(call.targets)
    return call.everything()


@rule("multinomial", "_sample_dirichlet")
def multinomial(call: Call) -> Tensor:
    """Draws by a row."""
    labels = call.labels(call["self"]).expand(call["self"].shape)
    found = call.algebra.reduce(labels, [-1])
    return call.algebra.join(found, torch.ones((), dtype=found.dtype))


@rule("isin")
def isin(call: Call) -> Tensor:
    """An element and all that it is looked for among."""
    one, other = call.get("elements", call.get("element")), call.get("test_elements", call.get("test_element"))
    return call.algebra.join(call.labels(one), call.algebra.reduce(call.labels(other).reshape(-1), [0], keepdim=False))


@rule("segment_reduce")
def segment_reduce(call: Call) -> Labels:
    """The elements of a segment; all that there is where data say how long segments are, unless the route is given."""
    value, axis = call["data"], call["axis"]
    lengths, offsets = call.get("lengths"), call.get("offsets")
    told = lengths if offsets is None else offsets
    if told is None or (some(call.labels(told)) and not call.route_given):
        return call.everything()
    sizes = call.value(told) if offsets is None else call.value(told).diff(dim=-1)
    first = torch.zeros_like(sizes[..., :1]) if offsets is None else call.value(told)[..., :1]
    ends = (first + sizes.cumsum(-1)).contiguous()
    labels = call.labels(value).expand(value.shape)
    places = torch.arange(value.shape[axis]).expand(*ends.shape[:-1], -1).contiguous()
    place = torch.searchsorted(ends, places, right=True)
    before, count = places < first, ends.shape[-1]
    place = torch.where(before, count, place)  # what lies in no segment
    index = place.reshape(*place.shape, *[1] * (value.dim() - axis - 1)).expand(value.shape)
    out = torch.zeros((*value.shape[:axis], count + 1, *value.shape[axis + 1 :]), dtype=labels.dtype)
    return call.algebra.scatter(out, axis, index, labels).narrow(axis, 0, count)
