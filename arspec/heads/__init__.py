"""The heads: the distribution that the last layer's numbers are the parameters of. This list is the only one."""

from __future__ import annotations

from arspec.heads.base import Head, Support
from arspec.heads.bernoulli import Bernoulli
from arspec.heads.categorical import Categorical
from arspec.heads.logistic_mixture import LogisticMixture
from arspec.heads.parts import Parts, parts_head

HEADS: dict[str, type[Head]] = {
    "bernoulli": Bernoulli,
    "categorical": Categorical,
    "logistic_mixture": LogisticMixture,
}


def stand_in() -> Head:
    """A head in place of one that can't be read, so that all else of a spec is checked."""
    return Categorical.model_validate({"kind": "categorical", "from": "x"})


__all__ = ["HEADS", "Bernoulli", "Categorical", "Head", "LogisticMixture", "Parts", "Support", "parts_head", "stand_in"]
