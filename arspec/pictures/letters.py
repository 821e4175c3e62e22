"""Text as a picture: characters of one width in lines, each on a colour of its own where it has a number."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from arspec.pictures.style import INK
from arspec.pictures.surprise import READABLE, colours

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FONT = "DejaVu Sans Mono"  # which comes with matplotlib
SCRIPTS = (
    "Noto Sans CJK JP", "Noto Sans JP", "Hiragino Sans", "Microsoft YaHei", "WenQuanYi Micro Hei", "Arial Unicode MS",
    "Noto Sans Arabic", "Noto Sans Hebrew", "Noto Sans Devanagari", "Noto Sans Thai", "Noto Emoji",
)  # fmt: skip
ADVANCE = 0.602  # width of its characters, in parts of their size
LEADING = 1.5  # height of a line, in parts of the size
SIZE = 6.5  # points
WORD = 18  # columns of a word, up to which it is not broken at the end of a line


@dataclass
class Line:
    """A line of a text: its characters, the column of each, its columns, and the number of each."""

    letters: list[str] = field(default_factory=list[str])
    columns: list[int] = field(default_factory=list[int])
    wide: list[int] = field(default_factory=list[int])
    numbers: list[float] = field(default_factory=list[float])

    def broken(self) -> Line:
        """Takes what follows the last space off the line, where that is a part of a word; the line that it begins."""
        at = max((k + 1 for k, letter in enumerate(self.letters) if letter == " "), default=0)
        if not self.end - WORD < (self.columns[at] if at < len(self.columns) else self.end) or not at:
            at = len(self.letters)
        first = self.columns[at] if at < len(self.columns) else 0
        after = Line(
            self.letters[at:], [column - first for column in self.columns[at:]], self.wide[at:], self.numbers[at:]
        )
        for own in (self.letters, self.columns, self.wide, self.numbers):
            del own[at:]
        return after

    @property
    def end(self) -> int:
        """The column behind the last character."""
        return self.columns[-1] + self.wide[-1] if self.columns else 0


def lines_of(pieces: Sequence[str], numbers: Sequence[float], most: int) -> list[Line]:
    """Pieces of a text, each with a number, as lines of at most so many columns. A number of a piece without character
    is added to the next piece's; the characters of one piece share theirs. A line break shows as ↵, and breaks."""
    lines, carried = [Line()], 0.0
    for piece, number in zip(pieces, numbers, strict=True):
        carried += number
        for letter in piece:
            shown = seen(letter)
            wide = 2 if unicodedata.east_asian_width(letter) in "WF" else 1
            if lines[-1].end + wide > most:
                lines.append(lines[-1].broken())
            line = lines[-1]
            at = line.end
            line.letters.append(shown)
            line.columns.append(at)
            line.wide.append(wide)
            line.numbers.append(carried)
            if letter == "\n":
                lines.append(Line())
        carried = 0.0 if piece else carried
    return lines if lines[-1].letters or len(lines) == 1 else lines[:-1]


def seen(letter: str) -> str:
    """A character as it is seen: a line break and a tab as arrows, what else does not print as a square."""
    if letter == "\n":
        return "↵"
    if letter == "\t":
        return "→"
    return letter if letter.isprintable() else "□"


def columns_in(width: float, size: float = SIZE) -> int:
    """Characters that stand in so many inches."""
    return max(8, int(width * 72 / (ADVANCE * size)))


def height_of(lines: int, size: float = SIZE) -> float:
    """Inches of so many lines."""
    return lines * LEADING * size / 72


def families() -> list[str]:
    """The fonts of letters, the first that has one: of one width, then any, then those here of other scripts."""
    from matplotlib.font_manager import fontManager

    here = {entry.name for entry in fontManager.ttflist}
    return [FONT, "sans-serif", *(name for name in SCRIPTS if name in here)]


def write_letters(axes: Axes, lines: Sequence[Line], most: float | None, columns: int, size: float = SIZE) -> None:
    """Draws lines into axes that are `columns` characters wide. most: the number of the last colour; None: none."""
    from matplotlib.collections import PolyCollection

    axes.set_axis_off()
    axes.set_xlim(0, columns)
    axes.set_ylim(max(1, len(lines)), 0)
    fonts = families()
    corners: list[npt.NDArray[Any]] = []
    shades: list[float] = []
    for row, line in enumerate(lines):
        for text, column in runs(line):
            axes.text(column, row + 0.5, text, family=fonts, fontsize=size, ha="left",
                      va="center_baseline", color=INK, parse_math=False, in_layout=False)  # fmt: skip
        for column, wide, number in zip(line.columns, line.wide, line.numbers, strict=True):
            left, right, top, bottom = column, column + wide, row + 0.04, row + 0.96
            corners.append(np.array([(left, top), (right, top), (right, bottom), (left, bottom)], float))
            shades.append(number)
    if most is not None and corners:
        faces = colours(READABLE * np.clip(np.array(shades) / most, 0, 1)) / 255
        axes.add_collection(PolyCollection(corners, facecolors=faces, edgecolors="none", zorder=0), autolim=False)


def runs(line: Line) -> list[tuple[str, int]]:
    """What is drawn at once, and at which column: characters of one column together, wider ones each alone. Spaces do
    not break, since an SVG would draw several as one."""
    found: list[tuple[str, int]] = []
    for letter, column, wide in zip(line.letters, line.columns, line.wide, strict=True):
        letter = "\u00a0" if letter == " " else letter
        if wide == 1 and found and found[-1][1] + len(found[-1][0]) == column and not _wide(found[-1][0]):
            found[-1] = (found[-1][0] + letter, found[-1][1])
        else:
            found.append((letter, column))
    return found


def _wide(text: str) -> bool:
    return unicodedata.east_asian_width(text[-1]) in "WF"
