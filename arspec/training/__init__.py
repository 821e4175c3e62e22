"""Training and evaluation, on plain torch: runs that are kept, and resumed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from arspec.training.checkpoint import load_model, save_model
    from arspec.training.evaluation import Evaluation, evaluate
    from arspec.training.loop import Summary, train
    from arspec.training.options import Options

__all__ = ["Evaluation", "Options", "Summary", "evaluate", "load_model", "save_model", "train"]

_PLACES = {
    "Evaluation": "evaluation",
    "Options": "options",
    "Summary": "loop",
    "evaluate": "evaluation",
    "load_model": "checkpoint",
    "save_model": "checkpoint",
    "train": "loop",
}


def __getattr__(name: str) -> Any:
    # the command line imports this package for its help text, which must not wait for torch
    if name not in _PLACES:
        raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
    import importlib

    return getattr(importlib.import_module(f"{__name__}.{_PLACES[name]}"), name)
