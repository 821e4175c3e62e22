"""AR2xx: names and the graph."""

from __future__ import annotations

from arspec.diagnostics.codes.page import code

CODES = (
    code(
        "AR201",
        "an unknown node",
        """`from` names nodes of the same graph or block, its inputs, or x, the data.""",
        """
        second: {layer: relu, from: frist}
        """,
        """
        second: {layer: relu, from: first}
        """,
        "take the nearest name from the help line.",
    ),
    code(
        "AR202",
        "an unknown output",
        """A block has the outputs that it states under `outputs`; `node.output` names one of them.""",
        """
        blocks:
          layer:
            inputs: {v: vertical stack, h: horizontal stack}
            nodes:
              v_conv: {layer: conv, from: v, kernel: 3, out: 24, mask: rows_so_far}
              h_conv: {layer: conv, from: h, kernel: [1, 3], out: 24, mask: so_far}
            outputs: {v: v_conv, h: h_conv}
        graph:
          body: {block: layer, from: {v: first, h: first}}
          out: {layer: relu, from: body.horizontal}
        """,
        """
        blocks:
          layer:
            inputs: {v: vertical stack, h: horizontal stack}
            nodes:
              v_conv: {layer: conv, from: v, kernel: 3, out: 24, mask: rows_so_far}
              h_conv: {layer: conv, from: h, kernel: [1, 3], out: 24, mask: so_far}
            outputs: {v: v_conv, h: h_conv}
        graph:
          body: {block: layer, from: {v: first, h: first}}
          out: {layer: relu, from: body.h}
        """,
        "take the nearest output from the help line, or state it in the block.",
    ),
    code(
        "AR203",
        "an unknown input",
        """A block or layer has the inputs that it states; a mapping under `from` names them.""",
        """
        blocks:
          layer:
            inputs: {v: vertical stack, h: horizontal stack}
            nodes:
              v_conv: {layer: conv, from: v, kernel: 3, out: 24, mask: rows_so_far}
              h_conv: {layer: conv, from: h, kernel: [1, 3], out: 24, mask: so_far}
            outputs: {v: v_conv, h: h_conv}
        graph:
          body: {block: layer, from: {v: first, horizontal: first}}
        """,
        """
        blocks:
          layer:
            inputs: {v: vertical stack, h: horizontal stack}
            nodes:
              v_conv: {layer: conv, from: v, kernel: 3, out: 24, mask: rows_so_far}
              h_conv: {layer: conv, from: h, kernel: [1, 3], out: 24, mask: so_far}
            outputs: {v: v_conv, h: h_conv}
        graph:
          body: {block: layer, from: {v: first, h: first}}
        """,
        "take the nearest input from the help line.",
    ),
    code(
        "AR204",
        "an input is not connected",
        """Each input of a block or layer must be given; without a value it could compute nothing.""",
        """
        blocks:
          layer:
            inputs: {v: vertical stack, h: horizontal stack}
            nodes:
              v_conv: {layer: conv, from: v, kernel: 3, out: 24, mask: rows_so_far}
              h_conv: {layer: conv, from: h, kernel: [1, 3], out: 24, mask: so_far}
            outputs: {v: v_conv, h: h_conv}
        graph:
          body: {block: layer, from: {v: first}}
        """,
        """
        blocks:
          layer:
            inputs: {v: vertical stack, h: horizontal stack}
            nodes:
              v_conv: {layer: conv, from: v, kernel: 3, out: 24, mask: rows_so_far}
              h_conv: {layer: conv, from: h, kernel: [1, 3], out: 24, mask: so_far}
            outputs: {v: v_conv, h: h_conv}
        graph:
          body: {block: layer, from: {v: first, h: first}}
        """,
        "connect the input under `from`.",
    ),
    code(
        "AR205",
        "something that depends on itself",
        """A node reads nodes that stand above it, so that there is always a first one to compute; it can read
        neither itself nor one below. Recurrence is a layer (lstm, gru, rnn), whose earlier states must all lie
        to one side.""",
        """
        a: {layer: add, from: [first, b]}
        b: {layer: relu, from: a}
        """,
        """
        a: {layer: relu, from: first}
        b: {layer: add, from: [first, a]}
        """,
        "change their places, or cut one of the edges.",
    ),
    code(
        "AR206",
        "a node that nothing reads",
        """The node's output reaches neither the head nor an output of its block. It would be built, trained without
        effect, and drawn. It is told and refused nowhere.""",
        """
        skip: {layer: conv, from: first, out: 24, mask: so_far}
        logits: {layer: conv, from: first, out: $head, mask: so_far}
        """,
        """
        skip: {layer: conv, from: first, out: 24, mask: so_far}
        logits: {layer: conv, from: skip, out: $head, mask: so_far}
        """,
        "read it, or remove it.",
        level="note",
    ),
    code(
        "AR207",
        "a name that is taken",
        """Within a graph or block each name means one thing: nodes, inputs, conditions and x share one set of
        names, and parameters, masks another each, with those that arspec gives.""",
        """
        condition: {label: {kind: class, classes: 10}}
        graph:
          label: {layer: relu, from: first}
        """,
        """
        condition: {label: {kind: class, classes: 10}}
        graph:
          labelled: {layer: relu, from: first}
        """,
        "rename one of the two.",
    ),
    code(
        "AR211",
        "too many nodes in the graph",
        """After blocks and repeats are written out the graph is limited in its nodes, its edges and the length of
        its lists; the message names the limit. Nested repeats multiply.""",
        """
        blocks:
          layer:
            inputs: [h]
            nodes: {conv: {layer: conv, kernel: 3, out: 24, mask: so_far}}
            outputs: {h: conv}
          stage: {inputs: [h], nodes: {body: {block: layer, from: h, repeat: 1000}}, outputs: {h: body.h}}
        graph:
          body: {block: stage, from: first, repeat: 1000}
        """,
        """
        blocks:
          layer:
            inputs: [h]
            nodes: {conv: {layer: conv, kernel: 3, out: 24, mask: so_far}}
            outputs: {h: conv}
          stage: {inputs: [h], nodes: {body: {block: layer, from: h, repeat: 10}}, outputs: {h: body.h}}
        graph:
          body: {block: stage, from: first, repeat: 3}
        """,
        "repeat less.",
    ),
    code(
        "AR217",
        "the wrong number of inputs",
        """A layer takes one input, or two, or any number. What `when` leaves out counts for none.""",
        """
        second: {layer: relu, from: [first, scaled]}
        """,
        """
        both: {layer: concat, from: [first, scaled]}
        second: {layer: relu}
        """,
        "join the inputs by add or concat, or name one; where `when` leaves a node out, name one that stands in for "
        "it.",
    ),
    code(
        "AR220",
        "weights tied to a node that has others",
        """Nodes that share weights have weights of the same names and shapes.""",
        """
        a: {layer: conv, kernel: 3, out: 24, mask: so_far}
        b: {layer: conv, kernel: 5, out: 24, mask: so_far, weights: a}
        """,
        """
        a: {layer: conv, kernel: 3, out: 24, mask: so_far}
        b: {layer: conv, kernel: 3, out: 24, mask: so_far, weights: a}
        """,
        "give both nodes the same layer, kernel and channels.",
    ),
    code(
        "AR452",
        "weights that can't be shared",
        """The key `weights` of an instance of a block names another instance of the same block, which stands before it.
        `weights: shared` beside `repeat` gives all repetitions the weights of the first. Both have the same nodes.""",
        """
        blocks:
          layer:
            inputs: {h: features}
            nodes: {conv: {layer: conv, from: h, kernel: 3, out: 24, mask: so_far}}
            outputs: {h: conv}
        graph:
          body: {block: layer, from: first, weights: shared}
          logits: {layer: conv, out: $head, mask: so_far}
        """,
        """
        blocks:
          layer:
            inputs: {h: features}
            nodes: {conv: {layer: conv, from: h, kernel: 3, out: 24, mask: so_far}}
            outputs: {h: conv}
        graph:
          body: {block: layer, from: first, repeat: 4, weights: shared}
          logits: {layer: conv, out: $head, mask: so_far}
        """,
        "repeat the block, or name another instance of it.",
    ),
    code(
        "AR221",
        "a node without `from` that follows nothing",
        """A node without `from` reads the one before it, or the only input of its block; that must be a node, or a
        block with one output.""",
        """
        blocks:
          layer:
            inputs: {v: vertical stack, h: horizontal stack}
            nodes:
              v_conv: {layer: conv, from: v, kernel: 3, out: 24, mask: rows_so_far}
              h_conv: {layer: conv, from: h, kernel: [1, 3], out: 24, mask: so_far}
            outputs: {v: v_conv, h: h_conv}
        graph:
          body: {block: layer, from: {v: first, h: first}}
          out: {layer: relu}
        """,
        """
        blocks:
          layer:
            inputs: {v: vertical stack, h: horizontal stack}
            nodes:
              v_conv: {layer: conv, from: v, kernel: 3, out: 24, mask: rows_so_far}
              h_conv: {layer: conv, from: h, kernel: [1, 3], out: 24, mask: so_far}
            outputs: {v: v_conv, h: h_conv}
        graph:
          body: {block: layer, from: {v: first, h: first}}
          out: {layer: relu, from: body.h}
        """,
        "say what the node reads.",
    ),
    code(
        "AR222",
        "a spec that takes too much to read",
        """What reading a spec costs is counted: its characters, its values, its expressions, and the names that the
        instances of its blocks can use. Lists of lists multiply, and so do repeats; the message names the limit.""",
        """
        params: {a: [0, 1], b: [$a, $a, $a, $a], c: [$b, $b, $b, $b], d: [$c, $c, $c, $c], e: [$d, $d, $d, $d],
                 f: [$e, $e, $e, $e], g: [$f, $f, $f, $f], h: [$g, $g, $g, $g], j: [$h, $h, $h, $h],
                 k: [$j, $j, $j, $j], l: [$k, $k, $k, $k], width: 24}
        """,
        """
        params: {a: [0, 1], b: [$a, $a, $a, $a], width: 24}
        """,
        "make the lists shorter, state less in a block that is repeated, or repeat it less.",
    ),
    code(
        "AR224",
        "a name that nothing uses",
        """A parameter, a mask, a block, a condition or an input of a block that nothing uses has no effect. A condition
        must be given all the same. What a base states and an extending spec no longer uses is not told.""",
        """
        masks: {near: earlier and that.row >= this.row - 2}
        graph:
          second: {layer: conv, from: first, kernel: 5, out: 24, mask: so_far}
          logits: {layer: conv, from: second, out: $head, mask: so_far}
        """,
        """
        masks: {near: so_far and that.row >= this.row - 2}
        graph:
          second: {layer: conv, from: first, kernel: 5, out: 24, mask: near}
          logits: {layer: conv, from: second, out: $head, mask: so_far}
        """,
        "use it, or remove it.",
        "warning",
    ),
    code(
        "AR225",
        "nothing below to add to",
        """A key that ends in + adds to the mapping of that name in the spec that is extended. A key without + stands in
        the place of the one below it, or is new, and null takes the one below out.""",
        """
        # a.yaml
        arspec: 1
        extends: b.yaml
        graph+: {frst+: {kernel: 5}}
        # b.yaml
        arspec: 1
        """,
        """
        # a.yaml
        arspec: 1
        extends: b.yaml
        graph+: {first+: {kernel: 5}}
        # b.yaml
        arspec: 1
        """,
        "name what the spec below has, or leave the + out.",
    ),
)
