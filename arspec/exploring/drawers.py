"""Whoever gives people specs imports this, so that `spec.explore(path)` finds what writes its page."""

from __future__ import annotations

import os
from pathlib import Path

from arspec.diagnostics.arguments import check_type, path_of
from arspec.language.load import Spec
from arspec.shown import draws


@draws(Spec, "explore")
def spec_explored(spec: Spec, path: str | os.PathLike[str], other: Spec | None) -> Path:
    """Writes the page of a spec, with another one beside it."""
    from arspec.exploring.making import beside, facts_of_spec
    from arspec.exploring.page import page_path, write_page
    from arspec.files.atomic import check_place

    check_place(page_path(path_of(path, "a page")))  # before the work
    check_type(other, (Spec, type(None)), "the other", "a spec, as arspec.load gives it")
    specs = [spec] if other is None else [spec, other]
    return write_page(beside([facts_of_spec(one) for one in specs]), path)
