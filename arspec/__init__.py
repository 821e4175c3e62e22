"""arspec: a compiler for autoregressive models.

    spec   = arspec.load("specs/gated_pixelcnn.yaml", params={"width": 64})
    report = arspec.verify(spec)
    model  = arspec.compile(spec)
    model.log_prob(x); model.sample(8, seed=0); arspec.render(spec, "gated.svg")
    model  = arspec.load_model("runs/digits")     # what `arspec train --out runs/digits` has written

What needs torch is imported when it is first used, so that the static half answers at once.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from arspec.diagnostics import InputError, SpecError

__version__ = "0.1.0"

if TYPE_CHECKING:
    from arspec.api import compile, load, load_model, render, verify

_LAZY = dict.fromkeys(("compile", "load", "load_model", "render", "verify"), "arspec.api")


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return getattr(import_module(_LAZY[name]), name)
    raise AttributeError(f"module 'arspec' has no attribute '{name}'")


__all__ = ["InputError", "SpecError", "compile", "load", "load_model", "render", "verify"]
