"""The rules: for each operator, the labels of what it writes from the labels of what it reads.

A rule takes a `Call` and gives the labels of its targets: one tensor for all of them, or a list with one for each. Each
broadcasts to the shape of its target. A rule may read too much and never too little.
"""

from __future__ import annotations

from arspec.shadow.rules import (
    attention,
    convolution,
    creation,
    foreach,
    fourier,
    grouped,
    indexing,
    linalg,
    normalisation,
    pointwise,
    products,
    recurrent,
    reductions,
    shapes,
    sorting,
)
from arspec.shadow.rules.table import Labels, Masked, Rule, find, rule

__all__ = [
    "Labels",
    "Masked",
    "Rule",
    "attention",
    "convolution",
    "creation",
    "find",
    "foreach",
    "fourier",
    "grouped",
    "indexing",
    "linalg",
    "normalisation",
    "pointwise",
    "products",
    "recurrent",
    "reductions",
    "rule",
    "shapes",
    "sorting",
]
