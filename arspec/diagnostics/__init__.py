"""Diagnostics: what is wrong, where, and how to mend it, as text, JSON and GitHub annotations.

A fault in a spec has a `Place` in its text and is a `Diagnostic`; a `Collector` gathers all of a file's faults and
raises them at once as a `SpecError`. Bad input without a place in a spec (weights, data, flags) is an `InputError`.
The codes and their pages stand in `arspec.diagnostics.codes`, one file for each hundred. What comes from outside passes
`visible` before it is shown.
"""

from __future__ import annotations

from arspec.diagnostics.as_text import text
from arspec.diagnostics.codes import CODES, Code
from arspec.diagnostics.diagnostic import Diagnostic
from arspec.diagnostics.errors import Collector, InputError, SpecError
from arspec.diagnostics.for_programs import github, to_json
from arspec.diagnostics.foreign import visible
from arspec.diagnostics.names import did_you_mean, did_you_mean_file, nearest, the_nearest
from arspec.diagnostics.pages import explain
from arspec.diagnostics.place import Place, Source

__all__ = [
    "CODES",
    "Code",
    "Collector",
    "Diagnostic",
    "InputError",
    "Place",
    "Source",
    "SpecError",
    "did_you_mean",
    "did_you_mean_file",
    "explain",
    "github",
    "nearest",
    "text",
    "the_nearest",
    "to_json",
    "visible",
]
