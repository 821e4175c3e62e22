"""AR94x: the plan of a sample; calls from Python and the places they write to."""

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
    code(
        "AR945",
        "an argument of a call that is of another type",
        """A function of the package was given something that it can't take. Specs, models and folders are named
        by text or by a pathlib.Path, which is not empty. Numbers of steps and of examples are whole, and params map
        names to values.""",
        """
        arspec.train("made", "digits", "runs/first", params=64)
        """,
        """
        arspec.train("made", "digits", "runs/first", params={"hidden": 64})
        """,
        "give the argument as the message says; `help(arspec.train)` shows what each of them is.",
    ),
    code(
        "AR946",
        "a folder whose files are of other hands",
        """A model is saved as spec.yaml, model.safetensors and more. In a folder that is no model folder, as it
        holds no spec.json, files of these names were written by somebody else, and are not replaced.""",
        """
        arspec train spec.yaml --data digits --out .
        """,
        """
        arspec train spec.yaml --data digits --out runs/first
        """,
        "choose another folder, or rename the file that the message names.",
    ),
)
