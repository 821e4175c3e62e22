"""The heads: the distribution that the last layer's numbers are the parameters of."""

from __future__ import annotations

from arspec.heads.base import Head
from arspec.heads.bernoulli import Bernoulli
from arspec.heads.categorical import Categorical

HEADS: dict[str, type[Head]] = {"bernoulli": Bernoulli, "categorical": Categorical}

__all__ = ["HEADS", "Bernoulli", "Categorical", "Head"]
