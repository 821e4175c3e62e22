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
        "come back to the data's grid before the head.",
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
)
