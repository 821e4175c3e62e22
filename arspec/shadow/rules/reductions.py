"""Sums, means, extremes and norms along axes."""

from __future__ import annotations

import torch
from torch import Tensor

from arspec.shadow.algebra import compact
from arspec.shadow.call import Call, tensors
from arspec.shadow.elements import all_finite
from arspec.shadow.rules.pieces import axes, constant, replaced, shaped, softened
from arspec.shadow.rules.pointwise import elementwise, still
from arspec.shadow.rules.table import Labels, Masked, rule


@rule(
    "sum", "nansum", "mean", "prod", "any", "all", "var", "std", "var_mean", "std_mean", "norm",
    "linalg_vector_norm", "count_nonzero", "aminmax", "_aminmax", "linalg__powsum",
    "dist",
)  # fmt: skip
def along(call: Call) -> Labels:
    """All elements along the axes."""
    if "other" in call.arguments:
        return call.everything()
    labels = call.labels(call["self"])
    return shaped(call, call.algebra.reduce(labels, axes(call.get("dim"), labels.dim())))


def _extreme(call: Call) -> Tensor:
    """Labels along the axes, past masked scores."""
    value = call["self"]
    dims = axes(call.get("dim"), value.dim())
    labels = softened(call, value, dims[0])[0] if len(dims) == 1 else call.labels(value)
    return call.algebra.reduce(labels, dims)


@rule("amax", "max.dim", "logsumexp", "max")
def greatest(call: Call) -> Labels:
    """All along the axes; a masked score is not the greatest where another one stands."""
    if "other" in call.arguments:
        return elementwise(call)
    return shaped(call, _extreme(call))


@rule("amin", "min.dim", "min", "median", "nanmedian", "kthvalue", "mode")
def middle(call: Call) -> Labels:
    """All along the axes, as value and as index."""
    if "other" in call.arguments:
        return elementwise(call)
    labels = call.labels(call["self"])
    return shaped(call, call.algebra.reduce(labels, axes(call.get("dim"), labels.dim())))


@rule("argmax", "argmin")
def which(call: Call) -> Labels:
    """All along the axis; the route given: the place that won."""
    value = call["self"]
    labels = call.labels(value).expand(value.shape)
    if not call.route_given or value.dim() == 0:
        return shaped(call, call.algebra.reduce(labels, axes(call.get("dim"), labels.dim())))
    (target,) = call.targets
    dim = call.get("dim")
    if dim is None:
        return labels.reshape(-1)[target.reshape(())]
    place = target if call.get("keepdim", False) else target.unsqueeze(dim)
    return labels.gather(dim, place).reshape(target.shape)


@rule("_softmax", "_safe_softmax")
def softmax(call: Call) -> Tensor:
    """A row reads all its scores but those whose exponential is zero by a mask; these are zero in every pass."""
    value, dim = call["self"], call["dim"]
    labels, gone = softened(call, value, dim)
    if value.dim() == 0:
        return constant()
    row = call.algebra.reduce(labels, [dim])
    if gone is None:
        return constant() if value.shape[dim] == 1 and all_finite(call.value(value)) else row
    some = compact(gone)
    width = value.shape[dim] // some.shape[dim]  # along it they may be expanded
    alone = (~some).sum(dim, keepdim=True) * width == 1  # one score that is left has the weight one, whatever it is
    return replaced(row, (some | alone).expand(value.shape))


@rule("_log_softmax")
def log_softmax(call: Call) -> Labels:
    """A row reads all its scores; a masked score is read by its own place alone, and stays masked."""
    value, dim = call["self"], call["dim"]
    labels, gone = softened(call, value, dim)
    row = call.algebra.reduce(labels, [dim] if labels.dim() else [])
    if gone is None:
        return row
    labels = call.algebra.join(row, call.labels(value))
    return Masked(labels.expand(value.shape), still(gone, call.targets[0]))


@rule("_masked_softmax")
def masked_softmax(call: Call) -> Tensor:
    """A row with its mask (true: hidden)."""
    value, mask = call["self"], call["mask"]
    dim = call.get("dim")
    dim = value.dim() - 1 if dim is None else dim
    labels = call.algebra.join(call.labels(value), call.labels(mask))
    return call.algebra.reduce(labels.expand(value.shape), [dim])


@rule("cumsum", "cumprod", "cummax", "cummin", "logcumsumexp", "_logcumsumexp")
def running(call: Call) -> Labels:
    """All up to each place."""
    labels = call.labels(call["self"])
    found = call.algebra.running(labels.expand(call["self"].shape), call["dim"])
    return [found] * len(call.targets)


@rule("_cummax_helper", "_cummin_helper")
def running_into(call: Call) -> Labels:
    """All up to each place, written into two tensors."""
    return [call.algebra.running(call.labels(call["self"]).expand(call["self"].shape), call["dim"])] * len(call.targets)


@rule("_foreach_norm", "_foreach_max", "_foreach_powsum")
def norms(call: Call) -> Labels:
    """Each tensor of a list, whole."""
    found = [call.algebra.reduce(call.labels(t).reshape(-1), [0], keepdim=False) for t in tensors(call["self"])]
    return found


@rule("renorm")
def renorm(call: Call) -> Tensor:
    """Each slice by its norm."""
    labels = call.labels(call["self"])
    dim = call["dim"] % labels.dim()
    return call.algebra.join(labels, call.algebra.reduce(labels, [d for d in range(labels.dim()) if d != dim]))


@rule("_cdist_forward", "_euclidean_dist")
def distances(call: Call) -> Tensor:
    """A row of one with a row of the other."""
    one, other = (call.algebra.reduce(call.labels(call[name]), [-1]) for name in ("x1", "x2"))
    return call.algebra.join(one, other.mT)


@rule("_pdist_forward")
def pairs(call: Call) -> Tensor:
    """Two rows."""
    rows = call.algebra.reduce(call.labels(call["self"]).expand(call["self"].shape), [-1], keepdim=False)
    one, other = torch.triu_indices(len(rows), len(rows), 1)
    return call.algebra.join(rows[one], rows[other])
