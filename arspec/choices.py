"""Words that callers choose between, where those who read them must not load torch: a shell completes them, too."""

from __future__ import annotations

from typing import Literal

Storage = Literal["exact", "bfloat16", "int8"]  # in how many bits linear layers have their weights while drawing
METHODS = ("auto", "once", "depth", "fixed-point")  # of sampling
PANELS = ("order", "mask", "tree", "context", "blind_spot")  # of a field

# Of an audit, in the order in which they are run.
MODES = (
    "evaluation", "training", "forbid", "batch", "lengths", "variants", "cache", "padding", "documents", "sampler",
)  # fmt: skip
