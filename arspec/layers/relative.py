"""Relative positions of attention: what is added to a score by how many steps a key lies before its query."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from arspec.layers.base import Constants, Fault, Node, Weight, Weights
from arspec.types import Ints, Type, coordinates

if TYPE_CHECKING:
    from torch import Tensor


class Alibi(BaseModel):
    """Each head takes off its own slope times the distance: nothing is learned (Press et al. 2022)."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, defer_build=True)
    kind: Literal["alibi"]


class Buckets(BaseModel):
    """A learned number for each head and each bucket of distances: small ones each have a bucket, larger ones share one
    by their logarithm (T5: Raffel et al. 2020, section 2.1)."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, defer_build=True)
    kind: Literal["buckets"]
    buckets: Annotated[int, Field(ge=2, le=1 << 12)] = Field(32, description="Buckets of each head.")
    farthest: Annotated[int, Field(ge=2, le=1 << 20)] = Field(
        128, description="Steps from which on all distances share the last bucket."
    )
    both_ways: bool = Field(False, description="Whether half of the buckets are for keys that come later.")


Relative = Annotated[Alibi | Buckets, Field(discriminator="kind")]


def check_relative(node: Node, relative: Alibi | Buckets) -> None:
    """Raises Fault where a distance in steps has no meaning, or buckets can't be shared out."""
    for source in node.inputs[:2]:
        if len(source.out.grid) != 1:
            raise Fault("AR423", f"`relative` counts steps, and '{source.name}' lies on a grid of "
                        f"{len(source.out.grid)} dimensions: {source.out}",
                        "use `rotary` with its axes, or add a `position`", "relative")  # fmt: skip
    if isinstance(relative, Buckets):
        each = relative.buckets // (2 if relative.both_ways else 1)
        if each < 2 or relative.farthest <= each // 2:
            raise Fault("AR423", f"{each} buckets a side, of which {each // 2} are for one distance each, reach "
                        f"{relative.farthest} steps",
                        "take a `farthest` above half of the buckets of a side, and two buckets a side at the least",
                        "relative")  # fmt: skip


def relative_weights(relative: Alibi | Buckets | None, heads: int) -> dict[str, Weight]:
    """The learned numbers of the buckets: [heads, buckets]."""
    return {"relative": Weight((heads, relative.buckets), deviation=0.02)} if isinstance(relative, Buckets) else {}


def relative_constants(relative: Alibi | Buckets, heads: int, queries: Type, keys: Type) -> Constants:
    """`at` [S_out] and `of` [S_in]: the steps at which sites lie. For each distance [D], as `_numbered` counts them,
    the bucket, or for each head what is added, [heads, D]: a longer sequence has more of them behind the same ones."""
    this, that = (np.tile(coordinates(kind)[0], kind.groups) for kind in (queries, keys))
    farthest = max(abs(int(this.min() - that.max())), abs(int(this.max() - that.min())))
    distance = np.ravel(np.stack([np.arange(farthest + 1), -1 - np.arange(farthest + 1)], 1))
    found: Constants = {"at": this, "of": that}
    if isinstance(relative, Alibi):
        return {**found, "bias": -slopes(heads)[:, None] * np.abs(distance)}
    return {**found, "bucket": bucket_of(relative, distance)}


def by_distance(w: Weights, c: Constants) -> dict[str, Any]:
    """What a layer takes of `relative_constants` and weights: those, and `bias` [heads, D] by distance."""
    bias = c["bias"] if "bias" in c else w["relative"].index_select(1, c["bucket"])
    return {"at": c["at"], "of": c["of"], "bias": bias}


def bias_between(w: Weights, at: Tensor, of: Tensor, like: Tensor) -> Tensor:
    """at, of: steps of queries and keys that are broadcast against each other, [...] -> [heads, ...]."""
    distance = at - of
    number = _numbered(distance).flatten()
    return w["bias"].to(like.dtype).index_select(1, number).unflatten(1, distance.shape)


def _numbered(distance: Tensor) -> Tensor:
    """0, -1, 1, -2, 2, ... -> 0, 1, 2, 3, 4, ..."""
    return (2 * distance).maximum(-2 * distance - 1)


def slopes(heads: int) -> Any:
    """[heads]: the slope of each head. They are a geometric series from 2^(-8 / heads) on, where `heads` is a power of
    two; else those of the power below, then every second one of the power above."""
    power = 1 << (heads.bit_length() - 1)
    series = 2.0 ** (-8 / power * np.arange(1, power + 1))
    return np.concatenate([series, 2.0 ** (-4 / power * np.arange(1, 2 * power, 2))])[:heads]


def bucket_of(relative: Buckets, distance: Ints) -> Ints:
    """The bucket of each distance, in steps from the query back to the key."""
    buckets, first = relative.buckets, np.zeros_like(distance)
    if relative.both_ways:
        buckets //= 2
        first = np.where(distance < 0, buckets, 0)
        far = np.abs(distance)
    else:
        far = np.maximum(distance, 0)
    exact = buckets // 2
    share = np.log(np.maximum(far, 1) / exact) / math.log(relative.farthest / exact)
    large = np.minimum(exact + (share * (buckets - exact)).astype(np.int64), buckets - 1)
    return first + np.where(far < exact, far, large)
