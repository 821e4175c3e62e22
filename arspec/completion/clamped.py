"""One pass of the sampler that draws what is missing, keeps what is given, and weighs it.

Drawn so, a completion has the probability q = Π p(missing | all before). The one wanted is proportional to
Π p(missing | all before) · Π p(given | all before), so that its weight is the second product,
over the late scalars alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from arspec.completion.given import Given
from arspec.sampler.drive.sampler import sampler_of

if TYPE_CHECKING:
    from arspec.network.module import Network

ROWS = 512  # that go through the sampler at once


class Clamped:
    """The draws of a pass over rows x [B, *shape]; `log_weights` [B] grow as it goes."""

    def __init__(self, model: Network, given: Given, x: Tensor, noise: Tensor) -> None:
        model.data_tensor(x)
        self.model, self.given, self.noise = model, given, noise
        device = model.device
        self.fixed = model.by_variable(x.to(device))
        self.whole, self.partial = (torch.from_numpy(a.copy()).to(device) for a in (given.whole, given.partial))
        self.weighs = torch.from_numpy((given.late.any(1) & given.whole).copy()).to(device)
        self.log_weights = torch.zeros(len(x), dtype=torch.float64, device=device)
        self.weighed = False  # whether the last step changed a weight

    def run(self, condition: dict[str, Tensor]) -> Tensor:
        """The completed rows, [B, *shape]."""
        model = self.model
        drawn = sampler_of(model, self.given.member).drive(
            len(self.fixed), condition, self, ancestors=self.ancestors, start=self.fixed[:, model.given]
        )
        return model.scalars(drawn).round().long()

    def ancestors(self) -> Tensor | None:
        """Asked after each step: [B], which row goes on in the place of each; None where each goes on in its own."""
        return None

    def __call__(self, sites: Tensor, parameters: Tensor) -> Tensor:
        head, support = self.model.graph.head, self.model.graph.support
        noise, fixed = self.noise.index_select(1, sites), self.fixed.index_select(1, sites)
        whole = self.whole[sites]
        new = fixed if bool(whole.all()) else head.draw(support, parameters, noise, 1.0)
        values = torch.where(whole[:, None], fixed, new.to(fixed.dtype))
        weighs = self.weighs[sites]
        self.weighed = bool(weighs.any())
        if self.weighed:
            self.log_weights += head.log_prob(support, parameters[:, weighs].double(), fixed[:, weighs]).sum(1)
        for k in torch.nonzero(self.partial[sites]).flatten().tolist():
            variable = int(sites[k])
            values[:, k] = self._by_channels(variable, parameters[:, k], fixed[:, k], noise[:, k])
        return values

    def _by_channels(self, variable: int, parameters: Tensor, fixed: Tensor, noise: Tensor) -> Tensor:
        """[B, C]: a variable that is given in part, one channel after another; a late one weighs."""
        head, support = self.model.graph.head, self.model.graph.support
        value = fixed.clone()
        for channel in range(support.channels):
            late, missing = self.given.late[variable, channel], self.given.missing[variable, channel]
            if not (late or missing):
                continue
            each = head.conditionals(support, parameters.double(), value, channel)
            if late:
                self.log_weights += each.gather(-1, value[:, channel, None].long()).squeeze(-1)
                self.weighed = True
            else:
                cumulative = each.exp().cumsum(-1)
                target = noise[:, channel, None] * cumulative[:, -1:]
                value[:, channel] = (cumulative <= target).sum(-1).clamp(max=support.levels - 1).to(value.dtype)
        return value
