"""What draws what: told when this is imported, so that whoever gives people specs and reports imports it. What a drawer
needs is imported when it draws."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from numbers import Integral
from typing import Any

from arspec.analysis.report import Report
from arspec.diagnostics.arguments import check_text, check_type, check_whole, wrong_type
from arspec.language.load import Spec
from arspec.shown import Picture, draws


@draws(Spec)
def spec_drawn(spec: Spec) -> str:
    """A spec as its diagram."""
    from arspec.notebook.spec import spec_page

    return spec_page(spec)


@draws(Report)
def report_drawn(report: Report) -> str:
    """A report as its page."""
    from arspec.notebook.report import report_page

    return report_page(report)


@draws(Spec, "diagram")
def diagram_drawn(
    spec: Spec, unfold: bool, member: int, layout: str, shapes: bool | None, parameters: bool
) -> Picture:  # fmt: skip
    """The graph of a spec."""
    from arspec.pictures.diagram import diagram_picture

    _check_member(member)
    check_type(layout, str, "layout", "a name as text")
    return diagram_picture(spec, unfold, member, layout=layout, shapes=shapes, parameters=parameters)


@draws(Spec, "field")
def field_drawn(
    spec: Spec, variable: int | Sequence[int] | None, node: str | None, member: int, panels: Sequence[str] | None
) -> Picture:
    """What one variable of a spec sees."""
    from arspec.pictures.field import field_picture

    _check_member(member)
    check_text(node, "node")
    return field_picture([spec], variable=variable, node=node, member=member, only=_names(panels))


def _check_member(value: Any) -> None:
    check_whole(value, "member")
    check_type(value, Integral, "member", "a whole number")  # None is none


def _names(value: Any) -> list[str] | None:
    """Names of panels, of which one may stand alone. InputError (AR945) for anything else."""
    return _listed(value, "panels", "names of panels, as ['context']", str)


def _listed(value: Any, what: str, wanted: str, kind: type) -> list[Any] | None:
    """One or several of a kind as a list."""
    if value is None:
        return None
    if isinstance(value, kind):
        value = [value]
    if isinstance(value, (str, bytes)) or not isinstance(value, Iterable):
        raise wrong_type(what, wanted, value)
    found: list[Any] = [*value]
    for each in found:
        if isinstance(each, bool) or not isinstance(each, kind):
            raise wrong_type(what, wanted, each)
    return found
