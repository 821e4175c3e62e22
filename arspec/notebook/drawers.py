"""What draws what: told when this is imported, so that whoever gives people specs and reports imports it. What a drawer
needs is imported when it draws."""

from __future__ import annotations

from collections.abc import Sequence

from arspec.analysis.report import Report
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

    return diagram_picture(spec, unfold, member, layout=layout, shapes=shapes, parameters=parameters)


@draws(Spec, "field")
def field_drawn(
    spec: Spec, variable: int | Sequence[int] | None, node: str | None, member: int, panels: Sequence[str] | None
) -> Picture:
    """What one variable of a spec sees."""
    from arspec.pictures.field import field_picture

    at = (variable,) if isinstance(variable, int) else variable
    return field_picture([spec], variable=at, node=node, member=member, only=panels)
