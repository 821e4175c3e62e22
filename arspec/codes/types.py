"""AR4xx: the types of nodes: grids, channels, groups."""

from __future__ import annotations

from arspec.codes.page import code

CODES = (
    code(
        "AR401",
        "grids that differ",
        """Inputs that are combined site by site lie on the same grid: the same height and width, or length.""",
        """
        down: {layer: conv, from: x_in, kernel: 3, stride: 2}
        sum: {layer: add, from: [x_in, down]}
        """,
        """
        down: {layer: conv, from: x_in, kernel: 3, stride: 2}
        up: {layer: conv, kernel: 3, stride: 2, transposed: true}
        sum: {layer: add, from: [x_in, up]}
        """,
        "bring both to one grid by a stride, a transposed convolution, crop or pad.",
    ),
    code(
        "AR402",
        "channels that differ",
        """Inputs that are added or multiplied have the same number of channels.""",
        """
        a: {layer: conv, from: x_in, kernel: 1, out: 32}
        b: {layer: conv, from: x_in, kernel: 1, out: 64}
        sum: {layer: add, from: [a, b]}
        """,
        """
        a: {layer: conv, from: x_in, kernel: 1, out: 64}
        b: {layer: conv, from: x_in, kernel: 1, out: 64}
        sum: {layer: add, from: [a, b]}
        """,
        "give both the same `out`, or use concat.",
    ),
    code(
        "AR403",
        "channels that cannot be divided",
        """Channels are shared out equally among groups, among the halves of a gate, or among the heads of an
        attention.""",
        """
        first: {layer: conv, kernel: 7, out: 128}       # 3 groups: r, g, b
        """,
        """
        first: {layer: conv, kernel: 7, out: 126}
        """,
        "choose a multiple of the number that the message names.",
    ),
    code(
        "AR404",
        "integers where floats are needed",
        """The data are integers: levels of an image, symbols of a text. Before arithmetic they are scaled,
        made one-hot or embedded, and a spec says which.""",
        """
        first: {layer: conv, from: x, kernel: 7, out: 64}
        """,
        """
        scaled: {layer: scale, from: x}
        first: {layer: conv, kernel: 7, out: 64}
        """,
        "put scale, one_hot or embedding between.",
    ),
    code(
        "AR405",
        "floats where integers are needed",
        """One-hot and embedding look up integers of a known range.""",
        """
        first: {layer: conv, from: scaled, kernel: 7, out: 64}
        codes: {layer: one_hot}
        """,
        """
        codes: {layer: one_hot, from: x}
        first: {layer: conv, kernel: 7, out: 64}
        """,
        "read the data themselves.",
    ),
    code(
        "AR406",
        "groups that differ",
        """With sequential channels a layer's channels are in groups, one for each channel of the data. Inputs
        that are combined have the same groups, or one.""",
        """
        sum: {layer: add, from: [three_groups, two_groups]}
        """,
        """
        sum: {layer: add, from: [three_groups, other_three_groups]}
        """,
        "give both inputs the same groups.",
    ),
    code(
        "AR407",
        "a kernel of the wrong dimension",
        """Kernels, strides, dilations and shifts have two numbers, or one for both, on images, and one on
        sequences.""",
        """
        data: {kind: sequence, length: 100, levels: 256}
        graph:
          first: {layer: conv, kernel: [3, 3]}
        """,
        """
        data: {kind: sequence, length: 100, levels: 256}
        graph:
          first: {layer: conv, kernel: 3}
        """,
        "give as many numbers as the grid has axes.",
    ),
    code(
        "AR408",
        "nothing is left",
        """The kernel is larger than the padded input, or a crop or shift removes every site.""",
        """
        first: {layer: conv, kernel: 9, padding: 0}        # on a 7x7 grid
        """,
        """
        first: {layer: conv, kernel: 9}
        """,
        "use a smaller kernel or more padding.",
    ),
    code(
        "AR409",
        "an output of another size than stated",
        """A transposed convolution, a crop or a padding must arrive at the size that the node states.""",
        """
        up: {layer: conv, kernel: 3, stride: 2, transposed: true, size: [15, 14]}     # 14x14 arrives
        """,
        """
        up: {layer: conv, kernel: 3, stride: 2, transposed: true, size: [14, 14]}
        """,
        "state the size that the message computes, or change stride and padding.",
    ),
    code(
        "AR410",
        "a condition that does not fit the layer",
        """A class or vector speaks for the whole example, a map has a grid of its own, a series has steps; a
        layer says which kinds it takes.""",
        """
        condition: {label: {kind: class, classes: 10}}
        graph:
          where: {layer: condition_map, condition: label}
        """,
        """
        condition: {mask: {kind: map, channels: 1, height: 28, width: 28}}
        graph:
          where: {layer: condition_map, condition: mask}
        """,
        "use a condition of a kind that the message lists.",
    ),
    code(
        "AR411",
        "hops that do not make up the length",
        """A series that is raised to the data's rate has the product of its factors times its length in steps;
        it must cover the data exactly.""",
        """
        condition: {mel: {kind: series, channels: 80, length: 50}}      # data of 16,000 steps
        graph:
          up: {layer: condition_map, condition: mel, factors: [16, 16]}
        """,
        """
        condition: {mel: {kind: series, channels: 80, length: 50}}
        graph:
          up: {layer: condition_map, condition: mel, factors: [16, 20]}
        """,
        "choose factors whose product is the data's length over the series' length.",
    ),
    code(
        "AR412",
        "a layer that does not exist for this data",
        """Convolutions, shifts and crops need a grid; a vector has none. Some layers need two axes.""",
        """
        data: {kind: vector, size: 784, levels: 2}
        graph:
          first: {layer: conv, kernel: 3}
        """,
        """
        data: {kind: vector, size: 784, levels: 2}
        graph:
          first: {layer: dense, out: 500, mask: earlier}
        """,
        "use another layer, or state the data as an image.",
    ),
    code(
        "AR413",
        "a tensor is too large",
        """The sites and channels of one node are limited, so that a misplaced zero is an error and not a
        machine without memory; the message names the limit.""",
        """
        first: {layer: conv, kernel: 3, out: 100000000}
        """,
        """
        first: {layer: conv, kernel: 3, out: 128}
        """,
        "use fewer channels, a smaller grid, or a stride.",
    ),
    code(
        "AR414",
        "a stride that does not divide the grid",
        """The sites of a coarse grid lie at multiples of the stride. Where the stride does not divide the
        grid, the way up arrives at another size.""",
        """
        down: {layer: conv, kernel: 3, stride: 2}      # on a 7x7 grid
        """,
        """
        down: {layer: conv, kernel: 3, stride: 7}
        """,
        "pad the grid first, or choose a divisor.",
    ),
    code(
        "AR415",
        "levels that differ",
        """An integer input has a number of levels; what looks it up or joins it has the same.""",
        """
        codes: {layer: embedding, from: x, levels: 16, out: 64}      # data of 256 levels
        """,
        """
        codes: {layer: embedding, from: x, out: 64}
        """,
        "leave the levels out, so that the input's are taken.",
    ),
)
