"""AR20x to AR22x: blocks and repetitions."""

from __future__ import annotations

from arspec.diagnostics.codes.page import code

CODES = (
    code(
        "AR208",
        "a bad repeat",
        """`repeat` is a whole number from 0 on; the message names the largest.""",
        """
        blocks:
          layer:
            inputs: [h]
            nodes: {conv: {layer: conv, kernel: 3, out: 24, mask: so_far}}
            outputs: {h: conv}
        graph:
          body: {block: layer, from: first, repeat: $layers / 2}     # layers: 5
        """,
        """
        blocks:
          layer:
            inputs: [h]
            nodes: {conv: {layer: conv, kernel: 3, out: 24, mask: so_far}}
            outputs: {h: conv}
        graph:
          body: {block: layer, from: first, repeat: $layers // 2}
        """,
        "give a whole number in the range.",
    ),
    code(
        "AR209",
        "an index out of range",
        """`body.3.skip` is an output of the fourth repetition: repetitions count from 0, and from the end with a
        minus.""",
        """
        blocks:
          layer:
            inputs: [h]
            nodes: {conv: {layer: conv, kernel: 3, out: 24, mask: so_far}}
            outputs: {h: conv}
        graph:
          body: {block: layer, from: first, repeat: 3}
          out: {layer: relu, from: body.3.h}
        """,
        """
        blocks:
          layer:
            inputs: [h]
            nodes: {conv: {layer: conv, kernel: 3, out: 24, mask: so_far}}
            outputs: {h: conv}
        graph:
          body: {block: layer, from: first, repeat: 3}
          out: {layer: relu, from: body.2.h}
        """,
        "give an index below the number of repetitions.",
    ),
    code(
        "AR210",
        "a block contains itself",
        """Blocks are written out before anything is computed, and one that contains itself would never end. The
        number of blocks within blocks is limited, and the message names the limit.""",
        """
        blocks:
          layer: {inputs: [h], nodes: {inner: {block: layer}}, outputs: {h: inner}}
        graph:
          body: {block: layer, from: first}
        """,
        """
        blocks:
          layer:
            inputs: [h]
            nodes: {conv: {layer: conv, kernel: 3, out: 24, mask: so_far}}
            outputs: {h: conv}
        graph:
          body: {block: layer, from: first, repeat: 3}
        """,
        "use `repeat` for depth.",
    ),
    code(
        "AR215",
        "an unknown block",
        """`block` names a block of the section `blocks`.""",
        """
        blocks:
          layer:
            inputs: [h]
            nodes: {conv: {layer: conv, kernel: 3, out: 24, mask: so_far}}
            outputs: {h: conv}
        graph:
          body: {block: layre, from: first, repeat: 3}
        """,
        """
        blocks:
          layer:
            inputs: [h]
            nodes: {conv: {layer: conv, kernel: 3, out: 24, mask: so_far}}
            outputs: {h: conv}
        graph:
          body: {block: layer, from: first, repeat: 3}
        """,
        "take the nearest block from the help line.",
    ),
    code(
        "AR216",
        "a repeat whose outputs do not become inputs",
        """Each repetition reads the outputs of the one before: an input takes the output of the same name, the only
        input an output without a name (`outputs: conv`), and the first repetition takes what `from` gives. Where
        no output is an input, all repetitions read the same and stand side by side, which is told and refused
        nowhere.""",
        """
        blocks:
          layer:
            inputs: [h]
            nodes: {conv: {layer: conv, kernel: 3, out: 24, mask: so_far}}
            outputs: {out: conv}
        graph:
          body: {block: layer, from: first, repeat: 3}
          out: {layer: add, from: body.*.out}
        """,
        """
        blocks:
          layer:
            inputs: [h]
            nodes: {conv: {layer: conv, kernel: 3, out: 24, mask: so_far}}
            outputs: {h: conv}
        graph:
          body: {block: layer, from: first, repeat: 3}
          out: {layer: add, from: body.*.h}
        """,
        "name the output like the input that it continues.",
        level="note",
    ),
    code(
        "AR218",
        "repetitions where there are none",
        """`body.h` is an output of the last repetition; with `repeat: 0` there is no last one.""",
        """
        blocks:
          layer:
            inputs: [h]
            nodes: {conv: {layer: conv, kernel: 3, out: 24, mask: so_far}}
            outputs: {h: conv}
        graph:
          body: {block: layer, from: first, repeat: 0}
          out: {layer: relu, from: body.h}
        """,
        """
        blocks:
          layer:
            inputs: [h]
            nodes: {conv: {layer: conv, kernel: 3, out: 24, mask: so_far}}
            outputs: {h: conv}
        graph:
          body: {block: layer, from: first, repeat: 1}
          out: {layer: relu, from: body.h}
        """,
        "repeat at least once, or leave the reader out by `when`.",
    ),
    code(
        "AR226",
        "blocks that cannot be used",
        """`use` names libraries of blocks: those that ship with arspec by their names, as blocks/transformer, or files
        by their paths. A library has the sections `blocks` and `masks`, whose names no other and no spec has.""",
        """
        use: blocks/transformr
        """,
        """
        use: blocks/transformer
        """,
        "name a library, or the path of a file with `blocks`.",
    ),
)
