"""A head for each part of data in several parts: auxiliary images before the image itself."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Literal

import numpy as np

from arspec.heads.base import Head, Support
from arspec.layers.helpers import unseen

if TYPE_CHECKING:
    from torch import Tensor

    from arspec.heads.truncation import Truncation
    from arspec.types import Ints


class Parts(Head):
    """A head of its own for each part.

    The first number of a variable says which part it belongs to. Those behind it are the numbers of that part's head,
    filled up with zeros. The channels of its value and its uniforms are filled up likewise."""

    kind: Literal["parts"]
    of: dict[str, Head]

    @property
    def tabular(self) -> bool:
        return all(head.tabular for head in self.of.values())

    @property
    def title(self) -> str:
        return ", ".join(f"{name}: {head.title}" for name, head in self.of.items())

    def of_part(self, name: str) -> Head:
        return self.of[name]

    def parameters(self, support: Support) -> int:
        return 1 + max(head.parameters(own) for head, own in self._each(support))

    def uniforms(self, support: Support) -> int:
        return max(head.uniforms(own) for head, own in self._each(support))

    def _each(self, support: Support) -> Iterator[tuple[Head, Support]]:
        return zip(self.of.values(), (own for _, own in support.parts), strict=True)

    def log_prob(self, support: Support, parameters: Tensor, value: Tensor) -> Tensor:
        import torch

        if parameters.shape[-2] == sum(sites for sites, _ in support.parts):  # all variables, part after part
            found: list[Tensor] = []
            first = 0
            for (head, own), (sites, _) in zip(self._each(support), support.parts, strict=True):
                numbers = parameters[..., first : first + sites, 1 : 1 + head.parameters(own)]
                found.append(head.log_prob(own, numbers, value[..., first : first + sites, : own.channels]))
                first += sites
            return torch.cat(found, -1)
        out = parameters.new_empty(parameters.shape[:-1])
        for number, (head, own) in enumerate(self._each(support)):
            mine = parameters[..., 0] == number
            out[mine] = head.log_prob(
                own, parameters[mine][:, 1 : 1 + head.parameters(own)], value[mine][:, : own.channels]
            )
        return out

    def conditionals(self, support: Support, parameters: Tensor, value: Tensor, channel: int) -> Tensor:
        """A level that a part does not have is impossible, and a channel that it does not have is 0 for certain."""
        out = parameters.new_full((*parameters.shape[:-1], support.levels), -math.inf)
        for number, (head, own) in enumerate(self._each(support)):
            mine = parameters[..., 0] == number
            numbers = parameters[mine][:, 1 : 1 + head.parameters(own)]
            each = out[mine]
            if channel < own.channels:
                each[:, : own.levels] = head.conditionals(own, numbers, value[mine][:, : own.channels], channel)
            else:
                each[:, 0] = 0
            out[mine] = each
        return out

    def draw(
        self, support: Support, parameters: Tensor, uniforms: Tensor, temperature: float,
        truncation: Truncation | None = None,
    ) -> Tensor:  # fmt: skip
        import torch

        out = uniforms.new_zeros((*parameters.shape[:-1], support.channels)).long()
        for number, (head, own) in enumerate(self._each(support)):
            mine = parameters[..., 0] == number
            if unseen(parameters):  # each head draws for all, and what is another's is left
                numbers, noise = parameters[..., 1 : 1 + head.parameters(own)], uniforms[..., : head.uniforms(own)]
                value = head.draw(own, numbers, noise, temperature, truncation)
                missing = support.channels - own.channels
                value = value if not missing else torch.nn.functional.pad(value, (0, missing))
                out = torch.where(mine.unsqueeze(-1), value, out)
                continue
            if not bool(mine.any()):
                continue
            numbers, noise = parameters[mine][:, 1 : 1 + head.parameters(own)], uniforms[mine][:, : head.uniforms(own)]
            value = out[mine]
            value[:, : own.channels] = head.draw(own, numbers, noise, temperature, truncation)
            out[mine] = value
        return out

    # -- what a codec needs: the number of the part, then the numbers of its head, filled up with zeros ----------------

    def coded(self, support: Support, parameters: Tensor) -> Tensor:
        """In units of the finest grain, whatever part a variable belongs to: every head's numbers by its own grain."""
        import torch

        finest = max(self.grain(support))
        out = parameters.new_zeros((*parameters.shape[:-1], len(self.grain(support))))
        out[..., 0] = torch.ldexp(parameters[..., 0], torch.tensor(-finest))
        for number, (head, own) in enumerate(self._each(support)):
            mine = parameters[..., 0] == number
            grain = torch.tensor(head.grain(own)) - finest
            numbers = out[mine]
            numbers[:, 1 : 1 + len(grain)] = torch.ldexp(
                head.coded(own, parameters[mine][:, 1 : 1 + head.parameters(own)]), grain
            )
            out[mine] = numbers
        return out

    def grain(self, support: Support) -> list[int]:
        each = [head.grain(own) for head, own in self._each(support)]
        return [max(map(max, each))] * (1 + max(map(len, each)))

    def gain(self, support: Support) -> list[float]:
        finest, most = max(self.grain(support)), [0.0] * len(self.grain(support))
        for head, own in self._each(support):
            for k, (gain, grain) in enumerate(zip(head.gain(own), head.grain(own), strict=True), 1):
                most[k] = max(most[k], gain * 2.0 ** (grain - finest))
        return most

    def masses(self, support: Support, rounded: Ints, channel: int, earlier: Ints, edges: Ints) -> Ints:
        out = np.zeros(edges.shape, np.int64)
        for number, (head, own) in enumerate(self._each(support)):
            mine = np.flatnonzero(rounded[:, 0] == number)
            if len(mine) and channel < own.channels:
                numbers = rounded[mine, 1 : 1 + len(head.grain(own))]
                out[mine] = head.masses(own, numbers, channel, earlier[mine], np.minimum(edges[mine], own.levels))
        return out


def parts_head(of: dict[str, Head]) -> Head:
    """The head of data in several parts, from the head of each by the part's name, in the order of generation."""
    return Parts.model_validate({"kind": "parts", "from": "parts", "of": of})
