"""Norms: what shares its statistics reads one another, statistics that are kept as well."""

from __future__ import annotations

import torch
from torch import Tensor

from arspec.shadow.algebra import CONSTANT, DTYPE, some
from arspec.shadow.call import Call
from arspec.shadow.rules.table import Labels, rule


def scaled(call: Call, labels: Tensor, weight: Tensor | None, bias: Tensor | None, channel: int | None) -> Tensor:
    """Labels joined with those of a scale and a bias, which lie along one axis, or (None) along the last ones."""
    for part in (weight, bias):
        if part is None:
            continue
        own = call.labels(part)
        if not some(own):
            continue
        own = own.expand(part.shape)
        if channel is not None:
            own = own.reshape(-1, *[1] * (labels.dim() - channel - 1))
        labels = call.algebra.join(labels, own)
    return labels


@rule("native_layer_norm", "_fused_rms_norm")
def layer_norm(call: Call) -> Labels:
    """Everything along the last axes."""
    value = call["input"]
    labels = call.labels(value).expand(value.shape)
    row = call.algebra.reduce(labels, list(range(-len(call["normalized_shape"]), 0)))
    out = scaled(call, row, call.get("weight"), call.get("bias"), None)
    rest = [row.reshape(t.shape) if t.numel() == row.numel() else row for t in call.targets[1:]]
    return [out, *rest]


@rule("native_group_norm")
def group_norm(call: Call) -> Labels:
    """Everything in a group of channels of one example."""
    value = call["input"]
    batch, channels = value.shape[:2]
    groups = call.get("group", call.get("num_groups"))
    labels = call.labels(value).expand(value.shape).reshape(batch, groups, -1)
    row = call.algebra.reduce(labels, [-1], keepdim=False)
    out = row[..., None].expand(batch, groups, channels // groups).reshape(batch, channels, *[1] * (value.dim() - 2))
    return [scaled(call, out, call["weight"], call["bias"], 1), *([row] * (len(call.targets) - 1))]


@rule(
    "native_batch_norm",
    "_native_batch_norm_legit",
    "_native_batch_norm_legit_no_training",
    "cudnn_batch_norm",
    "_batch_norm_with_update",
    "_batch_norm_no_update",
)
def batch_norm(call: Call) -> Labels:
    """In training everything of a channel, which running statistics and saved ones read too; else each by itself."""
    value = call["input"]
    labels = call.labels(value).expand(value.shape)
    name = call.operator.name()
    mean, var = call.get("running_mean"), call.get("running_var")
    training = call.get("training", call.get("train", call.get("use_input_stats", "with_update" in name)))
    if training or mean is None:
        kept = [0, *range(2, value.dim())] if "instance_norm" not in name else list(range(2, value.dim()))
        labels = call.algebra.reduce(labels, kept)
        saved = call.algebra.reduce(labels, [0]).reshape(-1)
        kept_on = [saved if part is None else call.algebra.join(saved, call.labels(part)) for part in (mean, var)]
        own = labels
    else:
        assert var is not None
        saved = call.algebra.join(call.labels(mean), call.labels(var)).expand(mean.shape)
        own = call.algebra.join(labels, saved.reshape(-1, *[1] * (value.dim() - 2)))
        kept_on = [saved, saved]
    out = scaled(call, own, call.get("weight"), call.get("bias"), 1)
    running = dict(zip((id(mean), id(var)), kept_on, strict=True))
    rest = [
        running.get(id(t), saved) if t.numel() == value.shape[1] else torch.full((), CONSTANT, dtype=DTYPE)
        for t in call.targets[1:]
    ]
    return [out, *rest]


@rule("_weight_norm_interface")
def weight_norm(call: Call) -> Labels:
    """A slice by its norm, times its length."""
    value, length, dim = call["v"], call["g"], call.get("dim", 0)
    labels = call.labels(value).expand(value.shape)
    row = call.algebra.reduce(labels, [d for d in range(labels.dim()) if d != dim % labels.dim()])
    out = call.algebra.join(row, call.labels(length).expand(length.shape))
    return [out, *([row] * (len(call.targets) - 1))]
