"""The API that users call: load, verify, compile, render."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from arspec.spec.load import Spec
from arspec.spec.load import load as load_spec

if TYPE_CHECKING:
    from arspec.analysis.report import Contexts, Report
    from arspec.runtime.module import Model


def load(
    path: str | os.PathLike[str], params: Mapping[str, Any] | None = None, data: Mapping[str, Any] | None = None
) -> Spec:
    """Reads a spec. `params` sets its parameters, `data` keys of its data section (height, length, levels, ...).

    Raises SpecError with all faults that can be found, and InputError for a file that can't be read."""
    spec = load_spec(path, params, data)
    spec.graph()
    return spec


def compile(spec: Spec, check: bool = True, seed: int = 0) -> Model:
    """The spec as a torch.nn.Module, its weights drawn by `seed`, in float32 on the CPU.

    A spec that is not proven is refused with its leaks as a SpecError, unless `check` is False."""
    from arspec.runtime.module import build

    if check:
        from arspec.analysis.report import prove
        from arspec.diagnostics import SpecError

        report = prove(spec, contexts=False)
        if not report.ok:
            raise SpecError(report.diagnostics)
    return build(spec, seed)


def verify(spec: Spec, static: bool = False, full: bool = False, contexts: Contexts = True) -> Report:
    """The report of a spec: proof, contexts, and unless `static` tests of the compiled module. `str(report)` is the page.

    `contexts`: of all variables up to 16,384 and of 64 beyond (True), of none (False), of "all", or of so many."""
    from arspec.verification import verify as verify_spec

    return verify_spec(spec, static, full, contexts=contexts)


def render(spec: Spec, path: str | os.PathLike[str], unfold: bool = False) -> None:
    """Draws the graph of a spec; the suffix says how: .svg, .png, .pdf or .dot."""
    from arspec.pictures.diagram import render as draw

    draw(spec, path, unfold=unfold)
