"""AR94x: the plan of a sample."""

from __future__ import annotations

from arspec.diagnostics.codes.page import code

CODES = (
    code(
        "AR940",
        "what has no plan of a whole sample",
        """`--explain-plan` prints how the steps of a whole sample are planned, rank after rank or depth after depth.
        The fixed point runs the network as it is, so that there is nothing to plan. A stream has a plan of its own,
        whose steps repeat.""",
        """
        arspec sample gated_pixelcnn --explain-plan --method fixed-point
        """,
        """
        arspec sample gated_pixelcnn --explain-plan --method depth
        """,
        "choose the method once, depth or auto, and leave out the options of streams.",
    ),
)
