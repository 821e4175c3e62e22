"""What gives the weights of a long convolution, lag by lag: each its own, or a small network all of them."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from arspec.layers.base import Constants, Weight, Weights
from arspec.layers.helpers import fan_in_uniform

if TYPE_CHECKING:
    from torch import Tensor

FAINT = 0.01  # what a window has left of a kernel at the end of its share of the length
LOWEST = 1e-4  # the first frequency of the lag, in turns within the length

Positive = Annotated[float, Field(gt=0, le=1e6, strict=False)]


class Explicit(BaseModel):
    """Each lag has a weight of its own, for each channel."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, defer_build=True)
    kind: Literal["explicit"]


class Implicit(BaseModel):
    """A network with sines between its layers, of waves of the lag, gives the weight of each channel; a window makes it
    fade (Poli et al. 2023, "Hyena Hierarchy", section 3.3)."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, defer_build=True)

    kind: Literal["implicit"]
    width: Annotated[int, Field(ge=1, le=1 << 12)] = Field(64, description="Channels between the network's layers.")
    depth: Annotated[int, Field(ge=2, le=64)] = Field(4, description="Linear layers of the network.")
    waves: Annotated[int, Field(ge=1, le=1 << 11)] = Field(
        16, description="Of how many frequencies the network takes the cosine and the sine of a lag, beside the lag."
    )
    frequency: Positive = Field(
        14.0, description="What the learned frequencies start from, by which numbers are multiplied before a sine."
    )
    length: Annotated[int, Field(ge=1, le=1 << 40)] | None = Field(
        None, description="The length by which lags are divided, in sites; that of the line if left out."
    )
    window: Annotated[list[Positive], Field(min_length=2, max_length=2)] | None = Field(
        [0.3, 1.5],
        description="Within which share of the length a kernel fades to a hundredth: of the channel that fades the "
        "fastest, and of the slowest. Nothing fades with null.",
    )
    shift: Annotated[float, Field(ge=0, le=1, strict=False)] = Field(
        0.0, description="What is added to the window, and never fades."
    )

    def weights(self, channels: int, lags: int) -> dict[str, Weight]:
        """Those of the network: it gives `channels` numbers for each of so many lags. A kernel starts as small as one
        of which each lag has a weight of its own."""
        sizes = [1 + 2 * self.waves, *[self.width] * (self.depth - 1)]
        found = {"frequency": Weight((self.width,), constant=self.frequency)}
        for k, (into, out) in enumerate(pairwise(sizes)):
            found[f"layer{k}.weight"] = fan_in_uniform((out, into), into)
            found[f"layer{k}.bias"] = fan_in_uniform((out,), into)
        return {**found, "last.weight": fan_in_uniform((channels, self.width), self.width * lags)}

    def constants(self, channels: int, lags: int, first: int, line: int) -> Constants:
        """`features` [lags, F] of the lags from `first` on. `time` [lags]: their share of the length; and `rates`
        [channels] by which windows fade, where there is one. line: sites of a line."""
        length, lag = self.length or line, np.arange(lags) + first
        time = lag / max(length - 1, 1)
        angle = 2 * np.pi / length * lag[:, None] * np.linspace(LOWEST, max(self.waves - 1, LOWEST), self.waves)
        found: Constants = {"features": np.concatenate([time[:, None], np.cos(angle), -np.sin(angle)], 1)}
        if self.window is None:
            return found
        fast, slow = (-math.log(FAINT) / share for share in self.window)
        return {**found, "time": time, "rates": np.linspace(slow, fast, channels)}

    def kernel(self, w: Weights, c: Constants) -> Tensor:
        """[channels, lags], of the weights and constants above."""
        from torch.nn.functional import linear

        h = c["features"].to(w["frequency"].dtype)
        for k in range(self.depth - 1):
            h = (w["frequency"] * linear(h, w[f"layer{k}.weight"], w[f"layer{k}.bias"])).sin()
        kernel = linear(h, w["last.weight"]).T
        if "rates" not in c:
            return kernel
        faded = (-c["rates"][:, None] * c["time"]).exp() + self.shift
        return kernel * faded.to(kernel.dtype)


Kernel = Annotated[Explicit | Implicit, Field(discriminator="kind")]
