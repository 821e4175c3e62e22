"""The parts of a page in a notebook: escaped, without scripts, in the colours of the page around it."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Sequence

from arspec.diagnostics import Diagnostic, text, visible

STYLE = """
.arspec{font:13px/1.5 system-ui,-apple-system,"Segoe UI",Helvetica,Arial,sans-serif;max-width:64rem;color:inherit}
.arspec h4{font-size:15px;font-weight:650;margin:.2em 0 .1em;letter-spacing:-.01em}
.arspec p{margin:.15em 0 .5em}
.arspec .quiet{opacity:.72}
.arspec table{border-collapse:collapse;margin:.5em 0;font-size:inherit;border:0}
.arspec tr{background:none}
.arspec th,.arspec td{text-align:left;vertical-align:top;padding:.22em 1.4em .22em 0;border:0;background:none;
border-bottom:1px solid rgba(128,128,128,.25);font-weight:400}
.arspec th{opacity:.72;white-space:nowrap}
.arspec thead th{border-bottom:1px solid rgba(128,128,128,.6)}
.arspec td.n,.arspec th.n{text-align:right;font-variant-numeric:tabular-nums}
.arspec code,.arspec pre{font:12px/1.5 ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace;
background:none;color:inherit}
.arspec pre{white-space:pre-wrap;margin:.4em 0;padding:.7em .9em;border-radius:6px;overflow:auto;max-height:32rem;
background:rgba(128,128,128,.11)}
.arspec details{margin:.35em 0}
.arspec summary{cursor:pointer}
.arspec .badge{display:inline-block;padding:.05em .6em;border-radius:1em;color:#fff;font-size:12px;font-weight:600;
vertical-align:.12em;margin-left:.5em}
.arspec .good{background:#0b5fa5}.arspec .bad{background:#c8102e}.arspec .open{background:#8a5a00}
.arspec .bar{display:inline-block;vertical-align:.08em;width:9rem;height:.55em;border-radius:.3em;overflow:hidden;
background:rgba(128,128,128,.28);margin-right:.7em}
.arspec .bar i{display:block;height:100%;background:#2b7ab8}
.arspec .error{border-bottom:2px solid #c8102e;font-weight:650}
.arspec .warning,.arspec .note,.arspec .help{font-weight:650}
.arspec .margin{opacity:.6}.arspec .strong{font-weight:650}
.arspec .paper{background:#fff;border-radius:6px;padding:6px;overflow:auto;max-height:38rem;width:fit-content;
max-width:100%;box-sizing:border-box}
.arspec .paper svg{display:block;max-width:100%;height:auto}
.arspec figure{margin:0 0 .5em}
.arspec figcaption{font-size:11.5px;opacity:.8;margin-top:.15em}
.arspec .grid{display:flex;flex-wrap:wrap;gap:.7em .6em;margin:.5em 0}
.arspec .grid figcaption{max-width:11rem}
.arspec img.cells{image-rendering:pixelated;image-rendering:crisp-edges;display:block;border-radius:2px}
.arspec audio{display:block;height:32px;width:22rem;max-width:100%}
.arspec svg.wave{display:block;width:22rem;max-width:100%;height:56px}
.arspec .chars{white-space:pre-wrap;overflow-wrap:anywhere}
.arspec .chars span{color:#1a1a1a;border-radius:2px}
""".strip().replace(".arspec", ".arspec.arspec")  # twice: it outweighs what notebooks say of tables and code

_PAINTED = re.compile(r"\x1b\[([\d;]*)m")
_CLASSES = {"1;31": "error", "1;33": "warning", "1;36": "note", "1;32": "help", "1;34": "margin", "1": "strong"}


def page(*parts: str) -> str:
    """Parts as one page, with its style."""
    return f'<div class="arspec"><style>{STYLE}</style>{"".join(parts)}</div>'


def told(text: object) -> str:
    """A text that means itself: escaped, and without what would steer a page."""
    return html.escape(visible(str(text), "\n\t"), quote=True)


def heading(name: object, badge: tuple[str, str] | None = None, about: str = "") -> str:
    """The name of a thing, a verdict beside it as (class of the style, words), and a sentence below."""
    mark = "" if badge is None else f'<span class="badge {badge[0]}">{told(badge[1])}</span>'
    return f"<h4>{told(name)}{mark}</h4>" + (f'<p class="quiet">{told(about)}</p>' if about else "")


def facts(rows: Iterable[tuple[str, str]]) -> str:
    """Names with what is said of them, the latter as HTML."""
    body = "".join(f"<tr><th>{told(name)}</th><td>{value}</td></tr>" for name, value in rows)
    return f"<table><tbody>{body}</tbody></table>"


def table(heads: Sequence[str], rows: Iterable[Sequence[object]], numbers: Sequence[int] = ()) -> str:
    """A table of plain texts. numbers: the columns that hold numbers."""
    cell = dict.fromkeys(numbers, ' class="n"')
    top = "".join(f"<th{cell.get(k, '')}>{told(head)}</th>" for k, head in enumerate(heads))
    body = "".join(
        "<tr>" + "".join(f"<td{cell.get(k, '')}>{told(each)}</td>" for k, each in enumerate(row)) + "</tr>"
        for row in rows
    )
    return f"<table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>"


def bar(share: float) -> str:
    """A share from 0 to 1 as a bar; whoever puts it into a page writes the number beside it."""
    return f'<span class="bar" role="img" aria-label="{share:.2%}"><i style="width:{100 * share:.4g}%"></i></span>'


def folded(summary: str, content: str, open: bool = False) -> str:
    """Content that is opened by a click on its summary (HTML)."""
    return f"<details{' open' if open else ''}><summary>{summary}</summary>{content}</details>"


def diagnosed(diagnostics: Iterable[Diagnostic]) -> str:
    """Diagnostics as a terminal shows them, with the source lines and their carets."""
    painted = text(diagnostics, colour=True)
    parts: list[str] = []
    at, inside = 0, False
    for mark in _PAINTED.finditer(painted):
        parts.append(html.escape(painted[at : mark.start()]))
        parts.append("</span>" if inside else "")
        inside = mark[1] in _CLASSES
        parts.append(f'<span class="{_CLASSES[mark[1]]}">' if inside else "")
        at = mark.end()
    return f"<pre>{''.join(parts)}{html.escape(painted[at:])}{'</span>' if inside else ''}</pre>"
