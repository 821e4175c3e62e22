"""AR450 to AR457: conditions that may be left out, starts, weights that are shared, and further heads."""

from __future__ import annotations

from arspec.diagnostics.codes.page import code

CODES = (
    code(
        "AR450",
        "guidance that a model has not been made for",
        """Guidance draws from logits that lead away from what the model says without a condition, beyond what it says
        under it. The model must have a condition that may be left out (`drop`), which the call gives, and a head whose
        parameters are logits.""",
        """
        condition: {label: {kind: class, classes: 10}}
        # arspec sample runs/first --label 3 --guidance 3.0 -o a.png
        """,
        """
        condition: {label: {kind: class, classes: 10, drop: 0.1}}
        # arspec sample runs/first --label 3 --guidance 3.0 -o a.png
        """,
        "state `drop` in the condition, train the spec, and give the condition with the guidance.",
    ),
)
