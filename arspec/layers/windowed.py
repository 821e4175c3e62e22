"""The computation that all linear layers over a window share: the masked weight, for all sites and for a few."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from arspec.layers.base import Constants, Node, Weights, repeated
from arspec.reads import Window
from arspec.types import Ints

if TYPE_CHECKING:
    from torch import Tensor


def mask_constants(node: Node, window: Window) -> Constants:
    """{mask, source} for `window_weight` and `by_position`. Nothing where the mask hides nothing.

    mask: [G_out * C_out, G_in * C_in, taps] where it is the same everywhere, else [G_out, G_in, taps, P];
    source [taps, P]: the input position of each tap, P_in where there is none."""
    mask = window.mask()
    if mask.all():
        return {}
    if window.same_everywhere:
        return {"mask": repeated(mask, node.out.channels, node.ins[0].channels)}
    source = np.stack([np.where(t.source < 0, window.in_positions, t.source) for t in window.taps])
    return {"mask": mask, "source": source}


def weight_norm(w: Weights) -> Tensor:
    """The weight itself, or gain · v / |v| where the layer has weight norm (Salimans & Kingma 2016), over all but the
    first dimension."""
    v = w["weight"]
    if "gain" not in w:
        return v
    norm = v.flatten(1).norm(dim=1)
    norm = norm + (norm == 0)  # an output from which the mask hides everything: 0 / 0 would be NaN
    return v * (w["gain"] / norm).view(-1, *[1] * (v.ndim - 1))


def window_weight(w: Weights, c: Weights) -> Tensor:
    """The weight [G_out * C_out, G_in * C_in, *kernel] with what the mask hides set to zero (where that is the same
    everywhere)."""
    import torch

    if "mask" not in c or "source" in c:
        return weight_norm(w)
    mask = c["mask"].view(w["weight"].shape)
    hidden = torch.where(mask, w["weight"], torch.zeros((), dtype=w["weight"].dtype, device=mask.device))
    return weight_norm({**w, "weight": hidden})


def by_position(node: Node, x: Tensor, weight: Tensor, bias: Tensor | None, c: Weights) -> Tensor:
    """A window whose mask differs from position to position: x [B, G_in * C_in, *grid] -> [B, G_out * C_out, *grid].

    Gathers every tap, hides what each position may not read, and multiplies: memory is `taps` times the input's."""
    import torch

    out, into = node.out, node.ins[0]
    batch, mask, source = x.shape[0], c["mask"], c["source"]
    padded = torch.nn.functional.pad(x.flatten(2), (0, 1))
    taps = padded[:, :, source.flatten()].view(batch, into.width, *source.shape)
    kernels = weight.flatten(2).view(out.groups, out.channels, into.width, -1)
    parts: list[Tensor] = []
    for g in range(out.groups):
        seen = taps * mask[g].repeat_interleave(into.channels, 0)
        parts.append(torch.einsum("bikp,oik->bop", seen, kernels[g]))
    y = torch.cat(parts, 1)
    if bias is not None:
        y = y + bias[:, None]
    return y.view(batch, out.width, *out.grid)


def fold_window(node: Node, weight: Tensor, bias: Tensor | None, group: int, columns: Ints) -> Weights:
    """The weight of one group for `few_window`: [C_out, columns * C_in], the columns as in the window's table. Rows of
    outputs lie together in memory: a product with one site or two is then up to twice as fast as with its transpose."""
    import torch

    out, into = node.out, node.ins[0]
    mine = weight.flatten(2)[group * out.channels : (group + 1) * out.channels]
    taps = mine.view(out.channels, into.groups, into.channels, -1).permute(0, 3, 1, 2)
    kept = taps.flatten(1, 2)[:, torch.as_tensor(columns, device=weight.device)]
    folded = {"weight": kept.reshape(out.channels, -1).contiguous()}
    if bias is not None:
        folded["bias"] = bias[group * out.channels : (group + 1) * out.channels].contiguous()
    return folded


def few_window(w: Weights, x: Tensor) -> Tensor:
    """x [B, n, M, C_in] -> [B, n, C_out]."""
    from torch.nn import functional as F

    batch, sites = x.shape[:2]
    out, read = w["weight"].shape
    return F.linear(x.reshape(batch * sites, read), w["weight"], w.get("bias")).view(batch, sites, out)
