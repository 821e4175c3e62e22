"""AR44x: experts, and how sites are shared out among them."""

from __future__ import annotations

from arspec.diagnostics.codes.page import code

CODES = (
    code(
        "AR440",
        "no expert",
        """An expert computes each site from that site alone, and the same at every place, since sites are shared out
        among the experts. Its nodes may be convolutions with the kernel 1, functions, gates, norms over channels,
        sums and products; not what reads other sites, a condition, or a place. It has inputs, and one output.""",
        """
        order: {channels: joint}
        blocks:
          look:
            inputs: [h]
            nodes:
              seen: {layer: conv, from: h, kernel: 3, out: 24, mask: so_far}
            outputs: seen
        graph:
          scores: {layer: conv, from: first, out: 8}
          moe: {experts: look, from: first, router: scores, count: 8, take: 2}
        """,
        """
        order: {channels: joint}
        blocks:
          mlp:
            inputs: [h]
            nodes:
              up: {layer: conv, from: h, out: 48}
              silu: {layer: silu}
              down: {layer: conv, out: 24}
            outputs: down
        graph:
          seen: {layer: conv, from: first, kernel: 3, out: 24, mask: so_far}
          scores: {layer: conv, from: seen, out: 8}
          moe: {experts: mlp, from: seen, router: scores, count: 8, take: 2}
        """,
        "put what looks elsewhere before the experts or behind them.",
    ),
    code(
        "AR441",
        "scores for another number of experts",
        """A router gives one score for each expert at every site.""",
        """
        order: {channels: joint}
        blocks:
          mlp: {inputs: [h], nodes: {up: {layer: conv, from: h, out: 24}}, outputs: up}
        graph:
          scores: {layer: conv, from: first, out: 4}
          moe: {experts: mlp, from: first, router: scores, count: 8}
        """,
        """
        order: {channels: joint}
        blocks:
          mlp: {inputs: [h], nodes: {up: {layer: conv, from: h, out: 24}}, outputs: up}
        graph:
          scores: {layer: conv, from: first, out: 8}
          moe: {experts: mlp, from: first, router: scores, count: 8}
        """,
        "give the router as many channels as there are experts, best by one parameter.",
    ),
    code(
        "AR442",
        "experts of several channel groups",
        """Sites are shared out among experts by position: all channels of a position stand together. Colour channels
        that are generated one after another are groups of their own.""",
        """
        blocks:
          mlp: {inputs: [h], nodes: {up: {layer: conv, from: h, out: 24, mask: so_far}}, outputs: up}
        graph:
          scores: {layer: conv, from: first, out: 24, mask: so_far}      # 3 groups: r, g, b
          moe: {experts: mlp, from: first, router: scores, count: 8}
        """,
        """
        order: {channels: joint}
        blocks:
          mlp: {inputs: [h], nodes: {up: {layer: conv, from: h, out: 24, mask: so_far}}, outputs: up}
        graph:
          scores: {layer: conv, from: first, out: 8, mask: so_far}
          moe: {experts: mlp, from: first, router: scores, count: 8}
        """,
        "generate the channels together (`channels: joint`).",
    ),
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
