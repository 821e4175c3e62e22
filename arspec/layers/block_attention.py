"""Attention under a window: masks made of runs, and sites laid out in blocks.

Shape letters: B batch, S sites, N blocks, b sites of a block, L keys of a block, H heads of keys and values, R heads of
queries on each of these, d channels of a head.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from arspec.layers.base import Constants
from arspec.layers.blocks import blocks_of
from arspec.runs import Runs

if TYPE_CHECKING:
    from torch import Tensor


def run_constants(relation: Runs) -> Constants:
    """`start` and `stop` [S_out, K] of the runs, and where some sites see nothing `seeing` [S_out], who sees anything.

    Where blocks pay: `queries` [N, b], `keys` [N, L], and `places` [S_out], the number of each site in the blocks. Of
    one run a site `first` [N], the first key of each block; of several `shown` [N, b, L], which keys each reads."""
    found: Constants = {"start": relation.start, "stop": relation.stop}
    seeing = relation.counts > 0
    if not seeing.all():
        found["seeing"] = seeing
    blocks = None if relation.wide else blocks_of(relation)
    if blocks is None:
        return found
    places = np.zeros(len(seeing), np.int64)
    places[blocks.queries.ravel()] = np.arange(blocks.queries.size)
    found |= {"queries": blocks.queries, "keys": blocks.keys, "places": places}
    return {**found, "shown": blocks.seen} if blocks.first is None else {**found, "first": blocks.first}


def inside(start: Tensor, stop: Tensor, number: Tensor) -> Tensor:
    """start, stop [..., K] and numbers of sites, which are broadcast against [...] -> whether each lies in a run."""
    found = (start[..., 0] <= number) & (number < stop[..., 0])
    for k in range(1, start.shape[-1]):
        found = found | ((start[..., k] <= number) & (number < stop[..., k]))
    return found


def shown_by_runs(c: Constants, known: int, sites: Tensor | None = None) -> Constants:
    """`mask` [n, known] of the first keys, and `seeing` [n] where that is told; of some sites [n], or of all."""
    import torch

    start, stop, seeing = c["start"], c["stop"], c.get("seeing")
    if sites is not None:
        start, stop = start.index_select(0, sites), stop.index_select(0, sites)
        seeing = None if seeing is None else seeing.index_select(0, sites)
    mask = inside(start[:, None], stop[:, None], torch.arange(known, device=start.device))
    return {"mask": mask} if seeing is None else {"mask": mask | ~seeing[:, None], "seeing": seeing}


def shown_in_blocks(c: Constants) -> Tensor:
    """[N, b, L]: which keys of its block each site reads; all where it reads none."""
    import torch

    queries, keys = c["queries"], c["keys"]
    if "shown" in c:
        mask = c["shown"]
    else:
        number = c["first"][:, None] + torch.arange(keys.shape[1], device=keys.device)
        mask = inside(c["start"][queries][:, :, None], c["stop"][queries][:, :, None], number[:, None])
    return mask if "seeing" not in c else mask | ~c["seeing"][queries][:, :, None]


def queries_in_blocks(x: Tensor, queries: Tensor, heads: int, rows: int) -> Tensor:
    """[B, S, H * R * d], the sites of the blocks [N, b] -> [N, B, H, R * b, d]."""
    x = x.index_select(1, queries.flatten())
    return x.view(len(x), *queries.shape, heads, rows, -1).permute(1, 0, 3, 4, 2, 5).flatten(3, 4)


def keys_in_blocks(x: Tensor, keys: Tensor, heads: int) -> Tensor:
    """[B, S, H * d], the keys of the blocks [N, L] -> [N, B, H, L, d]."""
    x = x.index_select(1, keys.flatten())
    return x.view(len(x), *keys.shape, heads, -1).permute(1, 0, 3, 2, 4)


def out_of_blocks(y: Tensor, places: Tensor, rows: int) -> Tensor:
    """[N, B, H, R * b, d], the number of each site in the blocks [S] -> [B, S, H * R * d]."""
    y = y.unflatten(3, (rows, -1)).permute(1, 0, 4, 2, 3, 5)  # [B, N, b, H, R, d]
    return y.flatten(3).flatten(1, 2).index_select(1, places)
