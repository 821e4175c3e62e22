"""Both tests, over several draws of the weights and several inputs, in one call."""

from __future__ import annotations

import torch

from arspec.verification.dependencies.findings import Findings
from arspec.verification.dependencies.gradients import gradient_findings
from arspec.verification.dependencies.perturbation import perturbation_findings
from arspec.verification.dependencies.subject import Subject


def examine(
    subject: Subject, *, draws: int = 3, bases: int = 2, batch: int = 64, outside: bool = True, seed: int = 0
) -> Findings:
    """Every variable by gradients (where there is a float leaf) and by perturbation, findings united.

    Draws whose weights give numbers that are none are passed over; `draws` of the findings counts the others.
    Perturbations come first, so that a violation shows values that moved rather than a derivative.
    """
    generator = torch.Generator().manual_seed(seed)
    found = Findings.none(subject.variables)
    for draw in range(draws):
        if subject.redraw is not None:
            subject.redraw(draw)
            if draw > 0 and bool(subject.parameters(subject.random(2, generator)).isnan().any()):
                continue  # weights that overflow show nothing
        found.draws += 1
        for _ in range(bases):
            found.add(perturbation_findings(subject, generator, draw=draw, batch=batch, outside=outside))
            if subject.trace is not None:
                found.add(gradient_findings(subject, generator, draw, batch))
    return found
