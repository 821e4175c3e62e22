"""Scores by which examples of another kind are told from those that a model was trained on: higher is stranger.

Raw likelihood is known to fail: smooth pictures are likely under any model of pictures (Nalisnick et al. 2019).

    likelihood                 −log2 p(x)
    input complexity           −log2 p(x) − L(x), L the compressed length (Serrà et al. 2020, equation 2)
    likelihood ratio           −log2 p(x) + log2 b(x), b a background model of mutated examples (Ren et al. 2019,
    equation 4) typicality                 |−log2 p(x) − its mean over the training data| (Nalisnick et al. 2019b, for
    one example) compressed length alone    −L(x), with no model: what it reaches, no model needs to be trained for
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from torch import Tensor

from arspec.diagnostics import InputError
from arspec.scoring.complexity import compressed_bits, default_codec
from arspec.scoring.likelihood import Floats, likelihood

if TYPE_CHECKING:
    from arspec.network.module import Network


@dataclass(frozen=True, eq=False)
class Scores:
    """bits [N]: −log2 p(x). bits_per_dim [N]: by the number of scalars. places [N, G, *grid]: bits of each variable at
    its place, a heat map. compressed [N]: bits of the example alone under `codec`. of: each score by its name, [N]."""

    bits: Floats
    bits_per_dim: Floats
    places: npt.NDArray[np.float32]
    compressed: Floats
    codec: str
    of: dict[str, Floats]

    def __len__(self) -> int:
        return len(self.bits)

    @property
    def heat(self) -> npt.NDArray[np.float32]:
        """[N, *grid]: bits at each place, over all its channels."""
        return self.places.sum(1)

    def rows(self) -> list[dict[str, Any]]:
        """One record for each example, whose keys are words joined by _."""
        plain = {"bits": self.bits, "bits_per_dim": self.bits_per_dim, f"{self.codec}_bits": self.compressed, **self.of}
        return [{name.replace(" ", "_"): float(values[k]) for name, values in plain.items()} for k in range(len(self))]


def score(
    model: Network, x: Tensor, condition: dict[str, Tensor] | None = None, *, background: Network | None = None,
    typical: float | None = None, codec: str | None = None, batch: int = 64, members: int = 0,
) -> Scores:  # fmt: skip
    """Scores of x [N, *shape], integers.

    background: a second model of the same data, trained on mutated examples (train --mutate), for the likelihood ratio.
    typical: mean bits of an example of the training data, for typicality. codec: png, webp, zlib, bz2 or xz.
    members: of a family, how many are averaged (0: all). Raises InputError where they do not fit together."""
    condition = model.conditions(condition or {}, len(x))
    data = model.spec.data
    if not len(x):
        raise InputError("AR803", "there is no example to score")
    for name, value, least in (("batch", batch, 1), ("members", members, 0)):
        if value < least:
            raise InputError("AR808", f"{name} is at least {least}; {value} came")
    codec = codec or default_codec(data)
    compressed = compressed_bits(x.cpu().numpy(), data, codec)
    found = likelihood(model, x, condition, batch, members)
    of = {"likelihood": found.bits, "input complexity": found.bits - compressed}
    if background is not None:
        of["likelihood ratio"] = found.bits - _background_bits(model, background, x, condition, batch, members)
    if typical is not None:
        of["typicality"] = np.abs(found.bits - typical)
    of["compressed length alone"] = -compressed
    return Scores(found.bits, found.bits / data.dimensions, found.places, compressed, codec, of)


def _background_bits(
    model: Network, background: Network, x: Tensor, condition: dict[str, Tensor], batch: int, members: int
) -> Floats:
    mine, other = model.spec.data, background.spec.data
    if (mine.shape, mine.levels) != (other.shape, other.levels):
        raise InputError("AR804",
                         f"the model is of data {list(mine.shape)} with {mine.levels} levels, the background model of "
                         f"{list(other.shape)} with {other.levels}", "train both on the same data")  # fmt: skip
    known = {name: value for name, value in condition.items() if name in background.spec.condition}
    return likelihood(background, x, known, batch, members).bits
