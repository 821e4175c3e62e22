"""AR21x, AR22x: parameters."""

from __future__ import annotations

from arspec.diagnostics.codes.page import code

CODES = (
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
)
