"""Samples, and examples, as a notebook shows them: images as pictures, sounds to be played, text as text, numbers as a
table; with `bits` also where each is surprising."""

from __future__ import annotations

import base64
import io
import math
import tempfile
from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from arspec.data.mu_law import to_wave
from arspec.data.symbols import pieces_of
from arspec.data.wav import write_wav
from arspec.data.write import as_images
from arspec.notebook.html import heading, page, table, told
from arspec.pictures.mosaic import pixels
from arspec.pictures.surprise import colours, scale_of, web_colour

if TYPE_CHECKING:
    from arspec.language.sections import Data

Array = npt.NDArray[Any]
SHOWN = {"image": 64, "audio": 8, "text": 12, "numbers": 20}  # of each kind; the rest are counted
SIDE = 72  # pixels of the screen that the shorter side of an image has at least
CHARACTERS = 4000  # of a text
ENTRIES = 16  # columns of a table
SOUND = 4 << 20  # bytes of one sound
BINS = 440  # columns of a wave form


class Samples:
    """Examples of one kind of data, to be looked at. x: integers [N, *shape]. bits [N, *grid]: the surprise of each
    place. labels: a word for each. `save` writes them as their suffix asks."""

    def __init__(
        self, x: Array, data: Data, bits: Array | None = None, labels: Sequence[str] = (), name: str = ""
    ) -> None:
        self.x, self.data, self.bits, self.labels, self.name = x, data, bits, list(labels), name

    def __len__(self) -> int:
        return len(self.x)

    def __repr__(self) -> str:
        of = f" of {self.name}" if self.name else ""
        return f"<{len(self.x):,} {self.data.kind}{'s' * (len(self.x) != 1)} {self.data.size_text}{of}>"

    def save(self, path: str | PathLike[str]) -> list[Path]:
        """Writes them as the suffix asks, whole or not at all; gives the paths. .npy, .png, .txt, .wav: as `arspec
        sample` does. .svg, .pdf: a figure for print, with labels and a scale, and with the bits where there are any.
        InputError for a suffix that does not fit the data."""
        target = Path(path)
        if target.suffix.lower() not in (".svg", ".pdf"):
            from arspec.data.write import write

            return write(self.x, self.data, target)
        if self.bits is not None:
            from arspec.pictures.heat import draw_heat

            return [draw_heat(target, {self.name or "samples": (self.x, self.bits)}, self.data)]
        from arspec.pictures.samples import render_samples

        labels = self.labels if any(self.labels) else []
        return render_samples(self.x, self.data, target, labels=labels, caption=repr(self).strip("<>"))

    def _repr_html_(self) -> str:
        images = as_images(self.x, self.data) if len(self.x) else None
        if images is not None:
            kind, shown = "image", self._images(images[: SHOWN["image"]])
        elif self.data.kind == "sequence" and self.data.content == "audio":
            kind, shown = "audio", self._sounds()
        elif self.data.is_text:
            kind, shown = "text", self._texts()
        else:
            kind, shown = "numbers", self._numbers()
        rest = len(self.x) - SHOWN[kind]
        more = f'<p class="quiet">{rest:,} more</p>' if rest > 0 else ""
        total = "" if self.bits is None else f"; {self._scale():.3g} bits and more in the darkest colour"
        count = f"{len(self.x):,} of {self.data.kind} {self.data.size_text}, {self.data.levels_text}{total}"
        return page(heading(self.name or "samples", None, count), shown, more)

    # -- each kind -----------------------------------------------------------------------------------------------------

    def _label(self, k: int) -> str:
        words = [self.labels[k]] if k < len(self.labels) and self.labels[k] else []
        if self.bits is not None:
            words.append(f"{float(self.bits[k].sum()):,.1f} bits")
        return " · ".join(words)

    def _scale(self) -> float:
        return 1.0 if self.bits is None else scale_of(self.bits)

    def _figures(self, figures: Sequence[str]) -> str:
        return f'<div class="grid">{"".join(figures)}</div>'

    def _figure(self, content: str, k: int) -> str:
        label = self._label(k)
        return f"<figure>{content}{f'<figcaption>{told(label)}</figcaption>' if label else ''}</figure>"

    def _images(self, images: Array) -> str:
        found: list[str] = []
        for k, image in enumerate(pixels(images, self.data.levels)):
            parts = [_picture(image, f"sample {k}")]
            if self.bits is not None:
                heat = colours(self.bits[k].reshape(images.shape[2:]) / self._scale())
                parts.append(_picture(heat, f"bits of sample {k}"))
            found.append(self._figure("".join(parts), k))
        return self._figures(found)

    def _sounds(self) -> str:
        found: list[str] = []
        assert self.data.kind == "sequence"
        for k, row in enumerate(self.x[: SHOWN["audio"]]):
            wave = to_wave(row, self.data.levels, self.data.companding)
            seconds = len(row) / self.data.rate
            with tempfile.TemporaryDirectory(prefix="arspec-") as folder:
                path = Path(folder) / "sound.wav"
                write_wav(path, wave, self.data.rate)
                content = path.read_bytes() if path.stat().st_size <= SOUND else b""
            sound = f'<audio controls preload="none" src="{_uri("audio/wav", content)}"></audio>'
            if not content:
                sound = (
                    f'<p class="quiet">{seconds:,.0f} s are too long to be played here; save("x.wav") keeps them</p>'
                )
            bits = None if self.bits is None else self.bits[k].ravel() / self._scale()
            drawn = _wave(wave, bits, f"wave form of sample {k}, {seconds:.3g} s")
            found.append(self._figure(drawn + sound, k))
        return self._figures(found)

    def _texts(self) -> str:
        found: list[str] = []
        assert self.data.kind == "sequence"
        for k, row in enumerate(self.x[: SHOWN["text"]]):
            pieces = pieces_of(row[:CHARACTERS], self.data)
            if self.bits is None:
                shown = told("".join(pieces))
            else:
                shown = _coloured(pieces, self.bits[k].ravel(), self._scale())
            rest = len(row) - CHARACTERS
            shown += f'<span class="quiet"> … {rest:,} more</span>' if rest > 0 else ""
            found.append(f'<pre class="chars">{shown}</pre><figcaption>{told(self._label(k))}</figcaption>')
        return "".join(f"<figure>{each}</figure>" for each in found)

    def _numbers(self) -> str:
        flat = self.x.reshape(len(self.x), math.prod(self.x.shape[1:]))[: SHOWN["numbers"]]  # also where there are none
        width = min(ENTRIES, flat.shape[1])
        rest = flat.shape[1] - width
        heads = ["", *map(str, range(width)), *([f"… {rest:,} more"] if rest else [])]
        rows = [[self._label(k) or k, *row[:width].tolist(), *([""] if rest else [])] for k, row in enumerate(flat)]
        return table(heads, rows, numbers=range(1, width + 1))


def _uri(kind: str, content: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode('ascii')}"


def _picture(cells: Array, about: str) -> str:
    """Bytes [H, W, C] as an image whose pixels are squares."""
    from PIL import Image

    height, width = cells.shape[:2]
    larger = max(1, -(-SIDE // min(height, width)))
    put = io.BytesIO()
    Image.fromarray(cells).save(put, "png")
    size = f'width="{width * larger}" height="{height * larger}"'
    return f'<img class="cells" {size} alt="{about}" src="{_uri("image/png", put.getvalue())}">'


def _wave(wave: Array, bits: Array | None, about: str) -> str:
    """Samples in -1 .. 1, [T], from the least to the most of each column, on the colours of shares [T]."""
    columns = min(BINS, len(wave))
    edges = np.linspace(0, len(wave), columns + 1).astype(np.int64)[:-1]
    low, high = np.minimum.reduceat(wave, edges), np.maximum.reduceat(wave, edges)
    shades = None if bits is None else np.maximum.reduceat(bits, edges).tolist()
    lines: list[str] = []
    for k, (a, b) in enumerate(zip(low.tolist(), high.tolist(), strict=True)):
        if shades is not None:
            shade = web_colour(shades[k])
            lines.append(f'<rect x="{k}" y="0" width="1.05" height="100" fill="{shade}"/>')
        lines.append(f'<path d="M{k + 0.5} {50 - 48 * b:.2f}V{50 - 48 * a + 0.6:.2f}"/>')
    ink = "currentColor" if shades is None else "#1a1a1a"
    return (
        f'<svg class="wave" viewBox="0 0 {columns} 100" preserveAspectRatio="none" role="img" aria-label="{about}" '
        f'stroke="{ink}" stroke-width="1">{"".join(lines)}</svg>'
    )


def _coloured(pieces: Sequence[str], bits: Array, most: float) -> str:
    """Text whose pieces stand on the colours of their surprise. Bits of what shows no character yet are added to the
    next that does."""
    found: list[str] = []
    carried = 0.0
    for piece, own in zip(pieces, bits.tolist(), strict=False):
        carried += own
        if not piece:
            continue
        shade = web_colour(carried / most, readable=True)
        shown = told(piece).replace("\n", "↵\n")
        found.append(f'<span style="background:{shade}" title="{carried:.2f} bits">{shown}</span>')
        carried = 0.0
    return "".join(found)
