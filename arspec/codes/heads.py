"""AR6xx: the head."""

from __future__ import annotations

from arspec.codes.page import code

CODES = (
    code(
        "AR601",
        "the wrong number of outputs",
        """The head reads a fixed number of parameters for each variable: levels for a categorical, one for a
        Bernoulli. `$head` is that number times the variables of a pixel.""",
        """
        logits: {layer: conv, kernel: 1, out: 100}
        head: {kind: categorical, from: logits}
        """,
        """
        logits: {layer: conv, kernel: 1, out: $head}
        head: {kind: categorical, from: logits}
        """,
        "write out: $head.",
    ),
    code(
        "AR602",
        "a head on another grid than the data's",
        """Each variable has its site in the head's input, so that its grid is the data's.""",
        """
        down: {layer: conv, kernel: 3, stride: 2, out: $head}
        head: {kind: categorical, from: down}
        """,
        """
        up: {layer: conv, kernel: 3, stride: 2, transposed: true, out: $head}
        head: {kind: categorical, from: up}
        """,
        "come back to the data's grid before the head.",
    ),
    code(
        "AR603",
        "a head that cannot model these levels",
        """A Bernoulli has two levels. A head's distribution lives on the data's own levels and gives
        probability to no others.""",
        """
        data: {kind: image, height: 28, width: 28, channels: 1, levels: 256}
        head: {kind: bernoulli, from: logits}
        """,
        """
        data: {kind: image, height: 28, width: 28, channels: 1, levels: 256}
        head: {kind: categorical, from: logits}
        """,
        "choose a head for the data's levels, or other levels.",
    ),
    code(
        "AR604",
        "a head and an order that disagree about channels",
        """With joint channels the channels of a pixel are generated together: the head must model them
        jointly, or the spec says that it treats them as independent.""",
        """
        order: {scan: raster, channels: joint}
        head: {kind: categorical, from: logits}
        """,
        """
        order: {scan: raster, channels: joint}
        head: {kind: categorical, from: logits, channels: independent}
        """,
        "state the independence, or use sequential channels.",
    ),
    code(
        "AR605",
        "a head whose input lacks the groups of the channels",
        """With sequential channels each channel's parameters come from that channel's group, which knows the
        channels before it. An input with one group knows the same for all.""",
        """
        order: {scan: raster, channels: sequential}
        graph:
          logits: {layer: conv, kernel: 1, out: $head, groups: 1}
        """,
        """
        order: {scan: raster, channels: sequential}
        graph:
          logits: {layer: conv, kernel: 1, out: $head, mask: so_far}
        """,
        "keep the groups up to the head.",
    ),
)
