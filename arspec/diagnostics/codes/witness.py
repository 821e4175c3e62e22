"""AR99x: what an audit shows of a module's own code."""

from __future__ import annotations

from arspec.diagnostics.codes.page import code

CODES = (
    code(
        "AR990",
        "a torch module reads what its order forbids",
        """A value of an input that comes later, or that must not be known, moves an output. The place is the line of
        the module's code where a position first learns of it; further places are the mask, the padding or the part
        that let it through. The way lists the operators from the input to the output.""",
        """
        h = h + F.scaled_dot_product_attention(q, k, v)
        """,
        """
        h = h + F.scaled_dot_product_attention(q, k, v, is_causal=True)
        """,
        "change the line at the place, or what the further places show, until `arspec audit` proves the module.",
    ),
    code(
        "AR991",
        "two ways to compute the same numbers part",
        """A module gives other numbers with a cache than in one full pass, for a prefix than for the whole, or with
        padding than without. The place is the first operator whose values differ.""",
        """
        kept = (k[:, -4:], v[:, -4:])         # a window of 6 needs 5 keys from before
        """,
        """
        kept = (k[:, -5:], v[:, -5:])
        """,
        "make both ways read the same: positions, masks and what is kept for the next call are the usual causes.",
    ),
    code(
        "AR992",
        "a torch module that is not decided",
        """Labels allow an output to read too much, and no value showed that it does. An operator that has no rule, or
        a value that Python reads, is the usual cause. It is neither a leak nor a proof.""",
        """
        if h.sum() > 0:
            h = 2 * h
        """,
        """
        h = torch.where(h.cumsum(1) > 0, 2 * h, h)
        """,
        """write what is named in operators that are known, or accept it: `accept="not-decided"` in a test.""",
    ),
    code(
        "AR993",
        "a torch module that is proven with its route given",
        """The module sorts or selects, as a mixture of experts does, or Python branches on what it reads of data. It is
        proven with these choices taken as they were in this pass. A leak through a choice itself is not ruled out by
        this proof.""",
        """
        best = scores.topk(3, dim=1)          # over all steps: a later step pushes an earlier one out
        """,
        """
        best = scores.topk(3, dim=-1)         # over the experts of one step
        """,
        """look at what is sorted or selected: if no later step can change it, accept it:
        `accept="given-route"` in a test.""",
        level="note",
    ),
    code(
        "AR994",
        "a causality test that cannot be set up",
        """A test is marked as causal, or `causal` in the configuration of pytest names it, and what is named cannot be
        found, gives no torch module, or does not say which axes it has.""",
        """
        @pytest.mark.causal
        def decoder(): return Decoder()
        """,
        """
        @pytest.mark.causal(input="b t", output="b t k", size={"t": 16}, levels=8)
        def decoder(): return Decoder()
        """,
        "give the mark the patterns and the sizes, as `arspec audit` takes them.",
    ),
)
