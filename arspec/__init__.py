"""arspec: a compiler for autoregressive models.

    spec   = arspec.load("gated_pixelcnn", params={"width": 64})     # a shipped spec, or a file
    report = arspec.verify(spec)
    model  = arspec.compile(spec)
    model.log_prob(x); model.sample(8, seed=0); arspec.render(spec, "gated.svg")
    run    = arspec.train(spec, "digits", "runs/digits", steps=1000)
    model  = arspec.open("runs/digits")

Everything is imported when it is first used: the static half answers without torch, and help without anything else.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from arspec.version import VERSION

__version__ = VERSION

if TYPE_CHECKING:
    from arspec.api import (
        compile,
        explore,
        export_folder,
        import_folder,
        load,
        load_data,
        load_model,
        open,
        render,
        verify,
    )
    from arspec.auditing import audit
    from arspec.diagnostics import InputError, SpecError
    from arspec.exporting import export_onnx
    from arspec.training.runs import train

_API = (
    "compile", "explore", "export_folder", "import_folder", "load", "load_data", "load_model", "open", "render",
    "verify",
)  # fmt: skip
_LAZY = {
    **dict.fromkeys(_API, "arspec.api"), "audit": "arspec.auditing",
    "export_onnx": "arspec.exporting", "train": "arspec.training.runs",
    **dict.fromkeys(("InputError", "SpecError"), "arspec.diagnostics"),
}  # fmt: skip


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return getattr(import_module(_LAZY[name]), name)
    raise AttributeError(f"module 'arspec' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted({*globals(), *_LAZY})


__all__ = [
    "InputError", "SpecError", "audit", "compile", "explore", "export_folder", "export_onnx", "import_folder", "load",
    "load_data", "load_model", "open", "render", "train", "verify",
]  # fmt: skip
