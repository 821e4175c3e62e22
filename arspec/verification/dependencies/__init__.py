"""Tests of any torch function from data to parameters: gradients and perturbations.

A proof is about a spec. What is tested here is the function itself: which parameters move when
which variable moves. Neither test is sound alone (a gradient is blind to `detach`, `argmax` and
`sign`; a perturbation to what lies behind a threshold), so both are made and their findings united.
"""

from arspec.verification.dependencies.examine import examine
from arspec.verification.dependencies.findings import Findings, Violation
from arspec.verification.dependencies.gradients import gradient_pattern
from arspec.verification.dependencies.leaves import find_leaves
from arspec.verification.dependencies.perturbation import leaks, perturb
from arspec.verification.dependencies.subject import Leaf, Subject, Traced, mixes_examples

__all__ = [
    "Findings",
    "Leaf",
    "Subject",
    "Traced",
    "Violation",
    "examine",
    "find_leaves",
    "gradient_pattern",
    "leaks",
    "mixes_examples",
    "perturb",
]
