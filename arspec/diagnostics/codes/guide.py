"""AR93x: the guide."""

from __future__ import annotations

from arspec.diagnostics.codes.page import code

CODES = (
    code(
        "AR930",
        "there is no such page of the guide",
        """`arspec guide` has a page for each topic. Without a topic it lists them.""",
        """
        arspec guide sampels
        """,
        """
        arspec guide sample
        """,
        "take a topic from the list that `arspec guide` prints.",
    ),
)
