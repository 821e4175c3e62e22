"""AR1xx: the shape of a spec: its keys and the types of their values."""

from __future__ import annotations

from arspec.diagnostics.codes.page import code

CODES = (
    code(
        "AR101",
        "an unknown key",
        """Every key has a meaning, and a key without one is refused: a misspelt key that is ignored gives another
        network than the one written.""",
        """
        first: {layer: conv, kernal: 3, out: 24, mask: earlier}
        """,
        """
        first: {layer: conv, kernel: 3, out: 24, mask: earlier}
        """,
        "take the nearest key from the help line, or see `arspec schema`.",
    ),
    code(
        "AR102",
        "a key is missing",
        """This key has no default, because no value would be right for most specs.""",
        """
        data: {kind: image, height: 28, channels: 1}
        """,
        """
        data: {kind: image, height: 28, width: 28, channels: 1}
        """,
        "add the key.",
    ),
    code(
        "AR103",
        "a value of the wrong type",
        """The key takes a value of another type. Nothing is converted silently: '3' in quotes is a text.""",
        """
        first: {layer: conv, kernel: wide, out: 24, mask: earlier}
        """,
        """
        first: {layer: conv, kernel: 3, out: 24, mask: earlier}
        """,
        "write a value of the type that the message names.",
    ),
    code(
        "AR104",
        "a value out of range",
        """The value has the right type and lies outside what the key allows.""",
        """
        first: {layer: conv, kernel: 0, out: 24, mask: earlier}
        """,
        """
        first: {layer: conv, kernel: 3, out: 24, mask: earlier}
        """,
        "choose a value within the range that the message names.",
    ),
    code(
        "AR105",
        "an unknown section",
        """The top of a spec has the sections that `arspec schema` lists, and no others.""",
        """
        name: small
        layers:
          first: {layer: conv, out: 24, mask: earlier}
        """,
        """
        name: small
        graph:
          first: {layer: conv, out: 24, mask: earlier}
        """,
        "take the nearest section from the help line.",
    ),
    code(
        "AR106",
        "an unsupported version",
        """`arspec: 1` states the version of the language that a spec is written in, so that later versions can
        change without changing its meaning.""",
        """
        arspec: 2
        """,
        """
        arspec: 1
        """,
        "write a version that this program reads, or update the program.",
    ),
    code(
        "AR107",
        "an unknown kind of layer",
        """A node's layer is one of the kinds that this program has.""",
        """
        first: {layer: conv2d, kernel: 3, out: 24, mask: earlier}
        """,
        """
        first: {layer: conv, kernel: 3, out: 24, mask: earlier}
        """,
        "take the nearest kind from the help line; a composition of layers is a block.",
    ),
    code(
        "AR108",
        "an unknown kind of head",
        """The head is one of the distributions that this program has.""",
        """
        head: {kind: softmax, from: logits}
        """,
        """
        head: {kind: categorical, from: logits}
        """,
        "take the nearest kind from the help line.",
    ),
    code(
        "AR109",
        "not one of the choices",
        """The key takes one of a few words.""",
        """
        data: {kind: picture, height: 8, width: 8, channels: 3, levels: 4}
        """,
        """
        data: {kind: image, height: 8, width: 8, channels: 3, levels: 4}
        """,
        "take one of the words that the message lists.",
    ),
    code(
        "AR110",
        "keys that exclude one another",
        """Two keys state the same thing in two ways, and they could disagree: a scan and the ranks of another
        order, the units of a hidden layer and the channels of an output.""",
        """
        data: {kind: vector, size: 3}
        order: {scan: random, ranks: [0, 2, 1]}
        """,
        """
        data: {kind: vector, size: 3}
        order: {ranks: [0, 2, 1]}
        """,
        "keep one of the two.",
    ),
    code(
        "AR111",
        "a node is neither a layer nor a block, or both",
        """A node computes one thing: it has the key `layer`, or the key `block`.""",
        """
        first: {kernel: 3, out: 24, mask: earlier}
        """,
        """
        first: {layer: conv, kernel: 3, out: 24, mask: earlier}
        """,
        "say which layer or which block the node is.",
    ),
    code(
        "AR112",
        "the spec that is extended cannot be read",
        """`extends` names a file, relative to the file that it stands in, or a shipped spec by its name.""",
        """
        extends: pixelcn.yaml
        """,
        """
        extends: pixelcnn.yaml
        """,
        "correct the path.",
    ),
    code(
        "AR113",
        "specs extend one another in a circle",
        """A spec that extends itself, directly or through others, has no beginning.""",
        """
        # a.yaml
        arspec: 1
        extends: b.yaml
        # b.yaml
        arspec: 1
        extends: a.yaml
        """,
        """
        # a.yaml
        arspec: 1
        extends: b.yaml
        # b.yaml
        arspec: 1
        """,
        "remove one `extends`.",
    ),
    code(
        "AR114",
        "a chain of extends is too long",
        """A reader has to follow every link of the chain to know what a spec says; the length is limited, and
        the message names the limit.""",
        """
        extends: variant_17.yaml
        """,
        """
        extends: base.yaml
        """,
        "extend the base itself: `params` merge by key, and with a + so does every other section.",
    ),
    code(
        "AR115",
        "a name that cannot be used",
        """Names are letters, digits and underscores, and begin with a letter or an underscore; dots join the names
        of nodes and outputs. x is the data.""",
        """
        graph:
          first.conv: {layer: conv, out: 24, mask: earlier}
        """,
        """
        graph:
          first_conv: {layer: conv, out: 24, mask: earlier}
        """,
        "choose another name.",
    ),
    code(
        "AR116",
        "a section is empty",
        """A graph or a block without nodes, or a family without orders, says nothing.""",
        """
        graph: {}
        """,
        """
        graph:
          logits: {layer: conv, from: x, kernel: 7, out: $head, mask: earlier}
        """,
        "fill the section or remove it.",
    ),
)
