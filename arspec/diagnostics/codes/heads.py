"""AR6xx: the head."""

from __future__ import annotations

from arspec.diagnostics.codes.page import code

CODES = (
    code(
        "AR601",
        "the wrong number of outputs",
        """The head reads a fixed number of parameters for each variable: levels for a categorical, one for a
        Bernoulli. `$head` is that number times the variables of a pixel.""",
        """
        logits: {layer: conv, from: first, out: 99, mask: so_far}
        """,
        """
        logits: {layer: conv, from: first, out: $head, mask: so_far}
        """,
        "write out: $head.",
    ),
    code(
        "AR602",
        "a head on another grid than the data's",
        """Each variable has its site in the head's input, so that its grid is the data's.""",
        """
        logits: {layer: conv, from: first, kernel: 3, stride: 2, out: $head, mask: so_far}
        """,
        """
        down: {layer: conv, from: first, kernel: 3, stride: 2, out: 24, mask: so_far}
        logits: {layer: conv, kernel: 3, stride: 2, transposed: true, out: $head, mask: so_far}
        """,
        "come back to the data's grid before the head: upsample by the stride, and let the stride divide the grid.",
    ),
    code(
        "AR603",
        "a head that cannot model these levels",
        """A Bernoulli has two levels. A head's distribution lives on the data's own levels and gives probability to
        no others.""",
        """
        data: {kind: image, height: 28, width: 28, levels: 256}
        head: {kind: bernoulli, from: logits}
        """,
        """
        data: {kind: image, height: 28, width: 28, levels: 256}
        head: {kind: categorical, from: logits}
        """,
        "choose a head for the data's levels, or other levels.",
    ),
    code(
        "AR605",
        "a head whose input lacks the groups of the channels",
        """With sequential channels each channel's parameters come from that channel's group, which knows the
        channels before it. An input with one group knows the same for all.""",
        """
        logits: {layer: conv, from: first, out: $head, groups: 1}
        """,
        """
        logits: {layer: conv, from: first, out: $head, mask: so_far}
        """,
        "keep the groups up to the head.",
    ),
    code(
        "AR606",
        "a head that does not speak of every part of the data",
        """Data with auxiliary images have several parts: each of these images, and x, the image itself. Each part has a
        distribution of its own, under its name.""",
        """
        data: {kind: image, height: 4, width: 4, channels: 3, levels: 4,
               auxiliary: {luma: {view: grey, levels: 2}}}
        head: {kind: categorical, from: logits}
        """,
        """
        data: {kind: image, height: 4, width: 4, channels: 3, levels: 4,
               auxiliary: {luma: {view: grey, levels: 2}}}
        head: {luma: {kind: bernoulli, from: luma_logits}, x: {kind: categorical, from: logits}}
        graph:
          first: {layer: conv, from: luma, kernel: 3, out: 8, mask: earlier}
          luma_logits: {layer: conv, kernel: 1, out: 1, mask: so_far}
          seen: {layer: conv, from: luma, kernel: 3, out: 9, groups: 3}
          own: {layer: conv, from: x, kernel: 3, out: 9, mask: earlier}
          both: {layer: add, from: [own, seen]}
          logits: {layer: conv, out: $head, mask: so_far}
        """,
        "give every part its head: {luma: {...}, x: {...}}.",
    ),
)
