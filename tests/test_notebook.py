"""What notebooks show: whole pages of escaped HTML, pictures of the very samples, and plain text where nobody draws."""

from __future__ import annotations

import base64
import html
import io
import linecache
import re
import wave
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import arspec
from arspec.analysis.report import prove
from arspec.exploring.making import facts_of_spec
from arspec.language.load import Spec, from_text, load
from arspec.notebook.html import STYLE
from arspec.notebook.samples import Samples
from arspec.pictures.folding import fold
from arspec.pictures.surprise import RAMP, web_colour
from arspec.shown import Picture, drawer_of
from tests.small import ROOT, randomised, refuses, small
from tests.test_render import layers, leaking, needs_dot

VOID = {"img", "br", "rect", "path", "polygon", "ellipse", "polyline", "use"}
NASTY = '"<script>alert(1)</script>&amp;"'


class Page(HTMLParser):
    """Reads a page, and holds that every tag is closed in turn."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.sources: list[str] = []
        self.words: list[str] = []
        self.feed(text)
        self.close()
        assert not self.open, self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.sources += [value for name, value in attrs if name == "src" and value]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.words.append(data)

    @property
    def text(self) -> str:
        return "".join(self.words)


def shown(thing: object) -> Page:
    page = thing._repr_html_()  # type: ignore[attr-defined]
    assert page is not None
    found = Page(page)
    assert "script" not in found.tags and not re.search(r"\son\w+=", page)
    return found


@pytest.fixture(scope="module")
def images() -> tuple[arspec.model.Model, torch.Tensor]:
    model = randomised(small(ROOT / "specs/gated_pixelcnn_class.yaml"))
    return model, model.sample(3, seed=1, label=[0, 1, 0])


# -- specs and reports -------------------------------------------------------------------------------------------------


@needs_dot
def test_a_spec_shows_its_diagram() -> None:
    spec = small(ROOT / "specs/gated_pixelcnn.yaml")
    page = shown(spec)
    assert page.tags.count("svg") == 1 and spec.name in page.text
    assert {each.first.name.rpartition(".")[2] for each in fold(spec.graph()).nodes} <= set(page.text.split())
    assert repr(spec) == "<spec gated-pixelcnn: image (3, 6, 6)>"
    report = prove(spec)
    assert repr(report) == f"<report of gated-pixelcnn: proven, {report.coverage:.2%} of the legal pairs are seen>"


def test_without_graphviz_a_spec_shows_its_nodes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    spec = small(ROOT / "specs/gated_pixelcnn.yaml")
    page = shown(spec)
    assert "svg" not in page.tags and "Graphviz" in page.text
    assert all(each.first.name in page.text for each in fold(spec.graph()).nodes)


def test_names_of_others_are_text(monkeypatch: pytest.MonkeyPatch) -> None:
    spec = layers(NASTY)
    for thing in (spec, prove(spec), arspec.compile(spec)):
        assert "<script>alert(1)</script>&amp;" in shown(thing).text
    monkeypatch.setenv("PATH", "")
    assert "<script>" in shown(spec).text


def test_a_report_shows_the_verdict_the_coverage_and_the_leak() -> None:
    spec = load(ROOT / "specs/pixelcnn.yaml", {"height": 9, "width": 9, "channels": 1, "blocks": 1, "kernel": 3})
    report = prove(spec)
    page = shown(report)
    assert "proven" in page.text and f"{report.coverage:.4%} of {report.pairs:,}" in page.text
    assert f"{report.blind_spots:,} blind" in page.text and "leaks" not in page.text
    report = prove(leaking().variant(data={"height": 6, "width": 6}))
    page = shown(report)
    (leak,) = (d for d in report.diagnostics if d.level == "error")
    assert "leaks" in page.text and leak.place is not None and leak.help is not None
    assert leak.place.line_text.strip() in page.text and leak.help.splitlines()[-1] in page.text
    assert all(place.line_text.strip() in page.text for place, _ in leak.related)


def test_a_model_shows_its_table(images: tuple[arspec.model.Model, torch.Tensor]) -> None:
    model, _ = images
    text = shown(model).text
    schedule = facts_of_spec(model.spec).facts["members"][0]["schedule"]
    assert schedule is not None and f"{schedule['sites']:,} sites, each computed once" in text  # as `explore` says it
    for each in (model.graph.parameters, schedule["cached"], model.graph.head.kind):
        assert (f"{each:,}" if isinstance(each, int) else each) in text
    assert repr(model).startswith(f"{model.spec.name}: ")


def test_an_audit_shows_the_authors_lines(tmp_path: Path) -> None:
    class Early(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return (x + x.roll(-1, 1)).unsqueeze(-1)

    report = arspec.audit(Early(), size={"t": 5}, input_kind="float")
    page = shown(report)
    assert "leaks" in page.text and "x.roll(-1, 1)" in page.text and report.name in page.text


def test_an_audit_shows_the_lines_of_a_cell() -> None:
    """A cell has no file; its lines stand where the interactive session has put them."""
    name = "/tmp/ipykernel_1/2718281828.py"
    cell = (
        "import torch\n"
        "class Early(torch.nn.Module):\n"
        "    def forward(self, x):\n"
        "        later = x.roll(-1, 1)  # <here>\n"
        "        return (x + later).unsqueeze(-1)\n"
    )
    lines: list[str] = [*cell.splitlines(keepends=True)]
    linecache.cache[name] = (len(cell), None, lines, name)
    names: dict[str, Any] = {}
    try:
        exec(compile(cell, name, "exec"), names)
        report = arspec.audit(names["Early"](), size={"t": 5}, input_kind="float")
        assert "later = x.roll(-1, 1)  # <here>" in shown(report).text
        assert repr(report) == f"<audit of Early: leaks, {report.coverage:.2%} of the legal pairs are seen>"
    finally:
        del linecache.cache[name]


def test_only_what_is_told_is_drawn() -> None:
    assert drawer_of(from_text(layers().source.text)) is not None and drawer_of(3) is None
    with pytest.raises(arspec.InputError) as error:
        layers().field(99)
    assert error.value.code == "AR808"


def test_what_is_no_variable_node_member_or_panel_is_told() -> None:
    spec: Any = layers()
    wrong: list[dict[str, Any]] = [
        {"variable": 3.5}, {"variable": "3"}, {"variable": (1.0,)}, {"variable": ("r",)}, {"variable": {"row"}},
        {"variable": (True,)}, {"node": 3}, {"member": "a"}, {"member": None}, {"panels": 3}, {"panels": [3]},
    ]  # fmt: skip
    for options in wrong:
        refuses("AR945", lambda options=options: spec.field(**options))
    refuses("AR945", lambda: spec.diagram(member="a"))
    refuses("AR945", lambda: spec.diagram(layout=["wide"]))
    assert {spec.field(at, panels="context").caption for at in (3, np.int64(3), (3,), np.array([3]))} == {
        spec.field([3]).caption
    }


@pytest.mark.parametrize("variable", ["7,6", "r", 7, (1, 2, 0, 0), (99, 99), (-1, 0), (1.0, 2), True, b"7", {1}, 1j])
def test_a_variable_that_there_is_not_is_refused_with_one_that_there_is(variable: Any) -> None:
    spec = small(ROOT / "specs/pixelcnn.yaml")
    with pytest.raises(arspec.InputError) as error:
        spec.field(variable)
    said = error.value.message + (error.value.help or "")
    example = re.search(r"variable=(\(\d+, \d+\))", said)
    assert error.value.code in ("AR808", "AR945") and "--" not in said and example is not None, said
    named = tuple(map(int, re.findall(r"\d+", example[1])))
    assert "(row {}, column {}".format(*named) in spec.field(named).caption


# -- samples -----------------------------------------------------------------------------------------------------------


def decoded(source: str) -> bytes:
    return base64.b64decode(source.partition("base64,")[2])


def test_images_are_shown_to_the_pixel(images: tuple[arspec.model.Model, torch.Tensor]) -> None:
    model, x = images
    assert type(x) is torch.Tensor
    view = model.show(x, label=[0, 1, 0])
    page = shown(view)
    for image, source in zip(x, page.sources, strict=True):
        pixels = np.asarray(Image.open(io.BytesIO(decoded(source))))
        assert np.array_equal(pixels, np.rint(image.numpy().transpose(1, 2, 0) * 255 / (model.spec.data.levels - 1)))
    assert "label 0" in page.text and len(shown(model.show(x[0], label=0)).sources) == 1


def test_surprise_is_drawn_beside_images(images: tuple[arspec.model.Model, torch.Tensor]) -> None:
    model, x = images
    view = model.show(x, surprise=True, label=[0, 1, 0])
    page = shown(view)
    heat = model.score(x, label=[0, 1, 0]).heat
    assert len(page.sources) == 2 * len(x)
    shades = np.asarray(Image.open(io.BytesIO(decoded(page.sources[1]))), np.int64)
    order = np.argsort(heat[0].ravel(), kind="stable")
    assert (np.diff(shades.sum(-1).ravel()[order]) <= 0).all(), "the more bits, the darker"
    assert f"{heat[0].sum():,.1f} bits" in page.text


def test_sounds_are_played_and_drawn() -> None:
    data = load(ROOT / "specs/wavenet.yaml", data={"length": 800}).data
    x = np.random.default_rng(0).integers(0, 256, (2, 800))
    for bits in (None, np.random.default_rng(1).random((2, 800))):
        page = shown(Samples(x, data, bits))
        assert page.tags.count("svg") == page.tags.count("audio") == 2
        with wave.open(io.BytesIO(decoded(page.sources[0]))) as sound:
            assert (sound.getnframes(), sound.getframerate()) == (800, data.rate)


def test_texts_stand_on_the_colours_of_their_surprise() -> None:
    data = load("gpt", data={"levels": 256}).data
    written = "é<b>&\nx"
    levels = np.frombuffer(written.encode(), np.uint8).astype(np.int64)
    assert written in shown(Samples(levels[None], data)).text
    bits = np.linspace(0, 8, len(levels))
    page = Samples(levels[None], data, bits[None])._repr_html_()
    spans = re.findall(r'<span style="background:(#\w+)" title="([\d.]+) bits">([^/]+)</span>', page)
    assert "".join(html.unescape(text) for _, _, text in spans) == written.replace("\n", "↵\n")
    assert spans[0][1] == f"{bits[:2].sum():.2f}", "both bytes of a character are its own"
    assert sum(float(each) for _, each, _ in spans) == pytest.approx(bits.sum(), abs=0.01 * len(spans))


def test_numbers_are_a_table() -> None:
    data = load("made", data={"size": 40}).data
    x = np.random.default_rng(0).integers(0, 2, (30, 40))
    page = shown(Samples(x, data.model_copy(update={"display": None})))
    assert page.tags.count("tr") == 21 and "24 more" in page.text and "10 more" in page.text
    assert shown(Samples(x[:0], data)).tags.count("tr") == 1  # none is no fault


# -- pictures ----------------------------------------------------------------------------------------------------------


def test_a_field_is_drawn_and_saved(tmp_path: Path) -> None:
    spec = load(ROOT / "specs/pixelcnn.yaml", {"height": 7, "width": 7, "channels": 1, "blocks": 1, "kernel": 3})
    picture = spec.field((5, 3), panels=["blind_spot"])
    assert isinstance(picture, Picture) and "(row 5, column 3) sees" in picture.caption
    (source,) = shown(picture).sources
    assert decoded(source).startswith(b"<?xml") and "svg" in source[:20]
    for suffix, begins in (("png", b"\x89PNG"), ("pdf", b"%PDF"), ("svg", b"<?xml")):
        assert picture.save(tmp_path / f"x.{suffix}").read_bytes().startswith(begins)
    assert isinstance(spec, Spec) and repr(picture).startswith("<picture: pixelcnn")


def luminance(colour: str) -> float:
    parts = [int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    """As WCAG 2 defines it, from 1 to 21."""
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def test_what_is_written_is_readable_in_light_and_in_dark() -> None:
    """Words have the colour of the page, but on badges and on the colours of surprise, which have their own."""
    own = [rule for rule in re.findall(r"[^{}]+\{[^{}]*\}", STYLE) if re.search(r"[{;]color:", rule)]
    assert all("inherit" in rule or ".badge" in rule or ".chars" in rule for rule in own)
    badges = re.findall(r"\.(?:good|bad|open)\{background:(#\w+)\}", STYLE)
    assert len(badges) == 3 and all(contrast("#ffffff", each) >= 4.5 for each in badges)
    shades = [web_colour(share, readable=True) for share in np.linspace(0, 1, 33).tolist()]
    assert all(contrast("#1a1a1a", each) >= 4.5 for each in shades)
    light = [luminance(each) for each in RAMP]
    assert light == sorted(light, reverse=True)
