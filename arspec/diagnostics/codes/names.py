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
        "AR213",
        "a parameter that does not exist is set",
        """Parameters given on the command line, from Python or to an instance of a block replace those that are
        declared; a new one would have no effect.""",
        """
        blocks:
          layer:
            inputs: [h]
            nodes: {conv: {layer: conv, kernel: 3, out: 24, mask: so_far}}
            outputs: {h: conv}
        graph:
          body: {block: layer, from: first, params: {kernal: 5}}
        """,
        """
        blocks:
          layer:
            inputs: [h]
            params: {kernel: 3}
            nodes: {conv: {layer: conv, kernel: $kernel, out: 24, mask: so_far}}
            outputs: {h: conv}
        graph:
          body: {block: layer, from: first, params: {kernel: 5}}
        """,
        "take the nearest parameter from the help line.",
    ),
    code(
        "AR214",
        "a parameter's value is of the wrong type",
        """A parameter keeps the type of its default: a number stays a number, a text a text.""",
        """
        arspec verify specs/pixelcnn.yaml --set features=wide
        """,
        """
        arspec verify specs/pixelcnn.yaml --set features=24
        """,
        "give a value of the default's type.",
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
        "AR219",
        "a parameter that refers to itself or to one below it",
        """A parameter may be an expression over those that stand above it, so that none can depend on itself.""",
        """
        params: {half: $width // 2, width: 24}
        """,
        """
        params: {width: 24, half: $width // 2}
        """,
        "change their places, or give one of them a number.",
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
        "AR223",
        "a parameter without effect",
        """A parameter has an effect only where something refers to it as $name. One that nothing refers to is refused
        where it can only be a mistake: its name is near to one that is used, a spec that extends another adds it, or it
        was set from outside.""",
        """
        params: {width: 24, layers: 2, layres: 3}
        blocks:
          layer:
            inputs: [h]
            nodes: {conv: {layer: conv, kernel: 3, out: $width, mask: so_far}}
            outputs: {h: conv}
        graph:
          body: {block: layer, from: first, repeat: $layers}
        """,
        """
        params: {width: 24, layers: 3}
        blocks:
          layer:
            inputs: [h]
            nodes: {conv: {layer: conv, kernel: 3, out: $width, mask: so_far}}
            outputs: {h: conv}
        graph:
          body: {block: layer, from: first, repeat: $layers}
        """,
        "correct its name, refer to it, or remove it.",
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
