"""The rules: for each operator, the labels of what it writes from the labels of what it reads.

A rule takes a `Call` and gives the labels of its targets: one tensor for all of them, or a list with one for each. Each
broadcasts to the shape of its target. A rule may read too much and never too little.
"""

from __future__ import annotations

from arspec.shadow.rules import pointwise
from arspec.shadow.rules.table import Labels, Rule, find, rule

__all__ = ["Labels", "Rule", "find", "pointwise", "rule"]
