"""Convolutions, pooling and resampling."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import pad

from arspec.shadow.algebra import CONSTANT, Algebra, some
from arspec.shadow.call import Call
from arspec.shadow.elements import all_finite
from arspec.shadow.rules.pieces import distinct, narrowed
from arspec.shadow.rules.table import Labels, rule


def _sizes(value: Any, rank: int) -> list[int]:
    listed: list[int] = [value] if isinstance(value, int) else list(value)
    return listed * rank if len(listed) == 1 else listed


def padded(labels: Tensor, sides: Sequence[tuple[int, int]]) -> Tensor:
    """Labels with constants around the last axes (or cropped, where a side is negative)."""
    flat = [side for pair in reversed(sides) for side in pair]
    return pad(labels.to(torch.float64), flat).to(labels.dtype) if any(flat) else labels


def tap(labels: Tensor, offset: Sequence[int], stride: Sequence[int], size: Sequence[int]) -> Tensor:
    """What one place of a kernel sees, for each place of the output."""
    for k, (start, step, length) in enumerate(zip(offset, stride, size, strict=True)):
        dim = labels.dim() - len(size) + k
        labels = labels.narrow(dim, start, (length - 1) * step + 1)
        labels = labels[(slice(None),) * dim + (slice(None, None, step),)]
    return labels


def slid(
    algebra: Algebra,
    labels: Tensor,
    keep: Tensor,
    stride: Sequence[int],
    dilation: Sequence[int],
    size: Sequence[int],
) -> Tensor:
    """Labels `[N, G, I, ...]`, padded; keep `[G, O, I, *kernel]`: what may be read -> `[N, G, O, *size]`."""
    kernel = keep.shape[3:]
    taps = list(itertools.product(*[range(k) for k in kernel]))
    flat = keep.flatten(3)
    labels = narrowed(labels, 0, 1, 2)
    if labels.shape[2] == 1:  # channels are alike: one stands for all of them
        flat = flat.any(2, keepdim=True)
    if labels.shape[2] > 1:
        labels, flat = _classes(labels, flat)
    groups, channels = flat.shape[0], flat.shape[1]
    rows, back = distinct(flat.flatten(2).flatten(0, 1))
    if len(rows) == 1:
        return _joined(algebra, labels, rows[0].reshape(flat.shape[2:]), taps, stride, dilation, size)
    if labels.shape[1] == 1:  # groups are alike, too: each pattern once
        found = torch.cat(
            [_joined(algebra, labels, row.reshape(flat.shape[2:]), taps, stride, dilation, size) for row in rows], 2
        )
        return found[:, 0, back].unflatten(1, (groups, channels))
    parts: list[Tensor] = []
    for group in range(groups):
        own = labels[:, group : group + 1]
        mine, place = distinct(flat[group].flatten(1))
        found = [_joined(algebra, own, row.reshape(flat.shape[2:]), taps, stride, dilation, size) for row in mine]
        parts.append(torch.cat(found, 2)[:, :, place])
    return torch.cat(parts, 1)


def _classes(labels: Tensor, flat: Tensor) -> tuple[Tensor, Tensor]:
    """Channels that have the same labels everywhere, as one: labels `[N, G, C, ...]`, keep `[G, O, C, taps]`."""
    lines = labels.transpose(0, 2).flatten(1)
    _, back, first = _equal(lines)
    if len(first) == len(lines):
        return labels, flat
    keep = torch.zeros((*flat.shape[:2], len(first), flat.shape[3]), dtype=torch.int32)
    keep.index_add_(2, back, flat.to(torch.int32))
    return labels[:, :, first], keep > 0


def _equal(lines: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    found, back = torch.unique(lines, dim=0, return_inverse=True)
    first = torch.full((len(found),), len(lines), dtype=torch.int64)
    first.scatter_reduce_(0, back, torch.arange(len(lines)), "amin")
    return found, back, first


def _joined(
    algebra: Algebra,
    labels: Tensor,
    pattern: Tensor,
    taps: Sequence[tuple[int, ...]],
    stride: Sequence[int],
    dilation: Sequence[int],
    size: Sequence[int],
) -> Tensor:
    """Labels `[N, G, I, ...]`, pattern `[I, taps]` of what is read -> `[N, G, 1, *size]`."""
    out: Tensor | None = None
    done: dict[bytes, Tensor] = {}
    for number, place in enumerate(taps):
        column = pattern[:, number]
        if not some(column):
            continue
        code = column.numpy().tobytes()
        if code not in done:
            own = labels if bool(column.all()) else labels[:, :, column]
            done[code] = algebra.reduce(own, [2])
        seen = tap(done[code], [p * d for p, d in zip(place, dilation, strict=True)], stride, size)
        out = seen if out is None else algebra.join(out, seen)
    if out is None:
        return torch.zeros((labels.shape[0], labels.shape[1], 1, *size), dtype=labels.dtype)
    return out


@rule(
    "convolution",
    "_convolution",
    "mkldnn_convolution",
    "_conv_depthwise2d",
    "conv_depthwise3d",
    "_slow_conv2d_forward",
    "slow_conv3d_forward",
    "slow_conv_dilated2d",
    "slow_conv_dilated3d",
    "slow_conv_transpose2d",
    "slow_conv_transpose3d",
    "cudnn_convolution",
)
def convolution(call: Call) -> Labels:
    """What a kernel reads past structural zeros: groups, strides, dilation, transposed, masked weights."""
    value, weight = call.get("input", call.get("self")), call["weight"]
    bias = call.get("bias")
    name = call.operator.name()
    rank = weight.dim() - 2
    alone = value.dim() == rank + 1
    labels = call.labels(value).expand(value.shape)
    labels = labels[None] if alone else labels
    transposed = bool(call.get("transposed", "transpose" in name))
    groups = call.get("groups", labels.shape[1] if "depthwise" in name else 1)
    stride, dilation = _sizes(call.get("stride", 1), rank), _sizes(call.get("dilation", 1), rank)
    target = call.targets[0]
    size = list(target.shape[target.dim() - rank :])
    kernel = list(weight.shape[2:])
    said = call.get("padding", 0)
    if isinstance(said, str):
        wide = [d * (k - 1) for d, k in zip(dilation, kernel, strict=True)]
        sides = [(w // 2, w - w // 2) if said == "same" else (0, 0) for w in wide]
    else:
        sides = [(p, p) for p in _sizes(said, rank)]
    keep = ~call.zero(weight)
    own = call.labels(weight).expand(weight.shape)
    if transposed:  # the kernel turned around slides over what is spread out
        keep = keep.unflatten(0, (groups, -1)).transpose(1, 2).flip(list(range(3, 3 + rank)))
        channels = call.algebra.reduce(own, [0, *range(2, 2 + rank)], keepdim=False).repeat(groups)
        labels = _spread(labels, stride, rank)
        wanted = [s + d * (k - 1) for s, d, k in zip(size, dilation, kernel, strict=True)]
        before = [d * (k - 1) - p for d, k, (p, _) in zip(dilation, kernel, sides, strict=True)]
        have = labels.shape[2:]
        sides = [(b, w - h - b) for b, w, h in zip(before, wanted, have, strict=True)]
        stride = [1] * rank
    else:
        keep = keep.unflatten(0, (groups, -1))
        channels = call.algebra.reduce(own, list(range(1, 2 + rank)), keepdim=False)
    if not all_finite(call.value(value)):
        keep = torch.ones_like(keep)
    labels = padded(labels, sides).unflatten(1, (groups, -1))
    out = slid(call.algebra, labels, keep, stride, dilation, size)
    out = out.expand(out.shape[0], *keep.shape[:2], *out.shape[3:]).flatten(1, 2)
    if bias is not None:
        channels = call.algebra.join(channels, call.labels(bias))
    if some(channels):
        out = call.algebra.join(out, channels.reshape(-1, *[1] * rank))
    return [out[0] if alone else out, *([call.everything()] * (len(call.targets) - 1))]


def _spread(labels: Tensor, stride: Sequence[int], rank: int) -> Tensor:
    """Labels with constants between them."""
    if all(step == 1 for step in stride):
        return labels
    spatial = [(size - 1) * step + 1 for size, step in zip(labels.shape[2:], stride, strict=True)]
    out = torch.full((*labels.shape[:2], *spatial), CONSTANT, dtype=labels.dtype)
    out[(slice(None), slice(None), *[slice(None, None, step) for step in stride])] = labels
    return out


@rule("conv_tbc")
def conv_tbc(call: Call) -> Tensor:
    """Along time, every channel."""
    value, weight = call["self"], call["weight"]
    labels = call.algebra.reduce(call.labels(value).expand(value.shape), [-1]).permute(1, 2, 0)
    labels = padded(labels, [(call["pad"], call["pad"])])[:, None]
    keep = torch.ones(1, 1, 1, weight.shape[0], dtype=torch.bool)
    out = slid(call.algebra, labels, keep, [1], [1], [call.targets[0].shape[0]])
    rest = call.algebra.join(
        *[call.algebra.reduce(call.labels(t).reshape(-1), [0], False) for t in (weight, call["bias"])]
    )
    return call.algebra.join(out[:, 0].permute(2, 0, 1), rest)


@rule("avg_pool2d", "avg_pool3d", "max_pool2d_with_indices", "max_pool3d_with_indices")
def pool(call: Call) -> Tensor:
    """What a window holds, each channel by itself."""
    value = call["self"]
    name = call.operator.name()
    rank = 1 if "pool1d" in name else 2 if "pool2d" in name else 3
    labels = call.labels(value).expand(value.shape)
    kernel = _sizes(call["kernel_size"], rank)
    stride = _sizes(call["stride"], rank) if call.get("stride") else kernel
    around, dilation = _sizes(call["padding"], rank), _sizes(call.get("dilation", 1), rank)
    size = list(call.targets[0].shape[-rank:])
    sides = [
        (p, max(p, (o - 1) * s + d * (k - 1) + 1 - i - p))
        for p, o, s, d, k, i in zip(around, size, stride, dilation, kernel, value.shape[-rank:], strict=True)
    ]
    labels = padded(labels[None, None] if labels.dim() == rank else labels, sides)
    out: Tensor | None = None
    for place in itertools.product(*[range(k) for k in kernel]):
        seen = tap(labels, [p * d for p, d in zip(place, dilation, strict=True)], stride, size)
        out = seen if out is None else call.algebra.join(out, seen)
    assert out is not None
    return out.reshape(call.targets[0].shape)


@rule(
    "_adaptive_avg_pool2d",
    "_adaptive_avg_pool3d",
    "adaptive_avg_pool2d",
    "adaptive_avg_pool3d",
    "adaptive_max_pool2d",
    "adaptive_max_pool3d",
)
def adaptive_pool(call: Call) -> Tensor:
    """What a window holds, which the sizes lay out."""
    labels = call.labels(call["self"]).expand(call["self"].shape)
    rank = len(call["output_size"])
    for dim in range(labels.dim() - rank, labels.dim()):
        size, wide = call.targets[0].shape[dim], labels.shape[dim]
        place = torch.arange(size)
        start, stop = place * wide // size, ((place + 1) * wide + size - 1) // size
        spot = torch.arange(wide)
        labels = _mixed(call.algebra, labels, dim, (spot >= start[:, None]) & (spot < stop[:, None]))
    return labels


def _mixed(algebra: Algebra, labels: Tensor, dim: int, keep: Tensor) -> Tensor:
    """Along one axis, each place of the output reads the places that are kept, `[out, in]`."""
    return algebra.within(labels.movedim(dim, -1), keep).movedim(-1, dim)


@rule(
    "upsample_linear1d",
    "upsample_bilinear2d",
    "upsample_trilinear3d",
    "upsample_bicubic2d",
    "_upsample_bilinear2d_aa",
    "_upsample_bicubic2d_aa",
)
def resample(call: Call) -> Tensor:
    """Along each axis, the places whose weight is not zero; the operator itself says which."""
    value = call.get("self", call.get("input"))
    labels = call.labels(value).expand(value.shape)
    target = call.targets[0]
    rank = value.dim() - 2
    for k in range(rank):
        wide = value.shape[2 + k]
        probe = torch.zeros((wide, 1, *value.shape[2:]), dtype=torch.float64)
        probe.movedim(2 + k, 1)[torch.arange(wide), torch.arange(wide)] = 1.0
        arguments = {**call.arguments, next(iter(call.arguments)): probe}
        arguments.pop("out", None)
        out = call.operator(**arguments) if "out" not in call.arguments else None
        if out is None:
            labels = call.algebra.reduce(labels, [2 + k])
            continue
        line = out.movedim(2 + k, 1).flatten(2)[:, :, 0]
        labels = _mixed(call.algebra, labels, 2 + k, line.mT.abs() > 0)
    return labels.expand(target.shape)


@rule("grid_sampler_2d", "grid_sampler_3d")
def grid_sampler(call: Call) -> Tensor:
    """Anywhere in the channel, by the grid's place."""
    labels = call.labels(call["input"]).expand(call["input"].shape)
    whole = call.algebra.reduce(labels, list(range(2, labels.dim())))
    grid = call.algebra.reduce(call.labels(call["grid"]).expand(call["grid"].shape), [-1], keepdim=False)
    return call.algebra.join(whole, grid[:, None])


@rule("col2im")
def col2im(call: Call) -> Tensor:
    """Windows laid over one another, each channel by itself."""
    labels = call.labels(call["self"]).expand(call["self"].shape)
    size, kernel = call["output_size"], call["kernel_size"]
    dilation, around, stride = call["dilation"], call["padding"], call["stride"]
    wide = [s + 2 * p for s, p in zip(size, around, strict=True)]
    blocks = [(w - d * (k - 1) - 1) // s + 1 for w, d, k, s in zip(wide, dilation, kernel, stride, strict=True)]
    parts = labels.unflatten(-2, (-1, *kernel)).unflatten(-1, blocks)  # [..., C, *kernel, *blocks]
    out = torch.zeros((*parts.shape[:-4], *wide), dtype=labels.dtype)
    for i, j in itertools.product(*[range(k) for k in kernel]):
        seen = tap(out, [i * dilation[0], j * dilation[1]], stride, blocks)
        seen.copy_(call.algebra.join(seen, parts[..., i, j, :, :]))
    rows, columns = (slice(p, p + s) for p, s in zip(around, size, strict=True))
    return out[..., rows, columns]


@rule("max_unpool2d", "max_unpool3d", "fractional_max_pool2d", "fractional_max_pool3d")
def unpool(call: Call) -> Labels:
    """Everything of a channel, with the indices."""
    value = call["self"]
    parts = [call.algebra.reduce(call.labels(t).expand(t.shape), list(range(2, t.dim()))) for t in (value,)]
    rest = [call.algebra.reduce(call.labels(t).reshape(-1), [0], False) for t in call.inputs[1:]]
    return call.algebra.join(*parts, *rest)
