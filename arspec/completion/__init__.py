"""Completion: the missing part of an example drawn given the rest, whatever the rest is.

given          what is given, and which of it the missing part could change: with none, clamping is exact
clamped        one pass of the sampler that keeps what is given and weighs it
enumeration    every completion, where there are few: exact
rejection      passes until the given part agrees: exact
particles      many passes at once, resampled on the way (sequential Monte Carlo): exact in the limit
gibbs          sweeps over the missing part, by all levels or by Metropolis's rule: exact in the limit
plan           the choice among them, and what it costs
completing     the completions, and what they are worth
"""

from __future__ import annotations

from arspec.completion.completing import Completion, complete
from arspec.completion.plan import HOW, Plan, plan

__all__ = ["HOW", "Completion", "Plan", "complete", "plan"]
