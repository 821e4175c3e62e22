"""AR3xx: expressions of parameters, and masks."""

from __future__ import annotations

from arspec.diagnostics.codes.page import code

CODES = (
    code(
        "AR301",
        "an expression cannot be read",
        """An expression is arithmetic over numbers and $parameters: + - * / // % **, comparisons, and, or, not, a
        if b else c, min, max, abs, round, ceil, floor, log2, sqrt.""",
        """
        first: {layer: conv, kernel: 3, out: 2 $width, mask: earlier}
        """,
        """
        first: {layer: conv, kernel: 3, out: 2 * $width, mask: earlier}
        """,
        "write what is missing at the caret.",
    ),
    code(
        "AR302",
        "something that an expression does not have",
        """Expressions are computed over a whitelist, never run as a program: there are no attributes, no indexing,
        and no functions but min, max, abs, round, ceil, floor, log2, sqrt.""",
        """
        first: {layer: conv, kernel: 3, out: len($kernel), mask: earlier}
        """,
        """
        first: {layer: conv, kernel: 3, out: "max($width, 12)", mask: earlier}
        """,
        "use the operators and functions listed by AR301.",
    ),
    code(
        "AR303",
        "an unknown parameter",
        """A parameter is written $name and declared under `params`, of the spec or of the block that uses it.""",
        """
        params: {width: 24}
        graph:
          first: {layer: conv, kernel: 3, out: 2 * $widht, mask: earlier}
        """,
        """
        params: {width: 24}
        graph:
          first: {layer: conv, kernel: 3, out: 2 * $width, mask: earlier}
        """,
        "take the nearest parameter from the help line, or declare it.",
    ),
    code(
        "AR304",
        "an undefined result",
        """Division by zero, a root or a logarithm of a negative number, and a broken power of one have no value.""",
        """
        params: {width: 24, layers: 5, share: $width // ($layers - 5)}
        """,
        """
        params: {width: 24, layers: 5, share: $width // $layers}
        """,
        """keep the divisor away from zero, or write a if b else c, which computes only the side that is taken.""",
    ),
    code(
        "AR305",
        "a value of the wrong type in an expression",
        """Arithmetic takes numbers, and `and`, `or`, `not` and `if` take truth values; texts and lists may only be
        compared or passed on.""",
        """
        first: {layer: conv, kernel: 3, out: $width if $layers else 12, mask: earlier}
        """,
        """
        first: {layer: conv, kernel: 3, out: $width if $layers > 0 else 12, mask: earlier}
        """,
        "compare, or use another parameter.",
    ),
    code(
        "AR306",
        "a result is too large",
        """Integers lie within 2**53, where floats are still exact; powers are refused before they are computed. In
        masks the numbers are limited so that nothing can overflow.""",
        """
        params: {layers: 5, reach: 9 ** 9 ** $layers}
        """,
        """
        params: {layers: 5, reach: 2 ** $layers}
        """,
        "use smaller numbers.",
    ),
    code(
        "AR307",
        "an expression is too long or too deep",
        """An expression has at most 500 characters and is nested at most 32 brackets deep.""",
        """
        params: {width: 24, half: ((((((((((((((((((((((((((((((((($width)))))))))))))))))))))))))))))))))}
        """,
        """
        params: {width: 24, half: $width // 2}
        """,
        "give its parts names under `params`.",
    ),
    code(
        "AR308",
        "a function is given the wrong number of values",
        """min and max take two numbers or more, the other functions one.""",
        """
        first: {layer: conv, kernel: 3, out: max($width), mask: earlier}
        """,
        """
        first: {layer: conv, kernel: 3, out: "max($width, 12)", mask: earlier}
        """,
        "add or remove a value.",
    ),
    code(
        "AR310",
        "a mask cannot be read",
        """A mask joins names of masks and comparisons of coordinates by and, or, not: `earlier and that.row >=
        this.row - 2`.""",
        """
        masks: {near: earlier && that.row >= this.row - 2}
        """,
        """
        masks: {near: earlier and that.row >= this.row - 2}
        """,
        "write what the caret asks for.",
    ),
    code(
        "AR311",
        "an unknown mask",
        """A mask is one of the ready-made ones or stands in the section `masks`.""",
        """
        first: {layer: conv, kernel: 7, out: 24, mask: earler}
        """,
        """
        first: {layer: conv, kernel: 7, out: 24, mask: earlier}
        """,
        "take the nearest mask from the help line, or declare it.",
    ),
    code(
        "AR312",
        "an unknown coordinate",
        """A mask compares numbers of two sites: this (computed) and that (read). In images each has a row and a
        column, in sequences and vectors a step, and everywhere a position, a rank and a group. The position is the
        place in the grid as it lies, counted row by row; only the rank follows the order.""",
        """
        masks: {above: that.y < this.y}
        """,
        """
        masks: {above: that.row < this.row}
        """,
        "take the nearest coordinate from the help line.",
    ),
    code(
        "AR313",
        "masks that name one another in a circle",
        """A mask may name others; none can be worked out before itself.""",
        """
        masks: {a: b or left, b: a and earlier}
        """,
        """
        masks: {a: left, b: a and earlier}
        """,
        "write one of them without the other.",
    ),
    code(
        "AR314",
        "a mask is too long or too deep",
        """A mask has at most 500 characters and is nested at most 32 brackets deep; with the masks that it names it
        stands for at most 1,000 names.""",
        """
        masks: {near: (((((((((((((((((((((((((((((((((left)))))))))))))))))))))))))))))))))}
        """,
        """
        masks: {near: left}
        """,
        "give its parts names under `masks`.",
    ),
    code(
        "AR315",
        "a kernel mask of the wrong shape",
        """A mask that is given as a kernel of 0 and 1 has the rows and columns of the kernel that it masks; as a
        mapping it has the keys `kernel` and `groups`.""",
        """
        first: {layer: conv, kernel: 3, out: 24, mask: [[1, 1], [1, 0]]}
        """,
        """
        first: {layer: conv, kernel: 3, out: 24, mask: [[1, 1, 1], [1, 0, 0], [0, 0, 0]]}
        """,
        "give the mask as many rows and columns as the kernel.",
    ),
    code(
        "AR316",
        "a kernel mask that is not of 0 and 1",
        """An entry of a kernel mask says whether the weight is kept, 1, or dropped, 0. All rows have the same
        length.""",
        """
        first: {layer: conv, kernel: [1, 3], out: 24, mask: [[1, 0.5, 0]]}
        """,
        """
        first: {layer: conv, kernel: [1, 3], out: 24, mask: [[1, 0, 0]]}
        """,
        "write 0 or 1; a weight between is what training finds.",
    ),
    code(
        "AR317",
        "a mask where it has no meaning",
        """Rows and columns exist in images, steps in sequences and vectors; a kernel of 0 and 1 belongs to a layer
        that has a kernel.""",
        """
        data: {kind: sequence, length: 100, levels: 4}
        graph:
          first: {layer: conv, kernel: 3, out: 24, mask: rows_above}
        """,
        """
        data: {kind: sequence, length: 100, levels: 4}
        graph:
          first: {layer: conv, kernel: 3, out: 24, mask: earlier}
        """,
        "use a mask of the data's own coordinates; `earlier` and `so_far` hold everywhere.",
    ),
    code(
        "AR318",
        "a mask that keeps nothing",
        """No site is left to read: the layer's output is its bias everywhere, and all that is upstream is lost. It
        is told and refused nowhere.""",
        """
        order: {channels: joint}
        graph:
          second: {layer: conv, from: first, out: 24, mask: earlier}
          logits: {layer: conv, from: second, out: $head}
        """,
        """
        order: {channels: joint}
        graph:
          second: {layer: conv, from: first, out: 24, mask: so_far}
          logits: {layer: conv, from: second, out: $head}
        """,
        "use the inclusive mask after the first layer, or a larger kernel.",
        level="note",
    ),
    code(
        "AR319",
        "truth and numbers mixed up in a mask",
        """`and`, `or`, `not` join masks and comparisons; < <= > >= == != compare integers and coordinates.
        Neither takes the place of the other.""",
        """
        masks: {near: earlier and that.row}
        """,
        """
        masks: {near: earlier and that.row > 0}
        """,
        "compare the number with something.",
    ),
)
