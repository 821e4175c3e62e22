"""AR87x: what a machine does not give, and what other processes do at the same time."""

from __future__ import annotations

from arspec.diagnostics.codes.page import code

CODES = (
    code(
        "AR870",
        "weights that are not finite",
        """Every weight is a finite number. NaN or infinity among them mean that training has diverged, or that the file
        was damaged. What such a model draws has no meaning.""",
        """
        arspec sample runs/diverged -o a.png
        """,
        """
        arspec sample runs/first -o a.png
        """,
        "use a checkpoint from before training diverged, or train again with a lower --lr.",
    ),
    code(
        "AR871",
        "a folder in which another process trains",
        """One process at a time trains into a folder. The other one holds a lock on it until it ends.""",
        """
        arspec train specs/made.yaml --data digits --out runs/first       # as in another terminal
        """,
        """
        arspec train specs/made.yaml --data digits --out runs/second
        """,
        "choose another folder, or wait until the other process has ended.",
    ),
    code(
        "AR872",
        "more than fits in memory",
        """What was asked for needs more memory than this machine, or the limit of this process, gives.""",
        """
        arspec sample runs/first -n 1000000 -o a.npy
        """,
        """
        arspec sample runs/first -n 1000 -o a.npy
        """,
        "ask for less at a time: a smaller -n, --batch or --lanes, or smaller files.",
    ),
    code(
        "AR892",
        "a file or folder that cannot be used",
        """The operating system refuses what was asked of a file or a folder: it may be closed to this user, its name
        may be too long, or its disk may be gone.""",
        """
        arspec list closed/specs       # closed to this user
        """,
        """
        arspec list specs
        """,
        "choose another place, or change what may be done with it.",
    ),
)
