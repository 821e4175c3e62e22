"""Products of matrices that torch has no kernel for.

Gathered sites have one, channel groups that read one another in sequence another, and the tiles that a mask leaves of a
weight a third. Each has a backward of its own. It keeps little but its inputs, and computes nothing, or little, that
a mask hides.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.autograd import Function
from torch.nn.functional import conv1d, conv2d, pad

from arspec.layers.helpers import shown, transformed, unseen

if TYPE_CHECKING:
    from arspec.layers.pieces import Ranges
    from arspec.layers.tiles import Tile, Tiles

LARGE = 1 << 17  # numbers of a weight from which its groups are multiplied one by one
MAX_GATHERED = 1 << 20  # numbers that are gathered at a time: on a CPU they should stay in its cache


@dataclass(frozen=True)
class Gather:
    """Rows of a product.

    `table` [n, m] names the positions that they are made of, side by side. `positions` [n] is where they go, and
    `channels` which channels they are. inside: no position in the table is P, the one behind the last,
    which holds zeros."""

    positions: Tensor
    table: Tensor
    channels: slice
    inside: bool


def add_gathered(y: Tensor, x: Tensor, gathers: list[Gather], weights: list[Tensor]) -> Tensor:
    """y [B, D, *grid], overwritten, plus for each gather what it names of x [B, C, *grid] times its weight [m * C, D].
    No more than `MAX_GATHERED` numbers are gathered at a time (one example's at the least), in the backward pass too.
    It is quickest where the channels lie last in memory."""
    if torch.compiler.is_compiling() or transformed():
        return _add_gathered(y.clone(), x, gathers, weights)
    return _AddGathered.apply(y, x, gathers, *weights)  # pyright: ignore[reportUnknownMemberType, reportReturnType]


def _add_gathered(y: Tensor, x: Tensor, gathers: list[Gather], weights: list[Tensor]) -> Tensor:
    target, sites = y.flatten(2).transpose(1, 2), _sites(x, gathers)
    for gather, weight in zip(gathers, weights, strict=True):
        flat, n = gather.table.flatten(), len(gather.table)
        for share in _shares(sites, flat):
            rows = sites[share].index_select(1, flat).view(-1, n, len(weight)) @ weight
            target[share, :, gather.channels].index_add_(1, gather.positions, rows.to(y.dtype))
    return target.transpose(1, 2).view(y.shape)


def _sites(x: Tensor, gathers: list[Gather]) -> Tensor:
    """x [B, C, *grid] as [B, P, C], with zeros behind the last position where they are wanted."""
    sites = x.flatten(2).transpose(1, 2)
    return sites.contiguous() if all(g.inside for g in gathers) else pad(sites, (0, 0, 0, 1))


def _shares(sites: Tensor, flat: Tensor) -> Iterator[slice]:
    """Of the batch, as many examples at a time as `MAX_GATHERED` allows."""
    size = len(sites) if unseen(sites) else max(1, MAX_GATHERED // max(1, len(flat) * sites.shape[2]))
    return (slice(start, start + size) for start in range(0, len(sites), size))


def _in_one_piece(y: Tensor) -> bool:
    """Whether the positions of y [B, C, *grid] are one axis of it as it lies in memory."""
    try:
        y.view(*y.shape[:2], -1)
    except RuntimeError:
        return False
    return True


class _AddGathered(Function):
    @staticmethod
    def forward(ctx: Any, y: Tensor, x: Tensor, gathers: list[Gather], *weights: Tensor) -> Tensor:
        ctx.save_for_backward(x, *weights)
        ctx.mark_dirty(y)
        ctx.gathers = gathers
        found = _add_gathered(y, x, gathers, list(weights))
        return y if _in_one_piece(y) else y.copy_(found)  # a y in several pieces was copied

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Any, ...]:
        x, *weights = ctx.saved_tensors
        need_x, need_weights = ctx.needs_input_grad[1], ctx.needs_input_grad[3:]
        sites, grad = _sites(x, ctx.gathers), grads[0].flatten(2).transpose(1, 2).contiguous()
        grad_sites = torch.zeros_like(sites) if need_x else None
        found: list[Tensor | None] = []
        for gather, weight, need in zip(ctx.gathers, weights, need_weights, strict=True):
            flat, grad_weight = gather.table.flatten(), torch.zeros_like(weight) if need else None
            for share in _shares(sites, flat):
                rows = grad[share, :, gather.channels].index_select(1, gather.positions).to(weight.dtype)
                if grad_weight is not None:
                    taken = sites[share].index_select(1, flat).view(-1, len(weight)).to(weight.dtype)
                    grad_weight.addmm_(taken.T, rows.flatten(0, 1))
                if grad_sites is not None:
                    back = (rows @ weight.T).view(len(rows), -1, sites.shape[2])
                    grad_sites[share].index_add_(1, flat, back.to(x.dtype))
            found.append(grad_weight)
        grad_x = None if grad_sites is None else grad_sites[:, : x[0, 0].numel()].transpose(1, 2).view(x.shape)
        return grads[0], grad_x, None, *found


def pays(weight: Tensor) -> bool:
    """Whether `in_sequence` and `in_tiles` are quicker than one product with a mask.

    It was measured on a CPU with weights [D, C] of several sizes. Elsewhere one large product is quicker."""
    noticed = torch.compiler.is_compiling() or torch.is_autocast_enabled("cpu") or transformed()
    return weight.device.type == "cpu" and weight.numel() >= LARGE and not noticed


def in_sequence(x: Tensor, weight: Tensor, bias: Tensor | None, ranges: Ranges) -> Tensor:
    """A convolution of one place, of channel groups that read some of the groups only.

    x [B, G_in * C, *grid], weight [G_out * D, G_in * C, 1 ...], bias [G_out * D] -> [B, G_out * D, *grid]. Each group
    is a convolution of the groups that it reads. For red, green and blue in sequence that is two thirds of the whole
    product, in the backward pass too."""
    return _InSequence.apply(x, weight, bias, ranges)  # pyright: ignore[reportUnknownMemberType, reportReturnType]


def _slices(ranges: Ranges, out: int, into: int) -> list[tuple[slice, slice]]:
    """Each group's channels of the output, and those of the input that it reads; sizes of all channels."""
    out, into = out // len(ranges.read), into // len(ranges.reader)
    return [(slice(g * out, (g + 1) * out), slice(a * into, b * into)) for g, (a, b) in enumerate(ranges.read)]


class _InSequence(Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, ranges: Ranges) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.ranges = ranges
        return _by_groups(x, weight, bias, ranges)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        x, weight = ctx.saved_tensors
        need_x, need_weight, need_bias, _ = ctx.needs_input_grad
        grad = grads[0].contiguous(memory_format=_layout(x))
        grad_x = _by_groups(grad, weight.transpose(0, 1), None, ctx.ranges.transposed) if need_x else None
        if not (need_weight or need_bias):
            return grad_x, None, None, None
        grad_weight, grad_bias, ones = torch.zeros_like(weight), weight.new_zeros(len(weight)), [1] * (x.ndim - 2)
        for own, read in _slices(ctx.ranges, *weight.shape[:2]):
            if read.start == read.stop:
                grad_bias[own] = grad[:, own].sum((0, *range(2, grad.ndim)))
                continue
            _, grad_weight[own, read], grad_bias[own] = torch.ops.aten.convolution_backward(
                grad[:, own], x[:, read], weight[own, read], [own.stop - own.start], ones, [0] * len(ones), ones,
                False, [0] * len(ones), 1, [False, True, True],
            )  # fmt: skip
        return grad_x, grad_weight if need_weight else None, grad_bias if need_bias else None, None


def _by_groups(x: Tensor, weight: Tensor, bias: Tensor | None, ranges: Ranges) -> Tensor:
    y = torch.empty(len(x), len(weight), *x.shape[2:], dtype=x.dtype, device=x.device, memory_format=_layout(x))
    for own, read in _slices(ranges, *weight.shape[:2]):
        given = None if bias is None else bias[own]
        if read.start == read.stop:
            y[:, own] = 0 if given is None else given.view(-1, *[1] * (x.ndim - 2))
        else:
            y[:, own] = (conv1d if x.ndim == 3 else conv2d)(x[:, read], weight[own, read], given)
    return y


def _layout(x: Tensor) -> torch.memory_format:
    last = x.ndim == 4 and x.stride(1) == 1 < x.shape[1]
    return torch.channels_last if last else torch.contiguous_format


def in_tiles(x: Tensor, weight: Tensor, bias: Tensor | None, mask: Tensor, tiles: Tiles) -> Tensor:
    """x [B, C] times (weight * mask) [D, C], turned, plus bias [D]: [B, D]. Only the tiles are multiplied, and masked
    only where the mask hides some of a tile; in the backward pass too."""
    return _InTiles.apply(x, weight, bias, mask, tiles)  # pyright: ignore[reportUnknownMemberType, reportReturnType]


class _InTiles(Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, mask: Tensor, tiles: Tiles) -> Tensor:
        mixed = [shown(_part(weight, t), _part(mask, t)) for t in tiles.read if t.mixed]
        ctx.save_for_backward(x, weight, mask, *mixed)
        ctx.tiles = tiles
        y = x.new_empty(len(x), len(weight))
        begun = -1  # the strip that has a value
        for tile, part in _parts(weight, tiles, mixed):
            own, read = y.narrow(1, *tile.rows), x.narrow(1, *tile.columns)
            if tile.rows[0] == begun:
                own.addmm_(read, part.T)
            elif bias is None:
                torch.mm(read, part.T, out=own)
            else:
                torch.addmm(bias.narrow(0, *tile.rows), read, part.T, out=own)
            begun = tile.rows[0]
        return y

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        x, weight, mask, *mixed = ctx.saved_tensors
        need_x, need_weight, need_bias, *_ = ctx.needs_input_grad
        grad_x = torch.zeros_like(x) if need_x else None
        grad_weight = torch.empty_like(weight) if need_weight else None
        if grad_weight is not None:
            for tile in ctx.tiles.hidden:
                _part(grad_weight, tile).zero_()
        for tile, part in _parts(weight, ctx.tiles, mixed):
            own = grads[0].narrow(1, *tile.rows)
            if grad_weight is not None:
                found = torch.mm(own.T, x.narrow(1, *tile.columns), out=_part(grad_weight, tile))
                if tile.mixed:
                    found.mul_(_part(mask, tile))
            if grad_x is not None:
                grad_x.narrow(1, *tile.columns).addmm_(own, part)
        return grad_x, grad_weight, grads[0].sum(0) if need_bias else None, None, None


def _part(weight: Tensor, tile: Tile) -> Tensor:
    """What is in a tile, as a view made by one call."""
    (top, rows), (first, columns), (down, along) = tile.rows, tile.columns, weight.stride()
    return weight.as_strided((rows, columns), (down, along), weight.storage_offset() + top * down + first * along)


def _parts(weight: Tensor, tiles: Tiles, mixed: list[Tensor]) -> Iterator[tuple[Tile, Tensor]]:
    """Each tile and its part of the masked weight."""
    masked = iter(mixed)
    return ((t, next(masked) if t.mixed else _part(weight, t)) for t in tiles.read)
