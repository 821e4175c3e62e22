"""AR2xx: names and the graph."""

from __future__ import annotations

from arspec.codes.page import code

CODES = (
    code(
        "AR201",
        "an unknown node",
        """`from` names nodes of the same graph or block, its inputs, or x, the data.""",
        """
        out: {layer: add, from: [frist, skip]}
        """,
        """
        out: {layer: add, from: [first, skip]}
        """,
        "take the nearest name from the help line.",
    ),
    code(
        "AR202",
        "an unknown output",
        """A block has the outputs that it states under `outputs`; `node.output` names one of them.""",
        """
        out: {layer: conv, from: body.horizontal}
        """,
        """
        out: {layer: conv, from: body.h}
        """,
        "take the nearest output from the help line, or state it in the block.",
    ),
    code(
        "AR203",
        "an unknown input",
        """A block or layer has the inputs that it states; a mapping under `from` names them.""",
        """
        body: {block: layer, from: {vertical: first}}
        """,
        """
        body: {block: layer, from: {v: first}}
        """,
        "take the nearest input from the help line.",
    ),
    code(
        "AR204",
        "an input is not connected",
        """Each input of a block or layer must be given; without a value it could compute nothing.""",
        """
        body: {block: layer, from: {v: first.v}}
        """,
        """
        body: {block: layer, from: {v: first.v, h: first.h}}
        """,
        "connect the input under `from`.",
    ),
    code(
        "AR205",
        "the graph has a cycle",
        """A node cannot read its own output, directly or through others: there would be no first one to
        compute. Recurrence is a layer, which states in which order its sites are computed.""",
        """
        a: {layer: add, from: [x, b]}
        b: {layer: conv, from: a}
        """,
        """
        a: {layer: conv, from: x}
        b: {layer: add, from: [x, a]}
        """,
        "cut one of the edges that the message lists.",
    ),
    code(
        "AR206",
        "a node that nothing reads",
        """The node's output reaches neither the head nor an output of its block. It would be built, trained
        without effect, and drawn.""",
        """
        skip: {layer: conv, from: first}
        logits: {layer: conv, from: first, out: $head}
        """,
        """
        skip: {layer: conv, from: first}
        logits: {layer: conv, from: skip, out: $head}
        """,
        "read it, or remove it.",
    ),
    code(
        "AR207",
        "a name that is taken",
        """Within a graph or block each name means one thing; nodes, inputs and x share one set of names.""",
        """
        inputs: {h: horizontal stack}
        nodes:
          h: {layer: conv}
        """,
        """
        inputs: {h: horizontal stack}
        nodes:
          h_conv: {layer: conv, from: h}
        """,
        "rename one of the two.",
    ),
    code(
        "AR208",
        "a bad repeat",
        """`repeat` is a whole number, at least 1; the message names the largest.""",
        """
        body: {block: layer, repeat: $layers / 2}     # layers: 5
        """,
        """
        body: {block: layer, repeat: $layers // 2}
        """,
        "give a whole number in the range.",
    ),
    code(
        "AR209",
        "an index out of range",
        """`body.3.skip` is an output of the fourth repetition: repetitions count from 0, and from the end with
        a minus.""",
        """
        body: {block: layer, repeat: 3}
        out: {layer: conv, from: body.3.h}
        """,
        """
        body: {block: layer, repeat: 3}
        out: {layer: conv, from: body.2.h}
        """,
        "give an index below the number of repetitions.",
    ),
    code(
        "AR210",
        "a block contains itself",
        """Blocks are written out before anything is computed, and one that contains itself would never end.""",
        """
        blocks:
          layer:
            nodes: {inner: {block: layer}}
        """,
        """
        blocks:
          layer:
            nodes: {inner: {layer: conv, kernel: 3}}
        """,
        "use `repeat` for depth.",
    ),
    code(
        "AR211",
        "too many nodes in the graph",
        """After blocks and repeats are written out the graph is limited in size; the message names the limit.
        Nested repeats multiply.""",
        """
        body: {block: stage, repeat: 1000}      # and 1000 layers in each stage
        """,
        """
        body: {block: stage, repeat: 3}
        """,
        "repeat less.",
    ),
    code(
        "AR212",
        "an unknown condition",
        """A node names a condition that the section `condition` does not declare.""",
        """
        condition: {label: {kind: class, classes: 10}}
        graph:
          first: {layer: gate, condition: lable}
        """,
        """
        condition: {label: {kind: class, classes: 10}}
        graph:
          first: {layer: gate, condition: label}
        """,
        "take the nearest condition from the help line, or declare it.",
    ),
    code(
        "AR213",
        "an override of a parameter that the spec lacks",
        """Parameters given on the command line, from Python or to a block replace those that are declared; a
        new one would have no effect.""",
        """
        arspec verify specs/pixelcnn.yaml --set widht=32
        """,
        """
        arspec verify specs/pixelcnn.yaml --set width=32
        """,
        "take the nearest parameter from the help line.",
    ),
    code(
        "AR214",
        "a parameter's value is of the wrong type",
        """A parameter keeps the type of its default: a number stays a number, a text a text.""",
        """
        arspec verify specs/pixelcnn.yaml --set width=wide
        """,
        """
        arspec verify specs/pixelcnn.yaml --set width=32
        """,
        "give a value of the default's type.",
    ),
    code(
        "AR215",
        "an unknown block",
        """`block` names a block of the section `blocks`.""",
        """
        body: {block: layre, repeat: 3}
        """,
        """
        body: {block: layer, repeat: 3}
        """,
        "take the nearest block from the help line.",
    ),
    code(
        "AR216",
        "a repeat whose outputs do not become inputs",
        """Each repetition reads the outputs of the one before: an input takes the output of the same name, and
        the first repetition takes what `from` gives.""",
        """
        inputs: {h: horizontal stack}
        outputs: {out: h_out}        # and repeat: 3
        """,
        """
        inputs: {h: horizontal stack}
        outputs: {h: h_out}
        """,
        "name the output like the input that it continues.",
    ),
    code(
        "AR217",
        "the wrong number of inputs",
        """A layer takes one input, or two, or any number.""",
        """
        out: {layer: conv, from: [h, v]}
        """,
        """
        sum: {layer: add, from: [h, v]}
        out: {layer: conv, from: sum}
        """,
        "join the inputs by add or concat, or name one.",
    ),
    code(
        "AR218",
        "repetitions of a node that has none",
        """`body.*.skip` is one output of every repetition, and `body.0` a repetition; the node must have
        `repeat`.""",
        """
        body: {block: layer}
        out: {layer: add, from: body.*.skip}
        """,
        """
        body: {block: layer, repeat: 3}
        out: {layer: add, from: body.*.skip}
        """,
        "add `repeat`, or name the output itself: body.skip.",
    ),
    code(
        "AR219",
        "parameters that refer to one another in a circle",
        """A parameter may be an expression over others; none can be computed before itself.""",
        """
        params: {width: 2 * $half, half: $width // 2}
        """,
        """
        params: {width: 64, half: $width // 2}
        """,
        "give one of them a number.",
    ),
    code(
        "AR220",
        "weights tied to a node that has others",
        """Nodes that share weights have weights of the same names and shapes.""",
        """
        a: {layer: conv, kernel: 3, out: 64}
        b: {layer: conv, kernel: 5, out: 64, weights: a}
        """,
        """
        a: {layer: conv, kernel: 3, out: 64}
        b: {layer: conv, kernel: 3, out: 64, weights: a}
        """,
        "give both nodes the same layer, kernel and channels.",
    ),
    code(
        "AR221",
        "a node without `from` that follows nothing",
        """A node without `from` reads the one before it, and that must have exactly one output.""",
        """
        body: {block: layer}          # outputs v, h
        out: {layer: conv}
        """,
        """
        body: {block: layer}
        out: {layer: conv, from: body.h}
        """,
        "say what the node reads.",
    ),
)
