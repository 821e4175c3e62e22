"""What a case's modules are given and give, as numbers: inputs, rows of outputs, forbidden pairs."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from tests.leakbench.cases import Case


def inputs(case: Case, count: int, generator: torch.Generator, length: int | None = None) -> Tensor:
    """Inputs [count, ...] of the case, drawn evenly from its levels; of another length where one is given."""
    sizes = {**case.size, **({} if length is None else {"t": length})}
    shape = (count, *(sizes[axis] for axis in case.input.split()[1:]))
    digits = torch.randint(case.levels, shape, generator=generator)
    return digits if case.kind == "int" else torch.linspace(-1, 1, case.levels)[digits]


def rows(case: Case, module: nn.Module, x: Tensor, **options: Any) -> Tensor:
    """What the module says of each place: [b, V, K], with the places of an image by colour, then row, then column."""
    out = module(x, **options)
    out = out if case.take is None else out[case.take]
    if case.output == "b t":
        return out[..., None]
    if case.output == "b k h w":
        return out.flatten(2).mT
    if case.output == "b (c k) h w":
        return out.unflatten(1, (case.size["c"], -1)).permute(0, 1, 3, 4, 2).flatten(1, 3)
    assert case.output == "b t k", case.output
    return out


def ranks(case: Case) -> NDArray[np.int64]:
    """[V]: when each variable is generated; the colours of a pixel one after the other."""
    if "h" in case.size:
        pixels = case.size["h"] * case.size["w"]
        place = np.arange(case.size["c"] * pixels)
        return place % pixels * case.size["c"] + place // pixels
    return np.arange(case.size["t"]) if case.order is None else np.array(case.order)


def forbidden(case: Case) -> NDArray[np.bool_]:
    """[V, V]: the places of outputs, and the inputs that they may not read."""
    if case.forbid is not None:
        return case.forbid(case.size["t"])
    rank = ranks(case)
    return rank[None] >= rank[:, None] + case.offset
