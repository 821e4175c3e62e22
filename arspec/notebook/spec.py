"""The page of a spec: its diagram, and where that can't be drawn its nodes as a table."""

from __future__ import annotations

import re

from arspec.diagnostics import InputError
from arspec.language.load import Spec
from arspec.notebook.html import folded, heading, page, table, told
from arspec.pictures.diagram import dot_source, picture_of
from arspec.pictures.folding import Drawn, fold

NODES = 160  # drawn nodes, up to which a notebook shows the diagram
SECONDS = 20  # that `dot` may take for a notebook
ROWS = 200  # of a table

_PROLOG = re.compile(r"^.*?(?=<svg)", re.DOTALL)


def spec_page(spec: Spec) -> str:
    """The diagram of a spec, every repetition folded onto the first; a table of its nodes where there would be too many
    to read, and where Graphviz is missing."""
    graph = spec.graph()
    orders = f", {len(spec.members)} members" if len(spec.members) > 1 else ""
    data = f"{spec.data.kind} {spec.data.size_text}, {spec.data.levels_text}"
    about = f"{data}; order {spec.members[0].order.name}{orders}; {graph.size}"
    top = heading(spec.name, None, " ".join(spec.about.split()))
    line = f'<p class="quiet">{told(about)}</p>'
    folding = fold(graph)
    if len(folding.nodes) > NODES:
        why = f"{len(folding.nodes):,} nodes are too many to be drawn here: arspec.render draws them"
        return page(top, line, _nodes(spec, folding.nodes, why))
    try:
        svg = picture_of(dot_source(spec, layout="wide"), "svg", SECONDS).decode("utf-8")
    except InputError as error:
        return page(top, line, _nodes(spec, folding.nodes, error.message))
    paper = f'<div class="paper">{_PROLOG.sub("", svg, count=1)}</div>'
    return page(top, line, paper)


def _nodes(spec: Spec, drawn: list[Drawn], why: str) -> str:
    """The nodes as a table, the first so many of them."""
    sources = spec.graph().sources
    rows = [
        (
            each.first.name,
            "data" if each.first is spec.graph().data else
            "condition" if each.first in sources else f"{each.first.layer.layer} {each.text}".strip(),
            str(each.first.out),
            f"{sum(node.parameters for node in each.nodes):,}" if each.first not in sources else "",
            f"×{len(each.nodes)}" if len(each.nodes) > 1 else "",
        )
        for each in drawn[:ROWS]
    ]  # fmt: skip
    rest = f" (the first {ROWS} of {len(drawn):,})" if len(drawn) > ROWS else ""
    shown = table(("node", "what it is", "gives", "weights", "times"), rows, numbers=(3, 4))
    return f'<p class="quiet">{told(why)}</p>' + folded(f"nodes{rest}", shown, open=True)
