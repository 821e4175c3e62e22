"""Operators that move elements: the operator itself places the labels."""

from __future__ import annotations

import torch
from torch import Tensor

from arspec.shadow.algebra import CONSTANT, some
from arspec.shadow.call import Call, tensors
from arspec.shadow.rules.pieces import moved
from arspec.shadow.rules.table import Labels, rule


@rule(
    "rot90", "repeat", "expand_copy", "permute_copy", "transpose_copy", "t_copy", "select_copy", "squeeze_copy",
    "unsqueeze_copy", "unbind_copy", "unfold_copy", "as_strided_copy", "diagonal_copy", "diag_embed", "pixel_shuffle",
    "pixel_unshuffle", "channel_shuffle", "im2col", "upsample_nearest1d", "upsample_nearest2d", "upsample_nearest3d",
    "_upsample_nearest_exact1d", "_upsample_nearest_exact2d", "_upsample_nearest_exact3d", )  # fmt: skip
def move(call: Call) -> Labels:
    """The first argument moves."""
    return moved(call)


@rule("slice_copy", "narrow_copy", "split_copy", "split_with_sizes_copy", "unsafe_split", "unsafe_split_with_sizes")
def move_along(call: Call) -> Labels:
    """The first argument moves along one axis."""
    return moved(call, along=[call["dim"]])


@rule("roll", "flip")
def turn(call: Call) -> Labels:
    """The first argument moves along axes that are named; a roll without any is one of the whole."""
    return moved(call, along=call["dims"] or None)


@rule("tril", "triu")
def triangle(call: Call) -> Labels:
    """Matrices in the last two axes."""
    return moved(call, along=[-2, -1])


@rule(
    "constant_pad_nd", "reflection_pad1d", "reflection_pad2d", "reflection_pad3d", "replication_pad1d",
    "replication_pad2d", "replication_pad3d", )  # fmt: skip
def pad(call: Call) -> Labels:
    """The first argument moves along the axes that something is put before or behind; the last axis comes first."""
    sides = call.get("pad", call.get("padding"))
    return moved(call, along=[-1 - k // 2 for k, size in enumerate(sides) if size])


@rule("repeat_interleave.Tensor")
def repeats(call: Call) -> Tensor:
    """Places that are repeated as often as a tensor says: all that it says is read, or, the route given, its own."""
    counts = call["repeats"]
    own = call.labels(counts).expand(counts.shape)
    if call.route_given:
        return own.repeat_interleave(call.value(counts))
    return call.algebra.reduce(own, [0])


@rule("cat")
def join(call: Call) -> Labels:
    """A list of tensors moves along one axis."""
    return moved(call, along=[call["dim"]])


@rule("stack", "block_diag", "_chunk_cat", "_stack")
def pile(call: Call) -> Labels:
    """A list of tensors moves."""
    return moved(call)


@rule("slice_scatter")
def put_slice(call: Call) -> Labels:
    """A part is replaced along one axis."""
    return moved(call, *list(call.arguments)[:2], along=[call["dim"]])


@rule("select_scatter", "diagonal_scatter", "as_strided_scatter")
def put_view(call: Call) -> Labels:
    """A part is replaced."""
    return moved(call, *list(call.arguments)[:2])


@rule("_foreach_copy", "_foreach_clone")
def copies(call: Call) -> Labels:
    """Each of a list."""
    name = "src" if "src" in call.arguments else "self"
    found: list[Tensor] = [call.labels(t) for t in tensors(call[name])]
    return found


@rule("trace")
def trace(call: Call) -> Tensor:
    """The diagonal."""
    labels = call.labels(call["self"]).expand(call["self"].shape)
    return call.algebra.reduce(labels.diagonal(), [0], keepdim=False)


@rule("masked_select")
def masked_select(call: Call) -> Tensor:
    """Which places are chosen is the route; a chosen element reads its own place in the mask."""
    value, mask = call["self"], call["mask"]
    labels, own = torch.broadcast_tensors(call.labels(value), call.labels(mask).expand(mask.shape))
    which = call.value(mask).expand(labels.shape)
    found = call.algebra.join(labels.expand(which.shape)[which], own.expand(which.shape)[which])
    if call.route_given or not some(own != CONSTANT):
        return found
    return call.algebra.join(found, call.algebra.reduce(own.reshape(-1), [0], keepdim=False))
