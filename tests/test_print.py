"""Pictures fit to print: of the width that was asked for, nothing beyond the paper or over another word, fonts as text,
the same bytes for the same figure, and characters on their own bits."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Text

import arspec
from arspec.cli.main import main
from arspec.diagnostics import InputError
from arspec.language.load import Spec, load
from arspec.pictures.curves import draw_curves, draw_histograms
from arspec.pictures.effective import render_effective
from arspec.pictures.field import figure_reads, render_fields
from arspec.pictures.heat import draw_heat
from arspec.pictures.letters import lines_of, runs
from arspec.pictures.mosaic import UNKNOWN, pixels
from arspec.pictures.samples import render_samples
from arspec.pictures.schedule import render_schedule
from arspec.pictures.style import COLUMN, PAGE, inches
from arspec.scoring import Scores
from tests.small import ROOT, small

RNG = np.random.default_rng(0)
PROSE = "The quick brown fox\n\tjumps over  the lazy dog; für 漢字 and \x00.\n"


def pixelcnn(name: str = "pixelcnn") -> Spec:
    return load(ROOT / f"specs/{name}.yaml", data={"height": 8, "width": 8})


def text_data() -> Any:
    return load("gpt", data={"levels": 256}).data


def prose() -> np.ndarray[Any, Any]:
    return np.frombuffer((PROSE * 3).encode(), np.uint8).astype(np.int64)[None]


def scores(mean: float) -> Scores:
    bits = RNG.normal(mean, 20, 90)
    of = {"likelihood": bits, "input complexity": bits - 30, "compressed length alone": -bits}
    return Scores(bits, bits / 64, np.zeros((90, 1, 8, 8), np.float32), bits, "png", of)


def bits(x: np.ndarray[Any, Any]) -> Any:
    return RNG.gamma(0.7, 2, (len(x), *x.shape[-2 if x.ndim == 4 else 1 :])).astype(np.float32)


def images(count: int, channels: int = 1) -> np.ndarray[Any, Any]:
    return RNG.integers(0, 4, (count, channels, 8, 8))


PICTURES: dict[str, tuple[float, Callable[[Path], Any]]] = {
    "a field": (PAGE, lambda to: render_fields([pixelcnn()], to)),
    "two fields": (PAGE, lambda to: render_fields([pixelcnn(), pixelcnn("gated_pixelcnn")], to)),
    "blind spots": (COLUMN, lambda to: figure_reads([pixelcnn(), pixelcnn("gated_pixelcnn")], to)),
    "a tree": (COLUMN, lambda to: render_fields([small(ROOT / "specs/causal_tcn.yaml")], to, width="column")),
    "a schedule": (PAGE, lambda to: render_schedule(small(ROOT / "specs/pixelcnn.yaml"), to, 9)),
    "steps": (PAGE, lambda to: render_schedule(load("fast_generation_toy"), to, 8)),
    "gradients": (COLUMN, lambda to: render_effective([arspec.compile(pixelcnn().variant(params={"blocks": 1}))], to)),
    "heat of images": (PAGE, lambda to: draw_heat(to, {n: (images(5), bits(images(5))) for n in "ab"}, grey())),
    "heat of text": (COLUMN, lambda to: draw_heat(to, {"fox": (prose(), bits(prose()))}, text_data(), width="column")),
    "histograms": (PAGE, lambda to: draw_histograms(to, {"own kind": scores(100), "another": scores(140)})),
    "curves": (COLUMN, lambda to: draw_curves(to, scores(100), {"another": scores(140)})),
    "sounds": (PAGE, lambda to: render_samples(RNG.integers(0, 256, (2, 800)), load("wavenet").data, to)),
    "texts": (PAGE, lambda to: render_samples(prose(), text_data(), to, labels=["a fox"])),
}  # fmt: skip


def grey() -> Any:
    return pixelcnn().variant(data={"channels": 1, "levels": 4}).data


def words_of(figure: Figure) -> list[tuple[str, Any]]:
    """The words of a figure, each with the box that it takes; letters in cells belong to these, and are left out."""
    figure.draw_without_rendering()
    axes: list[Any] = [axis for one in figure.findobj(Axes) for axis in (one.xaxis, one.yaxis)]
    labels = {label for axis in axes for tick in axis.get_major_ticks() for label in (tick.label1, tick.label2)}
    drawn = {label for axis in axes for tick in axis._update_ticks() for label in (tick.label1, tick.label2)}
    words = [text for text in figure.findobj(Text) if text not in labels or text in drawn]
    return [
        (text.get_text(), text.get_window_extent())
        for text in words if text.get_visible() and text.get_text().strip() and text.get_in_layout()
    ]  # fmt: skip


@pytest.mark.parametrize("name", PICTURES)
def test_nothing_overlaps_or_sticks_out(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    width, draw = PICTURES[name]
    saved = Figure.savefig
    figures: list[Figure] = []

    def watched(figure: Figure, *args: Any, **options: Any) -> None:
        words = words_of(figure)
        assert words
        for (one, box), (other, taken) in itertools.combinations(words, 2):
            inside = [min(box.x1, taken.x1) - max(box.x0, taken.x0), min(box.y1, taken.y1) - max(box.y0, taken.y0)]
            assert min(inside) < 1.5, f"{one!r} and {other!r} overlap by {inside} pixels"
        bars = [axes.get_window_extent() for axes in figure.findobj(Axes) if hasattr(axes, "_colorbar")]
        for bar, (word, box) in itertools.product(bars, words):
            inside = [min(box.x1, bar.x1) - max(box.x0, bar.x0), min(box.y1, bar.y1) - max(box.y0, bar.y0)]
            assert min(inside) < 1.5, f"a colour bar covers {word!r} by {inside} pixels"
        figures.append(figure)
        saved(figure, *args, **options)

    monkeypatch.setattr(Figure, "savefig", watched)
    draw(tmp_path / "x.svg")
    assert len(figures) == 1
    text = (tmp_path / "x.svg").read_text()
    size = re.search(r'width="([\d.]+)pt" height="([\d.]+)pt"', text)
    assert size is not None and float(size[1]) == pytest.approx(72 * width, abs=0.1), "as wide as it was asked for"
    assert "<text" in text and "font" in text and "<dc:date>" not in text
    assert "<title>" in text or "<dc:title>" in text


def test_one_file_makes_all_figures() -> None:
    makers = re.compile(r"pyplot|\.savefig\(|matplotlib\.figure\"|rc_context")
    named = {path.relative_to(ROOT / "arspec").as_posix() for path in (ROOT / "arspec").rglob("*.py")
             if makers.search(path.read_text("utf-8"))}  # fmt: skip
    assert named == {"pictures/style.py"}


def test_a_pdf_has_its_fonts_its_width_and_no_date(tmp_path: Path) -> None:
    for name in ("x.pdf", "y.pdf"):
        render_fields([pixelcnn()], tmp_path / name, only=["blind_spot"])
    content = (tmp_path / "x.pdf").read_bytes()
    assert b"/Subtype /Type0" in content or b"/Subtype /TrueType" in content, "letters are letters"
    assert b"/Type3" not in content and b"CreationDate" not in content
    box = re.search(rb"/MediaBox \[ 0 0 ([\d.]+)", content)
    assert box is not None and float(box[1]) == pytest.approx(72 * COLUMN, abs=0.1)
    assert content == (tmp_path / "y.pdf").read_bytes()


def test_widths() -> None:
    assert (inches("column", 1), inches("page", 1), inches(None, 2.5), inches("5in", 1)) == (COLUMN, PAGE, 2.5, 5)
    for wrong in ("wide", "0.5", 99.0):
        with pytest.raises(InputError) as error:
            inches(wrong, PAGE)
        assert error.value.code == "AR808"


# -- letters -----------------------------------------------------------------------------------------------------------


def test_characters_stand_on_their_own_bits() -> None:
    pieces = ["", "é", "ab", "\n", "", "漢", " c"]
    lines = lines_of(pieces, [1, 2, 3, 4, 5, 6, 7], 40)
    assert ["".join(line.letters) for line in lines] == ["éab↵", "漢 c"]
    assert lines[0].numbers == [3, 3, 3, 4] and lines[1].numbers == [11, 7, 7]
    assert lines[1].columns == [0, 2, 3] and runs(lines[1]) == [("漢", 0), ("\u00a0c", 2)]


@pytest.mark.parametrize("most", [8, 11, 30])
def test_lines_break_between_words_and_lose_nothing(most: int) -> None:
    text = "the quick  brown fox jumps over unbreakable-things-of-length\nand on"
    lines = lines_of(list(text), [float(k) for k in range(len(text))], most)
    assert "".join(letter for line in lines for letter in line.letters) == text.replace("\n", "↵")
    assert [number for line in lines for number in line.numbers] == [float(k) for k in range(len(text))]
    assert all(line.end <= most and line.columns == list(range(line.end)) for line in lines)
    if most == 11:
        assert "".join(lines[0].letters) == "the quick  " and "".join(lines[1].letters) == "brown fox "


def test_a_heat_map_of_images_has_numbers_and_their_unit(tmp_path: Path) -> None:
    x = images(3)
    own = bits(x)
    draw_heat(tmp_path / "x.svg", {"a": (x, own)}, grey())
    words = re.findall(r">([^<>]+)</text>", (tmp_path / "x.svg").read_text("utf-8"))
    assert {f"{float(each.sum()):,.0f}" for each in own} <= {*words}
    assert "bits a pixel" in words and "a; below each its bits" in words


def test_texts_of_a_heat_map_can_be_searched(tmp_path: Path) -> None:
    draw_heat(tmp_path / "x.svg", {"fox": (prose(), bits(prose()))}, text_data())
    drawn = (tmp_path / "x.svg").read_text("utf-8").replace("\u00a0", " ")
    assert "The quick brown fox↵" in drawn and "over  the lazy dog" in drawn and ">bits<" in drawn


# -- samples -----------------------------------------------------------------------------------------------------------


def test_images_keep_their_pixels_their_labels_and_a_scale(tmp_path: Path) -> None:
    labels = [f"kind {k}" for k in range(6)]
    render_samples(images(6), grey(), tmp_path / "x.svg", labels=labels, titles=["left", "right"], columns=2,
                   caption="Six & more.")  # fmt: skip
    text = (tmp_path / "x.svg").read_text("utf-8")
    assert text.count("<image") >= 6 and all(f">{word}<" in text for word in [*labels, "left", "right", "4 pixels"])
    assert ">level<" in text and "Six &amp; more." in text


def test_what_is_not_given_has_a_colour_of_its_own() -> None:
    x = images(1)
    x[0, :, 4:] = -1
    shown = pixels(x, 4)
    assert shown.shape == (1, 8, 8, 3) and (shown[0, 4:] == UNKNOWN).all()
    assert np.array_equal(shown[0, :4, :, 0], np.rint(x[0, 0, :4] * 85))


def test_commands_write_figures_for_print(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spec, out = str(ROOT / "specs/made.yaml"), tmp_path / "x.pdf"
    tiny = ["--set", "height=4", "--set", "width=4", "--set", "hidden=8", "--device", "cpu"]
    assert main(["sample", spec, *tiny, "-n", "4", "-o", str(out)]) == 0, capsys.readouterr().err
    assert out.read_bytes().startswith(b"%PDF") and str(out) in capsys.readouterr().out
    assert main(["sample", spec, *tiny, "-o", str(tmp_path / "x.tiff")]) == 2
    with pytest.raises(InputError, match="from 1 to 24 sounds"):
        render_samples(np.zeros((25, 10), np.int64), load("wavenet").data, tmp_path / "y.pdf")
