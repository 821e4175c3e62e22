"""AR7xx: the proof and the tests."""

from __future__ import annotations

from arspec.codes.page import code

CODES = (
    code(
        "AR701",
        "a leak",
        """A variable's distribution depends on the variable itself or on one that is generated later.
        Likelihoods of such a model are wrong, and it cannot be sampled. The witness is the shortest path of
        sites by which the value arrives.""",
        """
        first: {layer: conv, from: scaled, kernel: 7, out: 64, mask: so_far}
        """,
        """
        first: {layer: conv, from: scaled, kernel: 7, out: 64, mask: earlier}
        """,
        """exactly one layer between the data and the head is strict (earlier, rows_above, a shift); the help
        line proposes an edit only where the edited spec proves.""",
    ),
    code(
        "AR702",
        "a leak in training only",
        """In training the layer reads more than in evaluation: a norm that takes its statistics from the batch
        joins all sites. The loss in training would look better than the model is.""",
        """
        norm: {layer: batch_norm, from: first}
        """,
        """
        norm: {layer: layer_norm, from: first}
        """,
        "use a norm over the channels of one place and group.",
    ),
    code(
        "AR703",
        "a blind spot",
        """Some variables are generated before this one and are never seen by it, however often the blocks are
        repeated. The model is a correct one, and weaker than it looks.""",
        """
        first: {layer: conv, kernel: 7, mask: earlier}
        body: {layer: conv, kernel: 3, mask: so_far}
        """,
        """
        v: {layer: conv, kernel: 3, mask: rows_so_far}
        down: {layer: shift, from: v, rows: 1}
        h: {layer: conv, from: scaled, kernel: [1, 3], mask: earlier}
        sum: {layer: add, from: [down, h]}
        """,
        """use two stacks, one for the rows above and one for the row itself, or attention; a blind spot is
        told and refused nowhere.""",
        level="note",
    ),
    code(
        "AR704",
        "out of reach",
        """Some variables before this one are not seen at this depth, and are when the blocks are repeated
        more: the receptive field is smaller than the data.""",
        """
        body: {block: layer, repeat: 2}
        """,
        """
        body: {block: layer, repeat: 15}
        """,
        """repeat more, dilate, use larger kernels or strides, if the far variables matter; it is told and
        refused nowhere.""",
        level="note",
    ),
    code(
        "AR705",
        "unseen",
        """Some variables before this one are not seen. The spec repeats no block, so that depth cannot tell a
        blind spot from what is out of reach.""",
        """
        second: {layer: conv, kernel: 3, mask: so_far}
        """,
        """
        body: {block: layer, repeat: $layers}
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
    code(
        "AR707",
        "the module reads less than was proven",
        """Over several draws of weights a proven dependency never showed. The relation promises more than the
        code computes, so that coverage is overstated.""",
        """
        arspec verify my_spec.yaml       # with a layer of one's own whose forward() drops a site
        """,
        """
        arspec verify my_spec.yaml       # with forward() that reads every site that reads() states
        """,
        """correct the layer that the message names; a group of fewer than three channels that is normalised
        has no gradient and is no fault.""",
    ),
)
