"""The card of a model: a README.md that says what it is, what is proven of it, and how well it does,
with its diagram."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from arspec.diagnostics import InputError
from arspec.files.atomic import write_text
from arspec.version import VERSION

if TYPE_CHECKING:
    from arspec.analysis.report import Report
    from arspec.data.labels import Names
    from arspec.language.load import Spec

CARD = "README.md"
DIAGRAMS = ("diagram.svg", "diagram.dot")
MARK = "<!-- written by arspec: what stands here is replaced when the model is saved again -->"


def own_card(folder: Path) -> bool:
    """Whether a card may be written into a folder: a README.md of other hands is left alone."""
    path = folder / CARD
    return not path.exists() or MARK in path.read_text("utf-8", "replace")


def write_card(spec: Spec, names: Names, figures: dict[str, Any], folder: Path) -> None:
    """Writes README.md and the diagram: .svg, and where Graphviz is missing .dot.

    The spec is proven anew, and what each variable sees is computed as `arspec.verify` does it."""
    from arspec.analysis.report import prove
    from arspec.pictures.diagram import render

    report = prove(spec)
    try:
        diagram = render(spec, folder / DIAGRAMS[0], report=report)
    except InputError:  # without Graphviz, or where it fails, the text stands beside
        diagram = folder / DIAGRAMS[1]
    write_text(folder / CARD, card(spec, report, names, figures, diagram.name))


def card(spec: Spec, report: Report, names: Names, figures: dict[str, Any], diagram: str) -> str:
    """The text of the card, in Markdown, with the head that model hubs read. names: of the classes of each condition.
    diagram: the name of a file beside it."""
    settings = [f"`{name}` {value}" for name, value in sorted(spec.params.items()) if name in spec.overridden]
    about, given = " ".join(spec.about.split()), _given(spec, names)
    torch = ["import torch"] if any("torch." in value for value in given.values()) else []
    how = "".join(f", {name}={value}" for name, value in given.items())
    begin = f", prefix={[0] * spec.data.given}" if spec.data.given and spec.data.start is None else ""
    fence = max(["```", *(f"{run}`" for run in re.findall("`{3,}", spec.source.text))], key=len)
    lines = [
        "---", "library_name: arspec", "tags:", "- arspec", "- autoregressive", f"- {spec.data.kind}", "---", MARK, "",
        f"# {_plain(spec.name)}", "", *([_plain(about), ""] if about else []),
        "```python", *torch, "import arspec", "",
        'model = arspec.open("FOLDER")        # this folder, or the name of this repository',
        f"x = model.sample(4, seed=0{begin}{how})", f"nats = model.log_prob(x{how})", "```", "",
        "| | |", "|---|---|", *(f"| {name} | {_plain(value)} |" for name, value in card_facts(spec, report, figures)),
        "",
        f"![The graph of the spec]({diagram})" if diagram.endswith(".svg") else f"The graph: [{diagram}]({diagram})",
        "",
        f"## The spec{', with ' if settings else ''}{', '.join(settings)}", "",
        f"{fence}yaml", spec.source.text.rstrip("\n"), fence, "", f"Written by arspec {VERSION}.",
    ]  # fmt: skip
    return "\n".join(lines) + "\n"


def _given(spec: Spec, names: Names) -> dict[str, str]:
    """What the example gives for each condition, as Python: a class, or zeros in the shape that is wanted."""
    found: dict[str, str] = {}
    for name in spec.graph().conditions:
        own = names.get(name)
        if spec.condition[name].kind == "class":
            found[name] = repr(own[0]) if own else "0"
        else:
            section = spec.condition[name]
            kind = "" if section.whole is None else ", dtype=torch.long"
            found[name] = f"torch.zeros({', '.join(map(str, (4, *section.shape)))}{kind})"
    return found


def _plain(text: str) -> str:
    """Text of others as Markdown shows it: nothing in it is HTML, a column of a table, a link or emphasis."""
    return re.sub(r"([\\`*_\[\]|])", r"\\\1", text).replace("&", "&amp;").replace("<", "&lt;")


def card_facts(spec: Spec, report: Report | None, figures: dict[str, Any]) -> list[tuple[str, str]]:
    """What a card tells of a model, as (word, value); without a report nothing of the proof."""
    order = spec.members[0].order
    names = f"{order.name}{f', {len(spec.members)} members' if len(spec.members) > 1 else ''}"
    facts = [
        ("data", f"{spec.data.kind} {spec.data.size_text}, {spec.data.levels_text}"),
        ("order", names),
        ("parameters", f"{spec.graph().parameters:,}"),
        ("variables", f"{order.variables:,}"),
    ]
    if report is not None:
        facts.append(
            ("proof", "holds: no variable is seen before its turn" if report.proven else "fails: the spec leaks")
        )
    if spec.condition:
        facts.append(("conditions", ", ".join(f"{name} ({each.kind})" for name, each in spec.condition.items())))
    if report is not None and report.coverage is not None:
        sampled = "" if report.exact else ", of variables sampled over the order"
        facts.append(("coverage", f"{report.coverage:.2%} of the pairs (variable, earlier variable){sampled}"))
    if "steps" in figures:
        facts.append(("training", f"{figures['steps']:,} steps"))
    if "bits_per_dim" in figures:
        error = f" (± {figures['bits_per_dim_error']:.4f})" if "bits_per_dim_error" in figures else ""
        of = f", {figures['examples']:,} examples" if "examples" in figures else ""
        of += f" of {figures['data']}" if "data" in figures else ""
        facts.append(("held out", f"{figures['bits_per_dim']:.4f} bits/dim{error}{of}"))
    return facts
