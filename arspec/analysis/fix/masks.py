"""Masks that may have been meant where another stands."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from arspec.analysis.fix.edits import Edit

# strict before inclusive: what leaks is, as a rule, too permissive
LIKELY: dict[int, tuple[str, ...]] = {
    1: ("earlier", "so_far", "past", "past_so_far", "before"),
    2: ("earlier", "so_far", "rows_above", "rows_so_far", "left", "left_so_far", "left or (here and A)",
        "left or (here and B)", "before", "rows_above or left", "rows_above or left_so_far"),
}  # fmt: skip
_TWINS = {
    "so_far": "earlier", "B": "A", "rows_so_far": "rows_above", "left_so_far": "left", "past_so_far": "past",
    "<=": "<", ">=": ">",
}  # fmt: skip
SITE_TOO = {strict: inclusive for inclusive, strict in _TWINS.items() if strict.isalpha() or "_" in strict}
_OTHERS: dict[str, tuple[str, ...]] = {
    **{inclusive: (strict,) for inclusive, strict in _TWINS.items()},
    **{strict: (inclusive,) for inclusive, strict in _TWINS.items()},
    ">=": ("<=", "<", ">"), "<=": ("<", ">=", ">"), ">": ("<", "<=", ">="), "<": (">", "<=", ">="),
    "or": ("and",), "and": ("or",),
}  # fmt: skip
_COMPARED, _IN_ORDER = re.compile(r"[<>=]"), re.compile(r"\b(so_far|earlier|before)\b")
_TOKEN = re.compile(r"<=|>=|<|>|[A-Za-z_.$]+")


def with_site(edits: tuple[Edit, ...]) -> Iterator[tuple[Edit, ...]]:
    """The same edits with the site itself allowed by one of the masks that they write."""
    for number, edit in enumerate(edits):
        for token in _TOKEN.finditer(edit.text):
            if (inclusive := SITE_TOO.get(token[0])) is not None:
                text = edit.text[: token.start()] + inclusive + edit.text[token.end() :]
                yield (*edits[:number], replace(edit, text=text), *edits[number + 1 :])


def alternatives(text: str, dimensions: int) -> Iterator[str]:
    """Other masks, likeliest first: one comparison or one name of this one changed; then a window held to what came
    before; then the ready-made ones."""
    told = {text}
    for token in _TOKEN.finditer(text):
        for other in _OTHERS.get(token[0], ()):
            changed = text[: token.start()] + other + text[token.end() :]
            if changed not in told:
                told.add(changed)
                yield changed
    if _COMPARED.search(text) and not _IN_ORDER.search(text):
        inner = f"({text})" if re.search(r"\bor\b", text) else text
        yield from (f"{order} and {inner}" for order in ("so_far", "earlier"))
    yield from (name for name in LIKELY.get(dimensions, ()) if name not in told)
