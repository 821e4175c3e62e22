"""AR7xx: the proof and the tests."""

from __future__ import annotations

from arspec.diagnostics.codes.page import code

CODES = (
    code(
        "AR453",
        "a further head that has nothing to predict",
        """A head of the section `heads` predicts the variable that is generated some steps later. Variables are then
        generated one after another, in one channel group, and there are more of them than it looks ahead.""",
        """
        data: {kind: sequence, length: 8, levels: 4}
        graph:
          tokens: {layer: embedding, from: x, out: 6}
          before: {layer: shift, steps: 1}
          logits: {layer: conv, out: $head}
        heads: {late: {from: logits, ahead: 8}}
        """,
        """
        data: {kind: sequence, length: 8, levels: 4}
        graph:
          tokens: {layer: embedding, from: x, out: 6}
          before: {layer: shift, steps: 1}
          logits: {layer: conv, out: $head}
        heads: {late: {from: logits, ahead: 2}}
        """,
        "look less far ahead, or leave the head out.",
    ),
    code(
        "AR454",
        "a further head sees what it must not",
        """At the place of a variable a further head sees what comes before that variable alone; with `teacher_forcing`
        what comes before the one that it predicts. The path below the message shows how it sees more.""",
        """
        data: {kind: sequence, length: 8, levels: 4}
        graph:
          tokens: {layer: embedding, from: x, out: 6}
          before: {layer: shift, steps: 1}
          logits: {layer: conv, out: $head}
          next: {layer: conv, from: tokens, out: $head}
        heads: {second: {from: next, ahead: 1}}
        """,
        """
        data: {kind: sequence, length: 8, levels: 4}
        graph:
          tokens: {layer: embedding, from: x, out: 6}
          before: {layer: shift, steps: 1}
          logits: {layer: conv, out: $head}
          next: {layer: conv, from: before, out: $head}
        heads: {second: {from: next, ahead: 1}}
        """,
        "read what has been shifted or masked, or state `teacher_forcing: true` where that is meant.",
    ),
    code(
        "AR701",
        "a leak",
        """A variable's distribution depends on the variable itself or on one that is generated later. Likelihoods
        of such a model are wrong, and it cannot be sampled. The witness is the shortest path of sites by which
        the value arrives.""",
        """
        first: {layer: conv, from: scaled, kernel: 7, out: 24, mask: so_far}
        """,
        """
        first: {layer: conv, from: scaled, kernel: 7, out: 24, mask: earlier}
        """,
        """exactly one layer between the data and the head is strict (earlier, rows_above, a shift); the help line
        proposes an edit only where the edited spec proves.""",
    ),
    code(
        "AR702",
        "a leak in training only",
        """In training the layer reads more than in evaluation: a norm that takes its statistics from the batch
        joins all sites. The loss in training would look better than the model is.""",
        """
        norm: {layer: norm, from: first, over: batch}
        logits: {layer: conv, out: $head, mask: so_far}
        """,
        """
        norm: {layer: norm, from: first, over: channels}
        logits: {layer: conv, out: $head, mask: so_far}
        """,
        "use a norm over the channels of one place and group.",
    ),
    code(
        "AR703",
        "a blind spot",
        """Some variables are generated before this one and are never seen by it, however often the blocks are
        repeated. The model is a correct one, and weaker than it looks.""",
        """
        blocks:
          layer: {inputs: [h], nodes: {conv: {layer: conv, kernel: 3, out: 24, mask: so_far}}, outputs: {h: conv}}
        graph:
          body: {block: layer, from: first, repeat: 20}
          logits: {layer: conv, from: body.h, out: $head, mask: so_far}
        """,
        """
        graph:
          k: {layer: conv, from: scaled, out: 24, mask: so_far}
          v: {layer: conv, from: scaled, out: 24, mask: so_far}
          past: {layer: attention, from: first, keys: k, values: v, mask: earlier}
          logits: {layer: conv, out: $head, mask: so_far}
        """,
        """use two stacks, one for the rows above and one for the row itself, or attention; a blind spot is told and
        refused nowhere.""",
        level="note",
    ),
    code(
        "AR704",
        "out of reach",
        """Some variables before this one are not seen at this depth, and are when the blocks are repeated more: the
        receptive field is smaller than the data.""",
        """
        data: {kind: sequence, length: 100, levels: 4}
        blocks:
          layer: {inputs: [h], nodes: {conv: {layer: conv, kernel: 3, out: 24, mask: so_far}}, outputs: {h: conv}}
        graph:
          body: {block: layer, from: first, repeat: 3}
          logits: {layer: conv, from: body.h, out: $head, mask: so_far}
        """,
        """
        data: {kind: sequence, length: 100, levels: 4}
        blocks:
          layer: {inputs: [h], nodes: {conv: {layer: conv, kernel: 3, out: 24, mask: so_far}}, outputs: {h: conv}}
        graph:
          body: {block: layer, from: first, repeat: 100}
          logits: {layer: conv, from: body.h, out: $head, mask: so_far}
        """,
        """repeat more, dilate, use larger kernels or strides, if the far variables matter; it is told and refused
        nowhere.""",
        level="note",
    ),
    code(
        "AR705",
        "unseen",
        """Some variables before this one are not seen. The spec repeats no block, so that depth cannot tell a blind
        spot from what is out of reach.""",
        """
        second: {layer: conv, from: first, kernel: 3, out: 24, mask: so_far}
        logits: {layer: conv, out: $head, mask: so_far}
        """,
        """
        data: {kind: sequence, length: 100, levels: 4}
        blocks:
          layer: {inputs: [h], nodes: {conv: {layer: conv, kernel: 3, out: 24, mask: so_far}}, outputs: {h: conv}}
        graph:
          body: {block: layer, from: first, repeat: $layers}
          logits: {layer: conv, from: body.h, out: $head, mask: so_far}
        """,
        "state the depth by `repeat` to have the two told apart.",
        level="note",
    ),
    code(
        "AR706",
        "the module reads more than was proven",
        """The tests of the compiled module found a dependency outside the proven contexts. The proof and the
        code of a layer disagree.""",
        """
        arspec verify my_spec.yaml       # with a layer of one's own whose reads() leaves a site out
        """,
        """
        arspec verify my_spec.yaml       # with reads() that states every site that forward() reads
        """,
        "correct the layer that the message names, and report the fault if the layer is arspec's own.",
    ),
)
