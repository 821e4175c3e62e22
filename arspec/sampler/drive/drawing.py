"""How a sample is drawn from the head's parameters: the noise that is fixed beforehand, the temperature, and what is
given. Every method of sampling draws through this, so that none of them can change a sample."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from arspec.diagnostics import InputError
from arspec.sampler.drive.noise import Uniforms, uniforms
from arspec.sampler.drive.prompting import started

if TYPE_CHECKING:
    from arspec.heads.truncation import Truncation
    from arspec.network.module import Network


def noise_for(model: Network, seed: int, first: int, examples: int) -> Tensor:
    """[B, V, U]: the noise of examples `first`, `first` + 1, ..."""
    graph = model.graph
    variables, each = graph.data.out.sites, graph.head.uniforms(graph.support)
    return torch.from_numpy(uniforms(seed, first, examples, variables, each)).to(model.device)


def noise_of(model: Network, seed: int, numbers: Sequence[int]) -> Tensor:
    """[B, V, U]: the noise of the examples of these numbers."""
    graph = model.graph
    noise = Uniforms(seed, numbers, graph.head.uniforms(graph.support))
    return torch.from_numpy(noise.next(graph.data.out.sites)).to(model.device)


def check_temperature(temperature: float) -> None:
    """InputError for what is no temperature."""
    if not temperature >= 0:
        raise InputError("AR808", f"a temperature is 0 or above; it was {temperature}")


def check_counts(**counts: int) -> None:
    """InputError for a number of examples, or the number of the first, that is no whole number from 0 on."""
    for name, value in counts.items():
        if not isinstance(value, Integral) or value < 0:
            raise InputError("AR808", f"{name} is a whole number from 0 on; {value!r} came")


class Draws:
    """The draws of n examples, whose noise depends on the seed and their numbers, from `first` on, alone. Where `known`
    [*shape] holds, the values are those `given` [n, *shape]. What the spec does not model is always known: by the start
    that it states, where nothing is `given`. Temperature 0 takes the likeliest; `truncation` leaves
    levels out."""

    def __init__(
        self, model: Network, n: int, *, seed: int = 0, temperature: float = 1.0, first: int = 0,
        given: Tensor | None = None, known: Tensor | None = None, truncation: Truncation | None = None,
    ) -> None:  # fmt: skip
        check_temperature(temperature)
        check_counts(n=n, first=first)
        self.model, self.temperature, self.truncation = model, temperature, truncation
        self.head, self.support = model.graph.head, model.graph.support
        self.noise = noise_for(model, seed, first, n)
        self.given = self.known = None
        if given is None or known is None:
            given, known = started(model, n)
        if given is not None and known is not None:
            model.data_tensor(given)
            self.given = model.by_variable(given.to(model.device))
            missing = ~known.unsqueeze(0).bool().to(model.device)  # channels that a part does not have are not missing
            self.known = ~model.by_variable(missing)[0]
            self.known[model.given] = True

    @property
    def start(self) -> Tensor | None:
        """[n, g, C]: the values of the variables that are given, not modelled; None where there are none."""
        return None if self.given is None or not len(self.model.given) else self.given[:, self.model.given]

    @property
    def highest(self) -> int | None:
        """As of `Head.highest`."""
        return self.head.highest(self.support, self.temperature, self.truncation)

    @property
    def there(self) -> Tensor:
        """[n, V, C]: what is known, and zeros elsewhere."""
        assert self.given is not None and self.known is not None
        return torch.where(self.known, self.given, 0)

    def __call__(self, sites: Tensor, parameters: Tensor, rows: Tensor | None = None) -> Tensor:
        """The values [B, v, C] of the variables `sites` [v] with these parameters [B, v, K], for all examples or for
        those of the numbers `rows` [B]."""
        noise, given = self.noise, self.given
        if rows is not None:
            noise, given = noise.index_select(0, rows), given if given is None else given.index_select(0, rows)
        noise = noise.index_select(1, sites)
        new = self.head.draw(self.support, parameters, noise, self.temperature, self.truncation)
        if given is None or self.known is None:
            return new
        return torch.where(self.known.index_select(0, sites), given.index_select(1, sites), new)

    def integers(self, drawn: Tensor) -> Tensor:
        """The values [n, V, C] of all variables as the data have them: integers [n, *shape]."""
        return self.model.scalars(drawn).round().long()
