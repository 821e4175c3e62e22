"""AR44x: experts, and how sites are shared out among them."""

from __future__ import annotations

from arspec.diagnostics.codes.page import code

CODES = (
    code(
        "AR443",
        "more taken than there are",
        """`top_k` keeps some of the channels of a site, and experts take some of their number.""",
        """
        few: {layer: conv, from: first, out: 12, mask: so_far}      # 3 groups of 4 channels
        kept: {layer: top_k, take: 8}
        """,
        """
        few: {layer: conv, from: first, out: 12, mask: so_far}
        kept: {layer: top_k, take: 2}
        """,
        "take at most as many as there are.",
    ),
)
