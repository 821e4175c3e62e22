"""AR941: what an editor asks for, and is not done."""

from __future__ import annotations

from arspec.diagnostics.codes.page import code

CODES = (
    code(
        "AR941",
        "a name that is not changed",
        """An editor renames nodes, inputs and outputs of blocks, parameters, blocks, masks and conditions, in
        every file that extends or uses the one where they are stated. The new name is one that the language takes, and
        stands for nothing else at any of these places. A rename is made only where each spec loads as the same graph
        afterwards. The specs that ship with an installation are not changed.""",
        """
        graph:
          first: {layer: conv, from: x, out: 8, mask: earlier}
          relu: {layer: relu}                  # renamed to `first`
          logits: {layer: conv, out: $head}
        """,
        """
        graph:
          first: {layer: conv, from: x, out: 8, mask: earlier}
          active: {layer: relu}
          logits: {layer: conv, out: $head}
        """,
        "take a name of letters, digits and _ that nothing else has there; mend lines that can't be read first.",
    ),
)
