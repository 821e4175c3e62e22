"""Audit of hand-written torch modules: is each output computed only from what comes before it?"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from arspec.auditing.auditing import audit
    from arspec.auditing.loading import load_callable
    from arspec.auditing.report import AuditReport

__all__ = ["AuditReport", "audit", "load_callable"]

_HOMES = {"AuditReport": "report", "audit": "auditing", "load_callable": "loading"}


def __getattr__(name: str) -> Any:
    # Loaded when asked for, so that the command line can list the flags without torch.
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
