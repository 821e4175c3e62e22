"""AR5xx: the order of generation."""

from __future__ import annotations

from arspec.codes.page import code

CODES = (
    code(
        "AR501",
        "an unknown scan",
        """A scan is raster, columns, serpentine, zigzag, diagonal, spiral, hilbert, random, natural, reversed,
        an explicit list or a file.""",
        """
        order: {scan: rasta}
        """,
        """
        order: {scan: raster}
        """,
        "take the nearest scan from the help line.",
    ),
    code(
        "AR502",
        "not an order",
        """The ranks of n variables, sorted and without repeats, are 0, 1, 2 ... without a gap; a list of
        positions names each position once. Equal ranks are stated as groups.""",
        """
        order: {scan: explicit, positions: [0, 1, 1, 3]}
        """,
        """
        order: {scan: explicit, positions: [0, 1, 2, 3]}
        """,
        "name every position exactly once.",
    ),
    code(
        "AR503",
        "an explicit order of the wrong length",
        """An explicit order has an entry for each position of the data: height times width, the length, or the
        size.""",
        """
        data: {kind: vector, size: 4, levels: 2}
        order: {scan: explicit, positions: [0, 1, 2]}
        """,
        """
        data: {kind: vector, size: 4, levels: 2}
        order: {scan: explicit, positions: [0, 1, 2, 3]}
        """,
        "give as many entries as there are positions.",
    ),
    code(
        "AR504",
        "the file of an order cannot be read",
        """An order's file is a .npy of integers or a text of integers, relative to the spec's folder; nothing
        is ever unpickled.""",
        """
        order: {scan: file, path: order.pkl}
        """,
        """
        order: {scan: file, path: order.npy}
        """,
        "save the order by numpy.save, or as numbers in a text.",
    ),
    code(
        "AR505",
        "a grid that is too large",
        """Orders and relations are held for every variable; their number is limited, and the message names the
        limit.""",
        """
        data: {kind: image, height: 100000, width: 100000, channels: 3, levels: 256}
        """,
        """
        data: {kind: image, height: 256, width: 256, channels: 3, levels: 256}
        """,
        "use a smaller size.",
    ),
    code(
        "AR506",
        "a reflection or transpose without such an axis",
        """Images may be reflected along rows and columns and be transposed. A sequence and a vector have one
        axis: `reversed` reflects it.""",
        """
        data: {kind: sequence, length: 100, levels: 256}
        order: {scan: natural, transpose: true}
        """,
        """
        data: {kind: sequence, length: 100, levels: 256}
        order: {scan: reversed}
        """,
        "remove the key.",
    ),
    code(
        "AR507",
        "a scan that does not exist for this data",
        """raster, columns, serpentine, zigzag, diagonal, spiral and hilbert walk through a grid of two axes;
        natural and reversed along one.""",
        """
        data: {kind: vector, size: 100, levels: 2}
        order: {scan: hilbert}
        """,
        """
        data: {kind: vector, size: 100, levels: 2}
        order: {scan: random, seed: 1}
        """,
        "choose a scan that the message lists.",
    ),
    code(
        "AR508",
        "groups of equal rank that do not hold",
        """Variables of one group are generated together. Groups are of a size of at least 1, or a list that
        covers every position once.""",
        """
        order: {scan: natural, groups: 0}
        """,
        """
        order: {scan: natural, groups: 4}
        """,
        "give a size of at least 1, or complete the list.",
    ),
    code(
        "AR509",
        "an order of channels that does not hold",
        """Channels are generated one after another (sequential) or together (joint). Only images have
        channels; a list names each once.""",
        """
        order: {scan: raster, channels: [2, 0]}        # of three channels
        """,
        """
        order: {scan: raster, channels: [2, 0, 1]}
        """,
        "write sequential, joint, or a complete list.",
    ),
    code(
        "AR510",
        "a family of orders that does not hold",
        """A spec may declare a finite family of orders; each member is proven. The family has at least one
        member, and the message names the largest number.""",
        """
        order: {scan: random, seeds: 1000000}
        """,
        """
        order: {scan: random, seeds: 8}
        """,
        "declare fewer members.",
    ),
)
