"""The computation that all linear layers over a window share: the masked weight, and the products, for all sites and
for a few."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from arspec.layers.base import Constants, Node, Weights
from arspec.layers.helpers import factor, repeated, shown
from arspec.layers.pieces import Pieces, SharedBox, cut
from arspec.reads import Window
from arspec.types import Ints

if TYPE_CHECKING:
    from torch import Tensor


def mask_constants(node: Node, window: Window, kernel: tuple[int, ...]) -> Constants:
    """How a window with a mask is cut; nothing where the mask hides nothing.

    pieces: the cut. mask: of its shared box, [G_out * C_out, G_in * C_in, *box], where it hides something. Of each
    gathered rest, numbered: `positions` [n], `table` [n, m], `places` [m]. Where a rest hides channel groups it also
    has its `mask`, [G_out * C_out, G_in * C_in, m]."""
    if window.mask().all():
        return {}
    out, into = node.out.channels, node.ins[0].channels
    pieces = cut(window, kernel, into, out)
    found: Constants = {"pieces": pieces}
    if pieces.shared is not None and not pieces.shared.mask.all():
        found["mask"] = factor(repeated(pieces.shared.mask, out, into))
    for k, rest in enumerate(pieces.rest):
        found |= {f"positions{k}": rest.positions, f"table{k}": rest.table, f"places{k}": rest.places}
        mask = rest.mask if rest.group is None else rest.mask[rest.group : rest.group + 1]
        if not mask.all():
            found[f"mask{k}"] = factor(repeated(mask, out, into))
    return found


def weight_norm(w: Weights) -> Tensor:
    """The weight itself, or gain · v / |v| where the layer has weight norm (Salimans & Kingma 2016), over all but the
    first dimension."""
    v = w["weight"]
    if "gain" not in w:
        return v
    norm = v.flatten(1).norm(dim=1)
    norm = norm + (norm == 0)  # an output from which the mask hides everything: 0 / 0 would be NaN
    return v * (w["gain"] / norm).view(-1, *[1] * (v.ndim - 1))


def prepare_window(node: Node, w: Weights, c: Constants) -> Weights:
    """The weights as the computation for all sites wants them.

    weight: [G_out * C_out, G_in * C_in, *box], of what all positions read. `rest` [m * G_in * C_in, D] of each gathered
    rest, numbered. bias: [G_out * C_out], where there is one."""
    pieces: Pieces | None = c.get("pieces")
    found = {"bias": w["bias"]} if "bias" in w else {}
    weight = w["weight"]
    if pieces is None or not pieces.same:
        weight = weight_norm(w)
    if pieces is None or pieces.shared is not None:
        shared = weight if pieces is None or pieces.shared is None else boxed(weight, pieces.shared)
        shared = shown(shared, c.get("mask"))
        if pieces is not None and pieces.same:  # the norm is over what the mask leaves
            shared = weight_norm({**w, "weight": shared})
        found["weight"] = _as_laid_out(shared)
    for k, rest in enumerate(() if pieces is None else pieces.rest):
        rows = slice(None) if rest.group is None else _channels(node, rest.group)
        taken = weight.flatten(2)[rows].index_select(2, c[f"places{k}"])
        found[f"rest{k}"] = shown(taken, c.get(f"mask{k}")).permute(2, 1, 0).flatten(0, 1).contiguous()
    return found


def boxed(weight: Tensor, shared: SharedBox) -> Tensor:
    """The part of a weight [G_out * C_out, G_in * C_in, *kernel] that lies in the shared box, as a view."""
    for axis, (first, behind) in enumerate(shared.box):
        weight = weight.narrow(2 + axis, first, behind - first)
    return weight


def _as_laid_out(weight: Tensor) -> Tensor:
    """The weight with its channels last, as convolutions over an image are quickest; the tensors that follow take it
    over. (tools/bench train measures it.)"""
    import torch

    return weight.contiguous(memory_format=torch.channels_last) if weight.ndim == 4 else weight.contiguous()


def _channels(node: Node, group: int) -> slice:
    return slice(group * node.out.channels, (group + 1) * node.out.channels)


def add_rest(node: Node, y: Tensor | None, x: Tensor, w: Weights, c: Constants) -> Tensor:
    """y [B, G_out * C_out, *grid], which all positions read alike, plus what some of them read besides of x
    [B, G_in * C_in, *grid]. None: nothing is read alike, and the bias is still to be added."""
    from arspec.layers.products import Gather, add_gathered

    out, rest = node.out, c["pieces"].rest
    if y is None:
        y = x.new_zeros(len(x), out.width, *out.grid)
        y = y + w["bias"].view(-1, *[1] * len(out.grid)) if "bias" in w else y
    gathers: list[Gather] = []
    for k, b in enumerate(rest):
        channels = slice(None) if b.group is None else _channels(node, b.group)
        gathers.append(Gather(c[f"positions{k}"], c[f"table{k}"], channels, b.inside))
    return add_gathered(y, x, gathers, [w[f"rest{k}"] for k in range(len(rest))])


def sites_weight(w: Weights, c: Constants) -> Tensor:
    """The weight [G_out * C_out, G_in * C_in, *kernel] for `prepare_window_sites`,
    which takes of it what is read alone."""
    pieces: Pieces | None = c.get("pieces")
    if pieces is None or not pieces.same or "gain" not in w:
        return weight_norm(w)
    import torch

    if pieces.shared is None:
        return torch.zeros_like(w["weight"])
    weight = weight_norm({**w, "weight": shown(boxed(w["weight"], pieces.shared), c.get("mask"))})
    sides: list[int] = []
    for (first, behind), size in zip(pieces.shared.box, w["weight"].shape[2:], strict=True):
        sides = [first, size - behind, *sides]
    return torch.nn.functional.pad(weight, sides)


def prepare_window_sites(node: Node, weight: Tensor, bias: Tensor | None, group: int, columns: Ints) -> Weights:
    """The weight and bias of one group for a few sites: [C_out, columns * C_in], the columns as in the window's table.
    Rows of outputs lie together in memory: a product with one site or two is then up to twice as fast as with its
    transpose. Where all of a weight is read as it lies, it is no copy."""
    import torch

    out, into = node.out, node.ins[0]
    weight = weight.flatten(2)
    if out.groups > 1:  # a slice of all of it would cost a gradient of its own
        mine = _channels(node, group)
        weight, bias = weight[mine], None if bias is None else bias[mine]
    taps = weight.view(out.channels, into.groups, into.channels, -1).permute(0, 3, 1, 2)
    kept = taps.flatten(1, 2)
    if not np.array_equal(columns, np.arange(kept.shape[1])):
        kept = kept[:, torch.as_tensor(columns, device=weight.device)]
    prepared = {"weight": kept.reshape(out.channels, -1).contiguous()}
    if bias is not None:
        prepared["bias"] = bias.contiguous()
    return prepared
