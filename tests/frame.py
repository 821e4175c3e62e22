"""A whole spec around a part of one: what the pages of the diagnostics show, and small specs of the tests."""

from __future__ import annotations

import re
import textwrap

from arspec.language.extends import SECTIONS

_DATA = "{kind: image, height: 8, width: 8, channels: 3, levels: 4}"
_PARAMS = {"width": 24, "layers": 5, "kernel": 3}
_BEFORE = {
    "scaled": "{layer: scale, from: x}",
    "first": "{layer: conv, from: scaled, kernel: 3, out: 24, mask: earlier}",
}
_AFTER = {"logits": "{layer: conv, from: first, out: $head, mask: so_far}"}
_VECTOR = {"first": "{layer: dense, from: x, units: 24, mask: so_far}"}
_VECTOR_AFTER = {"logits": "{layer: dense, from: first, out: $head, mask: earlier}"}


def framed(part: str) -> str:
    """The part, some sections or some nodes, with all that it leaves out: an 8×8 image of three channels, a scaled
    input and a first masked convolution before its nodes, the logits and a categorical head after them. It states the
    parameters that the part refers to."""
    sections = _blocks(part)
    if not sections.keys() & SECTIONS.keys():
        sections = {"graph": "graph:\n" + textwrap.indent(part, "  ")}
    vector = "kind: vector" in sections.get("data", "")
    before, after = (_VECTOR, _VECTOR_AFTER) if vector else (_BEFORE, _AFTER)
    params = {name: value for name, value in _PARAMS.items() if f"${name}" in part}
    graph = sections.get("graph", "graph:")
    if graph.partition(":")[2].partition("#")[0].strip() == "" or "\n" in graph:
        own = _blocks(textwrap.dedent(graph.partition("\n")[2]))
        nodes = {**{n: f"{n}: {e}" for n, e in before.items() if n not in own}, **own}
        nodes |= {n: f"{n}: {e}" for n, e in after.items() if n not in own}
        graph = "graph:\n" + textwrap.indent("\n".join(nodes.values()), "  ")
    whole = {
        "arspec": "arspec: 1",
        "data": f"data: {_DATA}",
        **({"params": f"params: {{{', '.join(f'{n}: {v}' for n, v in params.items())}}}"} if params else {}),
        **sections,
        "graph": graph,
        "head": sections.get("head", "head: {kind: categorical, from: logits}"),
    }
    return "\n".join(whole.values()) + "\n"


def _blocks(text: str) -> dict[str, str]:
    """The lines of every key at the left margin."""
    found: dict[str, str] = {}
    key = ""
    for line in text.splitlines():
        match = re.match(r"([^\s:#]+):", line)
        key = match[1] if match else key
        found[key] = f"{found[key]}\n{line}" if key in found else line
    return found
