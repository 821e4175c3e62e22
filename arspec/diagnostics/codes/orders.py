"""AR5xx: the order of generation."""

from __future__ import annotations

from arspec.diagnostics.codes.page import code

CODES = (
    code(
        "AR501",
        "an unknown scan",
        """A scan of images is raster, columns, serpentine, zigzag, diagonal, spiral, hilbert, random and others; of
        sequences and vectors natural, reversed or random. `explicit` goes with `ranks`.""",
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
        "ranks that are no order",
        """Ranks are whole numbers from 0 on, one for each position: the entry at a position says when it is
        generated. Equal ranks are generated together, and gaps are closed.""",
        """
        data: {kind: vector, size: 4}
        order: {ranks: [0, 1, -1, 3]}
        """,
        """
        data: {kind: vector, size: 4}
        order: {ranks: [0, 1, 1, 3]}
        """,
        "write whole numbers from 0 on.",
    ),
    code(
        "AR503",
        "an explicit order of the wrong length",
        """An explicit order has an entry for each position of the data: height times width, the length, or the
        size.""",
        """
        data: {kind: vector, size: 4}
        order: {ranks: [0, 1, 2]}
        """,
        """
        data: {kind: vector, size: 4}
        order: {ranks: [0, 1, 2, 3]}
        """,
        "give as many entries as there are positions.",
    ),
    code(
        "AR504",
        "the file of an order cannot be read",
        """A file of ranks is a .npy of integers, or a .csv or .txt of integers, relative to the spec's folder;
        nothing is ever unpickled.""",
        """
        order: {ranks: order.pkl}
        """,
        """
        order: {ranks: order.csv}
        """,
        "save the order by numpy.save, or as numbers in a text.",
    ),
    code(
        "AR505",
        "a grid that is too large",
        """Orders and relations are held for every variable; their number is limited, and the message names the
        limit.""",
        """
        data: {kind: image, height: 4096, width: 4096, channels: 3, levels: 4}
        """,
        """
        data: {kind: image, height: 256, width: 256, channels: 3, levels: 4}
        """,
        "use a smaller size.",
    ),
    code(
        "AR506",
        "a reflection or transpose without such an axis",
        """Images may be reflected along rows and columns, each once, and be transposed. A sequence and a vector
        have one axis: `reversed` reflects it.""",
        """
        data: {kind: sequence, length: 100, levels: 4}
        order: {scan: natural, transpose: true}
        """,
        """
        data: {kind: sequence, length: 100, levels: 4}
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
        data: {kind: vector, size: 100}
        order: {scan: hilbert}
        """,
        """
        data: {kind: vector, size: 100}
        order: {scan: random, seed: 1}
        """,
        "choose a scan that the message lists.",
    ),
    code(
        "AR510",
        "a family of orders that does not hold",
        """A spec may declare a finite family of orders; each member is proven. All have sequential channels or all
        have joint ones, and their number times that of the variables is limited.""",
        """
        order: [{scan: raster, channels: joint}, {scan: columns}]
        """,
        """
        order: [{scan: raster}, {scan: columns}]
        """,
        "give all of them the same channels, or declare fewer members.",
    ),
)
