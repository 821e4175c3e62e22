"""The gallery: a page for each shipped spec, with its diagram, what it sees, its figures and its text."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from arspec.analysis.report import Report, prove
from arspec.analysis.twin import thin
from arspec.language.load import Spec, load
from arspec.pictures.diagram import render
from arspec.pictures.field import render_fields
from arspec.pictures.states import COLOURS, State, field_of
from website.guide import ROOT, SPECS

FAMILIES: dict[str, str] = {
    "image": "Images", "sequence text": "Text, by characters or bytes", "sequence audio": "Sound",
    "sequence": "Tokens and other sequences", "vector": "Vectors",
}  # fmt: skip
STEPS = 256  # of a sequence that is drawn whole


def pages(drawn: Path | None) -> Iterator[tuple[str, str]]:
    """A page for each spec, and the index. drawn: the folder of pictures; None draws none."""
    yield "gallery/index.md", index(drawn)
    for stem in SPECS:
        yield f"gallery/{stem}.md", page(stem, drawn)


def navigation() -> list[Any]:
    """The pages by the data that they model."""
    families = {
        name: [{read(stem).name: f"gallery/{stem}.md"} for stem in stems] for name, stems in by_family().items()
    }
    return ["gallery/index.md", *({name: found} for name, found in families.items())]


@cache
def read(stem: str) -> Spec:
    """A shipped spec."""
    return load(SPECS[stem])


@cache
def report(stem: str) -> Report:
    """Its proof."""
    return prove(read(stem))


def by_family() -> dict[str, list[str]]:
    """The names of files by what they model."""
    found: dict[str, list[str]] = {name: [] for name in FAMILIES.values()}
    for stem in SPECS:
        data = read(stem).data
        kind = f"{data.kind} {getattr(data, 'content', None)}"
        found[FAMILIES.get(kind, FAMILIES[data.kind])].append(stem)
    return {name: stems for name, stems in found.items() if stems}


@cache
def notes() -> dict[str, str]:
    """By the name of a spec, where it departs from its paper: the table of specs/README.md."""
    rows = re.findall(r"^\| \[(.+?)\]\(.+?\) \|.*\| (.*?) \|$", (ROOT / "specs" / "README.md").read_text("utf-8"), re.M)
    return dict(rows)


def index(drawn: Path | None) -> str:
    """All specs as cards: what each sees, its size, its first sentence."""
    lines = [
        "---", "hide: [toc]", "---", "", "# Gallery", "",
        f"The {len(SPECS)} specs that ship with arspec, at the sizes of their papers. Each picture shows what one",
        "variable sees. Its own place is black, blue is seen, light blue is out of reach at this depth, and orange is",
        "blind at any depth. A sequence is broken into lines, as a text is.", "",
    ]  # fmt: skip
    for name, stems in by_family().items():
        lines += [f"## {name}", "", '<div class="cards" markdown>', ""]
        for stem in stems:
            spec, proof = read(stem), report(stem)
            size = f"{short(spec.graph().parameters)} weights · {share(proof.coverage)} seen"
            shot = f'<img src="../pictures/{thumbnail(stem, drawn)}" alt="What a variable of {spec.name} sees">'
            said = f"<strong>{spec.name}</strong><small>{size}</small>"
            lines += [f'<a class="card" href="{stem}.html"><span class="shot">{shot}</span>{said}</a>', ""]
        lines += ["</div>", ""]
    return "\n".join(lines)


def page(stem: str, drawn: Path | None) -> str:
    """The page of a spec."""
    spec, proof = read(stem), report(stem)
    order, graph = spec.members[0].order, diagram(stem, drawn)
    facts = [
        ("Data", data_of(spec)),
        ("Parameters", f"{spec.graph().parameters:,}"),
        ("Variables", f"{order.variables:,}"),
        ("Order", proof.orders if hasattr(proof, "orders") else order.name),
        ("Steps of a sample", f"{order.steps:,}"),
        ("Coverage", f"{share(proof.coverage)} of all pairs (variable, earlier variable)"),
        ("Unseen", unseen(proof)),
        ("Proof", "holds" if proof.proven else "fails"),
    ]
    if notes().get(spec.name):
        facts.append(("Departs from its paper", notes()[spec.name]))
    about = " ".join(spec.about.split()).replace("*", r"\*").replace("<", "&lt;").replace("|", r"\|")
    lines = [
        f"# {spec.name}", "", about, "", "| | |", "|---|---|", *(f"| {name} | {value} |" for name, value in facts), "",
        "## Graph", "", "Blue is known before its own variable is generated, and the thick borders are where the graph "
        "becomes strict. A repeated block is drawn once.", "",
        f"[![The graph of {spec.name}](../pictures/{graph}){{ .graph }}](../pictures/{graph})",
        "", "## What a variable sees", "",
    ]  # fmt: skip
    shown = field_spec(stem)
    if shown is not spec:
        lines += [f"Drawn of a thin twin with the same graph and masks: {data_of(shown)}.", ""]
    lines += [f"![Order, masks and context of {spec.name}](../pictures/{field(stem, drawn)}){{ .plate }}", ""]
    text = SPECS[stem].read_text("utf-8")
    lines += ["## The spec", "", f'```yaml title="{SPECS[stem].name}"', text.rstrip(), "```", ""]
    lines += [
        "## Use it",
        "",
        "```sh",
        f"arspec verify {stem} --static",
        f"arspec render {stem} -o {stem}.svg",
        "```",
        "",
    ]
    lines += ["[The guide](../guide/specs.md) compares all specs, and [ten minutes](../guide/start.md) train one.", ""]
    return "\n".join(lines)


def data_of(spec: Spec) -> str:
    """The data in words."""
    data = spec.data
    shape = "×".join(f"{n:,}" for n in data.shape)
    return f"{data.kind} of {shape}, {data.levels:,} levels"


def unseen(proof: Report) -> str:
    """What is not seen, in words."""
    if not proof.unseen:
        return "nothing"
    if proof.blind_spots is None:
        return f"{proof.unseen:,} pairs"
    return f"{proof.unseen:,} pairs, of which {proof.blind_spots:,} are blind at any depth"


def share(value: float) -> str:
    """A share in per cent; all is written only where it is all."""
    text = f"{value:.2%}"
    return "100%" if value == 1 else text


def short(count: int) -> str:
    """A number of parameters in three digits."""
    for size, sign in ((10**9, "B"), (10**6, "M"), (10**3, "k")):
        if count >= size:
            return f"{count / size:.3g} {sign}"
    return str(count)


@cache
def field_spec(stem: str) -> Spec:
    """The spec whose contexts are drawn: the spec itself, or its thin twin where it is long."""
    spec = read(stem)
    if spec.data.kind == "image" or spec.data.variables <= STEPS:
        return spec
    return thin(spec)


def stamp(stem: str, kind: str, suffix: str) -> str:
    """A file's name, which changes with the spec and its libraries."""
    parts = [
        SPECS[stem].read_bytes(),
        *(path.read_bytes() for path in sorted((ROOT / "specs" / "blocks").glob("*.yaml"))),
    ]
    return f"{stem}-{kind}-{hashlib.sha256(b''.join(parts)).hexdigest()[:8]}{suffix}"


def diagram(stem: str, drawn: Path | None) -> str:
    """The file of the graph."""
    name = stamp(stem, "graph", ".svg")
    if drawn is not None and not (drawn / name).exists():
        render(read(stem), drawn / name)
    return name


def field(stem: str, drawn: Path | None) -> str:
    """The file of the order, masks and contexts."""
    name = stamp(stem, "field", ".png")
    if drawn is not None and not (drawn / name).exists():
        render_fields([field_spec(stem)], drawn / name)
    return name


def thumbnail(stem: str, drawn: Path | None) -> str:
    """The file of the small picture: what one variable sees, a square for each position, without words."""
    name = stamp(stem, "seen", ".svg")
    if drawn is not None and not (drawn / name).exists():
        (drawn / name).write_text(squares(stem), "utf-8")
    return name


def squares(stem: str) -> str:
    """An SVG of what a variable of the middle sees, or of the last step where those of one step are many."""
    spec = field_spec(stem)
    order = spec.members[0].order
    whole = field_of(spec, None)
    if order.steps < order.variables / 8:  # in the middle of the last step: variables of a step do not see each other
        last = np.flatnonzero(order.rank == order.rank.max())
        middle = int(last[len(last) // 2])
        whole = replace(whole, variable=middle)
    grid = spec.data.shape[-2:] if spec.data.kind == "image" else near_square(order.positions)
    states = whole.by_position
    cells = [f'<rect x="{k % grid[1]}" y="{k // grid[1]}" width="1" height="1" fill="{COLOURS[State(int(state))]}"/>'
             for k, state in enumerate(states)]  # fmt: skip
    row, column = divmod(whole.position, grid[1])
    own = f'<rect x="{column}" y="{row}" width="1" height="1" fill="#1d2433"/>'
    box = f'viewBox="0 0 {grid[1]} {grid[0]}" width="{grid[1] * 8}" height="{grid[0] * 8}"'
    return f'<svg xmlns="http://www.w3.org/2000/svg" {box} shape-rendering="crispEdges">{"".join(cells)}{own}</svg>'


def near_square(count: int) -> tuple[int, int]:
    """Rows and columns that hold so many places, as in a text that is broken into lines."""
    columns = max(int(np.ceil(np.sqrt(count * 1.5))), 1)
    return -(-count // columns), columns
