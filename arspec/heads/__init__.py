"""The heads: the distribution that the last layer's numbers are the parameters of. This list is the only one."""

from __future__ import annotations

from arspec.heads.base import Head, Support
from arspec.heads.bernoulli import Bernoulli
from arspec.heads.categorical import Categorical
from arspec.heads.logistic_mixture import LogisticMixture
from arspec.heads.parts import Parts

HEADS: dict[str, type[Head]] = {
    "bernoulli": Bernoulli,
    "categorical": Categorical,
    "logistic_mixture": LogisticMixture,
}

__all__ = ["HEADS", "Bernoulli", "Categorical", "Head", "LogisticMixture", "Parts", "Support"]
