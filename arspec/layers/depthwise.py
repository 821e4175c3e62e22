"""The computation of a depthwise convolution: each channel reads a window of itself alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from arspec.layers.base import Constants, Node, Weights
from arspec.layers.geometry import Geometry
from arspec.reads import Window
from arspec.types import Ints

if TYPE_CHECKING:
    from torch import Tensor


def depthwise_constants(node: Node, window: Window, form: Geometry) -> Constants:
    """What a window's mask leaves of the kernel; nothing where the mask hides nothing.

    Where it is the same everywhere: mask [G, 1, *kernel]. Where it differs from position to position: table [M, P], the
    input position of each place, P for none, and shown [M, G, P], whether it is read there."""
    groups = np.arange(node.out.groups)
    if window.same_everywhere:
        mask = np.stack([tap.allowed[groups, groups] for tap in window.taps], 1)
        return {} if mask.all() else {"mask": mask.reshape(-1, 1, *form.kernel)}
    own = [tap.allowed[groups, groups] for tap in window.taps]
    each = [a if a.ndim == 2 else np.broadcast_to(a[:, None], (len(groups), node.out.positions)) for a in own]
    source = np.stack([tap.source for tap in window.taps])
    return {"table": np.where(source < 0, node.ins[0].positions, source), "shown": np.stack(each)}


def depthwise_weight(node: Node, w: Weights, c: Constants) -> Tensor:
    """[G * C, 1, *kernel]: the weight that is multiplied with, without what the mask hides everywhere, and with weight
    norm (Salimans & Kingma 2016) over what it leaves."""
    v = w["weight"]
    if "mask" in c:
        v = v * c["mask"].to(v.dtype).repeat_interleave(node.out.channels, 0)
    if "gain" not in w:
        return v
    norm = v.flatten(1).norm(dim=1)
    return v * (w["gain"] / (norm + (norm == 0))).view(-1, *[1] * (v.ndim - 1))


def depthwise(node: Node, w: Weights, c: Constants, x: Tensor, form: Geometry) -> Tensor:
    """x [B, G * C, *grid] -> [B, G * C, *grid']. w: weight as `depthwise_weight` gives it, bias [G * C]."""
    from torch.nn import functional as F

    weight, bias = w["weight"], w.get("bias")
    if "table" in c:
        return _by_position(node, weight, bias, c, x)
    sides: list[int] = []
    for before, after in zip(form.before, form.after, strict=True):
        sides = [before, after, *sides]
    convolve = F.conv1d if x.ndim == 3 else F.conv2d
    x = F.pad(x, sides) if any(sides) else x
    return convolve(x, weight, bias, form.stride, 0, form.dilation, len(weight))


def _by_position(node: Node, weight: Tensor, bias: Tensor | None, c: Constants, x: Tensor) -> Tensor:
    """One place of the window after another, as the mask differs from position to position."""
    from torch.nn.functional import pad

    out, flat = node.out, pad(x.flatten(2), (0, 1))
    y = x.new_zeros(len(x), out.width, out.positions)
    for place, own in enumerate(weight.flatten(1).unbind(1)):
        shown = c["shown"][place].to(x.dtype).repeat_interleave(out.channels, 0)
        y = y + flat.index_select(2, c["table"][place]) * (own[:, None] * shown)
    y = y if bias is None else y + bias[:, None]
    return y.view(len(x), out.width, *out.grid)


def prepare_depthwise_sites(node: Node, weight: Tensor, bias: Tensor | None, group: int, columns: Ints) -> Weights:
    """Of one group: weight [M, C], the places as the columns of the window's table name them, and bias [C]."""
    import torch

    own = slice(group * node.out.channels, (group + 1) * node.out.channels)
    places = torch.as_tensor(columns // node.ins[0].groups, device=weight.device)
    found = {"weight": weight.flatten(1)[own].T.index_select(0, places).contiguous()}
    return found if bias is None else {**found, "bias": bias[own]}


def depthwise_sites(w: Weights, x: Tensor) -> Tensor:
    """x [B, n, M * C] -> [B, n, C]."""
    y = (x.unflatten(-1, w["weight"].shape) * w["weight"]).sum(-2)
    return y + w["bias"] if "bias" in w else y
