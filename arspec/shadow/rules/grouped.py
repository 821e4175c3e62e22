"""Products of groups, and of quantised numbers."""

from __future__ import annotations

import torch
from torch import Tensor

from arspec.shadow.algebra import CONSTANT, only, some
from arspec.shadow.call import Call
from arspec.shadow.rules.pieces import constant
from arspec.shadow.rules.pointwise import union
from arspec.shadow.rules.recurrent import whole
from arspec.shadow.rules.table import Labels, rule


@rule("_grouped_mm")
def grouped(call: Call) -> Tensor:
    """A row with the matrix of its group. Which group it is in reads the borders; the route given: nothing."""
    algebra = call.algebra
    one, other = call["self"], call["mat2"]
    rows = algebra.reduce(call.labels(one).expand(one.shape), [-1])
    columns = algebra.reduce(call.labels(other).expand(other.shape), [-2])
    rest = whole(call, *[call.get(name) for name in ("scale_a", "scale_b", "bias", "scale_result")])
    if not call.route_given:
        rest = algebra.join(rest, whole(call, call.get("offs")))
    if one.dim() == 2 and other.dim() == 3:
        columns = algebra.reduce(columns, [0], keepdim=False)
    if one.dim() == 3 and other.dim() == 2:
        rows = algebra.reduce(rows, [0], keepdim=False)
    return algebra.join(rows, columns, rest)


@rule("_scaled_mm", "_weight_int8pack_mm")
def scaled(call: Call) -> Tensor:
    """A row with a column, and the scales."""
    algebra = call.algebra
    one, other = call["self"], call["mat2"]
    rows = algebra.reduce(call.labels(one).expand(one.shape), [-1])
    scales = call.get("scales")
    if scales is not None:  # rows of the weights are columns of the result
        columns = algebra.reduce(call.labels(other).expand(other.shape), [-1], keepdim=False)
        return algebra.join(rows, columns, call.labels(scales).expand(scales.shape))
    columns = algebra.reduce(call.labels(other).expand(other.shape), [-2])
    return algebra.join(rows, columns, whole(call, *[call[n] for n in ("scale_a", "scale_b", "bias", "scale_result")]))


@rule("_weight_int4pack_mm_for_cpu")
def packed(call: Call) -> Tensor:
    """A row with weights that are packed, whole."""
    one = call[next(iter(call.arguments))]
    rows = call.algebra.reduce(call.labels(one).expand(one.shape), [-1])
    return call.algebra.join(rows, whole(call, *[value for value in call.inputs if value is not one]))


@rule("fake_quantize_per_channel_affine_cachemask", "_fake_quantize_learnable_per_channel_affine")
def per_channel(call: Call) -> Tensor:
    """Each by itself, with the scale of its channel."""
    value = call["self"]
    labels = call.labels(value).expand(value.shape)
    shape = [1] * labels.dim()
    shape[call["axis"]] = -1
    for name in ("scale", "zero_point"):
        part = call[name]
        labels = call.algebra.join(labels, call.labels(part).expand(part.shape).reshape(shape))
    return labels


@rule(
    "fake_quantize_per_tensor_affine_cachemask",
    "_fake_quantize_per_tensor_affine_cachemask_tensor_qparams",
    "_fake_quantize_learnable_per_tensor_affine",
)
def per_tensor(call: Call) -> Tensor:
    """Each by itself, with one scale."""
    return union(call)


@rule("_fused_moving_avg_obs_fq_helper")
def observed(call: Call) -> Tensor:
    """The range of the whole is read by all."""
    return call.everything()


@rule(
    "mse_loss",
    "smooth_l1_loss",
    "huber_loss",
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "soft_margin_loss",
)
def loss(call: Call) -> Tensor:
    """Each by itself, or all of them."""
    return union(call) if call.get("reduction", 1) == 0 else call.everything()


@rule("nll_loss_forward", "nll_loss2d_forward")
def nll(call: Call) -> Labels:
    """The score of the target; or all of them."""
    value, target = call["self"], call["target"]
    if call["reduction"] != 0 or value.dim() == 1:
        return call.everything()
    labels = call.labels(value).expand(value.shape)
    place = call.value(target)
    aside = place == call["ignore_index"]
    found = labels.gather(1, torch.where(aside, 0, place).unsqueeze(1)).squeeze(1)
    found = only(found, ~aside)
    own = call.labels(target).expand(target.shape)
    if not call.route_given and some(own):
        found = torch.where(own == CONSTANT, found, call.algebra.reduce(labels, [1], keepdim=False))
    weight = whole(call, call["weight"])
    out = call.algebra.join(found, call.labels(target), weight)
    return [out, constant() if call["weight"] is None else call.everything()]


@rule("_ctc_loss", "multi_margin_loss", "multilabel_margin_loss_forward")
def losses(call: Call) -> Labels:
    """All that is read."""
    return call.everything()
