"""Diagrams: a spec's graph as DOT text, and by the program `dot` (of Graphviz) as a picture."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

from arspec.analysis.report import Report, prove
from arspec.diagnostics import InputError, did_you_mean, visible
from arspec.language.load import Spec
from arspec.pictures.folding import fold
from arspec.pictures.frames import Frames
from arspec.pictures.style import PAGE, TALL, inches
from arspec.pictures.tall import HEAD, Look, Tall
from arspec.pictures.wide import Wide
from arspec.shown import Picture
from arspec.types import Member

FORMATS = (".svg", ".png", ".pdf", ".dot")
LAYOUTS: dict[str, type[Tall]] = {"tall": Tall, "wide": Wide}
SECONDS = 300  # that dot may take
MAX_PIECE = 60  # drawn nodes of a wide diagram in one piece
ENOUGH = 0.95  # of the size of letters in print
DPI = {"tall": 110, "wide": 220}  # of a .png


def render(
    spec: Spec, path: str | os.PathLike[str], unfold: bool = False, report: Report | None = None, member: int = 0, *,
    layout: str = "tall", shapes: bool | None = None, parameters: bool = False, width: str | float | None = None,
) -> Path:  # fmt: skip
    """Draws the graph of a spec; the suffix says how: .svg, .png, .pdf or .dot. Returns the path.

    unfold: every repetition, not the first for all. report: of `prove` or `verify`, else it is proven here. member: of
    a family of orders, the one that known-at is shown for. layout: tall, from above to below; or wide, in a
    paper's shape: from left to right, or each block as one box and what is in it in a frame beside, whichever prints
    larger letters. shapes: whether edges carry their types, by default in the tall layout. parameters:
    whether nodes say how many weights they have. width: column, page or inches that it is made to fit; a wide one fits
    a page. Raises InputError for another suffix or layout, and where `dot` is missing or fails; the .dot then stands
    beside. Files are written whole or not at all."""
    from arspec.files.atomic import replacing, write_text

    target = Path(path)
    if target.suffix.lower() not in FORMATS:
        raise InputError(
            "AR809", f"{target}: a diagram is written as {', '.join(FORMATS)}", "end the name with one of these"
        )
    report = report or prove(spec, contexts=False)
    text = dot_source(spec, unfold, report, member, layout=layout, shapes=shapes, parameters=parameters, width=width)
    if target.suffix.lower() == ".dot":
        write_text(target, text)
        return target
    try:
        if layout == "wide" and not unfold:
            fit = inches(width, PAGE), TALL
            text = _largest(spec, Look(False, bool(shapes), parameters, fit), report, spec.members[member], text)
        picture = picture_of(text, target.suffix.lower()[1:], dpi=DPI[layout])
    except InputError as error:
        beside = target.with_suffix(".dot")
        write_text(beside, text)
        raise InputError(error.code, f"{error.message}; the diagram stands as text in {beside}", error.help) from None
    with replacing(target) as temporary:
        temporary.write_bytes(picture)
    return target


def _largest(spec: Spec, look: Look, report: Report, member: Member, first: str) -> str:
    """Of the ways to draw a wide diagram the one whose letters are printed largest: in one piece, or in frames."""
    assert look.inches is not None
    large = len(fold(spec.graph()).nodes) > MAX_PIECE
    found = "" if large else first
    best = 0.0 if large else _scale(first, look.inches)
    ways = [*([] if large else [(Wide, 0.6)]), *((Frames, high) for high in (1.0, 1.4, 1.9) if spec.graph().clusters)]
    for kind, fill in ways:
        if best > ENOUGH:
            break
        text = kind(spec, replace(look, fill=fill), report, member).source()
        scale = _scale(text, look.inches)
        if scale > best:
            found, best = text, scale
    return found or first


def _scale(text: str, fit: tuple[float, float]) -> float:
    """By how much `dot` makes a diagram smaller so that it fits; 1 where it fits as it is."""
    _, _, wide, high = picture_of(text, "plain").decode().partition("\n")[0].split()[:4]
    return min(1.0, fit[0] / max(float(wide), 0.1), fit[1] / max(float(high), 0.1))


def diagram_picture(
    spec: Spec, unfold: bool = False, member: int = 0, *, layout: str = "wide", shapes: bool | None = None,
    parameters: bool = False, width: str | float | None = None,
) -> Picture:  # fmt: skip
    """The same picture for notebooks, which also saves it."""
    report = prove(spec, contexts=False)
    dot_source(spec, unfold, report, member, layout=layout, width=width)  # which refuses what does not exist

    def save(path: Path) -> Path:
        return render(
            spec, path, unfold, report, member, layout=layout, shapes=shapes, parameters=parameters, width=width
        )

    return Picture(save, diagram_caption(spec, report, member))


def diagram_caption(spec: Spec, report: Report, member: int = 0) -> str:
    """What a diagram shows."""
    size = Tall(spec, Look(), report, spec.members[member]).size()
    verdict = "proven" if report.proven else "it leaks"
    return f"The graph of {visible(spec.name)} ({size}; {verdict})."


def picture_of(text: str, kind: str, seconds: int = SECONDS, dpi: int = DPI["tall"]) -> bytes:
    """What `dot` makes of a DOT text. kind: svg, png, pdf or plain. InputError where `dot` is missing, fails, or takes
    longer than so many seconds. No file holds a date. dpi: of a .png."""
    program = shutil.which("dot")
    if program is None:
        raise InputError(
            "AR811", f"a .{kind} needs the program `dot`, of Graphviz, which is not installed",
            "apt install graphviz, brew install graphviz, or https://graphviz.org/download; .dot needs no program",
        )  # fmt: skip
    # with a resolution of its own an .svg of older Graphviz has a view box that cuts it off
    fine = [f"-Gdpi={dpi}"] if kind == "png" else []
    try:
        done = subprocess.run(
            [program, f"-T{kind}", *fine], input=text.encode(), capture_output=True, timeout=seconds, check=False
        )
    except subprocess.TimeoutExpired:
        raise InputError(
            "AR811", f"`dot` has not finished in {seconds} s", "draw it folded, or with fewer repetitions"
        ) from None
    except OSError as error:
        raise InputError("AR811", f"{program} cannot be run: {error.strerror}", "install Graphviz again") from None
    if done.returncode or not done.stdout:
        said = done.stderr.decode(errors="replace").strip().splitlines() or [f"exit code {done.returncode}"]
        raise InputError("AR811", f"`dot` failed: {said[0]}", "draw it folded, or as .svg")
    return _DATE.sub(_undated, done.stdout) if kind == "pdf" else done.stdout


_DATE = re.compile(rb"/CreationDate \(D:[^)]*\)")


def _undated(date: re.Match[bytes]) -> bytes:
    """As long as the date was, since a PDF counts its bytes."""
    return b" " * len(date[0])


def dot_source(
    spec: Spec, unfold: bool = False, report: Report | None = None, member: int = 0, *, layout: str = "tall",
    shapes: bool | None = None, parameters: bool = False, width: str | float | None = None,
) -> str:  # fmt: skip
    """The diagram as DOT text. Every node that the head depends on is in it, folded repetitions as the first of them.
    Raises InputError for a member that the family lacks, and for another layout."""
    if not 0 <= member < len(spec.members):
        raise InputError("AR816", f"there is no member {member}; the family has {len(spec.members)}", "count from 0")
    if layout not in LAYOUTS:
        raise InputError("AR808", f"there is no layout '{layout}'", did_you_mean(layout, LAYOUTS, "layouts"))
    fit = (inches(width, PAGE), TALL) if layout == "wide" or width is not None else None
    look = Look(unfold, layout == "tall" if shapes is None else shapes, parameters, fit)
    return LAYOUTS[layout](spec, look, report or prove(spec, contexts=False), spec.members[member]).source()


__all__ = ["FORMATS", "HEAD", "LAYOUTS", "diagram_caption", "diagram_picture", "dot_source", "picture_of", "render"]
