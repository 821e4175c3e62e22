"""AR4xx: the types of nodes: grids, channels, groups."""

from __future__ import annotations

from arspec.diagnostics.codes.page import code

CODES = (
    code(
        "AR401",
        "grids that differ",
        """Inputs that are combined site by site lie on the same grid: the same height and width, or length.""",
        """
        down: {layer: conv, from: first, kernel: 3, stride: 2, out: 24, mask: so_far}
        sum: {layer: add, from: [first, down]}
        """,
        """
        down: {layer: conv, from: first, kernel: 3, stride: 2, out: 24, mask: so_far}
        up: {layer: conv, kernel: 3, stride: 2, transposed: true, out: 24, mask: so_far}
        sum: {layer: add, from: [first, up]}
        """,
        "bring both to one grid by a stride, a transposed convolution, crop or pad.",
    ),
    code(
        "AR402",
        "channels that differ",
        """Inputs that are added or multiplied have the same number of channels. Of a product some may have one channel,
        which multiplies all channels of the others.""",
        """
        a: {layer: conv, from: first, out: 24, mask: so_far}
        b: {layer: conv, from: first, out: 48, mask: so_far}
        sum: {layer: add, from: [a, b]}
        """,
        """
        a: {layer: conv, from: first, out: 24, mask: so_far}
        b: {layer: conv, from: first, out: 24, mask: so_far}
        sum: {layer: add, from: [a, b]}
        """,
        "give both the same `out`, or use concat.",
    ),
    code(
        "AR403",
        "channels that cannot be divided",
        """Channels are shared out equally among groups, among the halves of a gate, or among the heads of an
        attention.""",
        """
        first: {layer: conv, kernel: 7, out: 128, mask: earlier}       # 3 groups: r, g, b
        """,
        """
        first: {layer: conv, kernel: 7, out: 126, mask: earlier}
        """,
        "choose a multiple of the number that the message names.",
    ),
    code(
        "AR405",
        "floats where integers are needed",
        """One-hot and embedding look up integers of a known range.""",
        """
        codes: {layer: one_hot, from: scaled}
        """,
        """
        codes: {layer: one_hot, from: x}
        """,
        "read the data themselves.",
    ),
    code(
        "AR406",
        "groups that differ",
        """With sequential channels a layer's channels are in groups, one for each channel of the data. Inputs that
        are combined have the same groups.""",
        """
        one: {layer: conv, from: first, out: 24, groups: 1, mask: so_far}
        sum: {layer: add, from: [first, one]}
        """,
        """
        three: {layer: conv, from: first, out: 24, mask: so_far}
        sum: {layer: add, from: [first, three]}
        """,
        "give both inputs the same groups.",
    ),
    code(
        "AR407",
        "a number or name of a side that the grid does not have",
        """Kernels, strides, dilations and offsets have two numbers, or one for both, on images, and one on
        sequences. Sides are top, bottom, left and right on images, before and after on sequences.""",
        """
        data: {kind: sequence, length: 100, levels: 4}
        graph:
          first: {layer: conv, kernel: [3, 3], out: 24, mask: earlier}
        """,
        """
        data: {kind: sequence, length: 100, levels: 4}
        graph:
          first: {layer: conv, kernel: 3, out: 24, mask: earlier}
        """,
        "give as many numbers as the grid has axes.",
    ),
    code(
        "AR408",
        "nothing is left",
        """The kernel is larger than the padded input, or a crop or shift removes every site.""",
        """
        first: {layer: conv, kernel: 9, padding: 0, out: 24}        # on an 8×8 grid
        """,
        """
        first: {layer: conv, kernel: 9, out: 24, mask: earlier}
        """,
        "use a smaller kernel or more padding.",
    ),
    code(
        "AR410",
        "a condition that does not fit the layer",
        """A class or a vector speaks for the whole example; a map or a series is added site by site, and lies on
        the grid of what it is added to.""",
        """
        condition: {place: {kind: map, height: 4, width: 4}}
        graph:
          second: {layer: condition, from: first, by: place}
        """,
        """
        condition: {place: {kind: map, height: 4, width: 4}}
        graph:
          large: {layer: upsample, from: place, factor: 2}
          second: {layer: condition, from: first, by: large}
        """,
        "bring it to that grid first, by upsample or transposed convolutions.",
    ),
    code(
        "AR412",
        "a layer that does not exist for this data",
        """A dense layer takes a vector of the data's entries or of hidden units; other layers need the data's own
        grid, as the message says.""",
        """
        second: {layer: dense, from: first, out: 24}       # an image
        """,
        """
        data: {kind: vector, size: 64, levels: 4}
        graph:
          second: {layer: dense, from: x, units: 24, mask: so_far}
        """,
        "use another layer, or state the data in another way.",
    ),
    code(
        "AR413",
        "something is too large",
        """The sites and channels of a node, its weights, and the places of its window are limited, so that a
        misplaced zero is an error and not a machine without memory; the message names the limit.""",
        """
        first: {layer: conv, kernel: 127, out: 24, mask: earlier}
        """,
        """
        first: {layer: conv, kernel: 7, out: 24, mask: earlier}
        """,
        "use fewer channels, a smaller kernel, a smaller grid, or a stride.",
    ),
    code(
        "AR414",
        "a finer grid than the data's",
        """A position of a layer stands for a cell of the data. A transposed convolution or upsampling undoes
        strides that came before; without them it would give several positions for one cell.""",
        """
        up: {layer: conv, from: first, kernel: 2, stride: 2, transposed: true, out: 24}
        """,
        """
        down: {layer: conv, from: first, kernel: 2, stride: 2, out: 24, mask: so_far}
        up: {layer: conv, kernel: 2, stride: 2, transposed: true, out: 24, mask: so_far}
        """,
        "use a factor that divides the strides before it.",
    ),
    code(
        "AR425",
        "a mask that compares what a side does not have",
        """Attention may take keys from another grid than its queries. What is computed from conditions alone is there
        from the start, so that no order of generation compares it. A place is the same place on grids of equal axes
        alone.""",
        """
        condition: {place: {kind: map, height: 4, width: 4}}
        graph:
          told: {layer: conv, from: place, kernel: 1, out: 8}
          second: {layer: attention, from: first, keys: told, values: told, mask: so_far}
        """,
        """
        condition: {place: {kind: map, height: 4, width: 4}}
        graph:
          told: {layer: conv, from: place, kernel: 1, out: 8}
          second: {layer: attention, from: first, keys: told, values: told, mask: 2 * that.row <= this.row}
        """,
        "leave the mask out where every site sees all of the condition, or compare coordinates.",
    ),
    code(
        "AR430",
        "a recurrence along lines that the grid does not have",
        """A state goes from site to site along lines: rows and columns belong to images, steps to sequences. The
        order of generation is a line through positions that stand for the data alone.""",
        """
        second: {layer: cumulative, from: first, along: steps}       # an image
        """,
        """
        second: {layer: cumulative, from: first, along: rows}
        """,
        "go along lines that the grid has.",
    ),
    code(
        "AR431",
        "a mask that says more than whether the own site counts",
        """A sum, a mean or a convolution along a line takes all sites that come before, as `along` says. Its
        mask says alone whether the own site is among them: `so_far`, or `earlier`.""",
        """
        second: {layer: cumulative, from: first, mask: rows_above}
        """,
        """
        second: {layer: cumulative, from: first, along: columns, mask: earlier}
        """,
        "say `so_far` or `earlier`.",
    ),
    code(
        "AR432",
        "a decay that is no number that one may be",
        """The decay of a linear recurrence is a node's, one fixed number from -1 to 1, or learned. Learned decays lie
        between 0 and 1. They start all as one such number, or evenly between two.""",
        """
        second: {layer: linear_recurrence, from: first, decay: {learned: 1}}
        """,
        """
        second: {layer: linear_recurrence, from: first, decay: {learned: [0.9, 0.999]}}
        """,
        "give numbers within these bounds.",
    ),
    code(
        "AR434",
        "numbers that do not fit the heads of a state",
        """A linear attention takes one decay for each head, or one for each channel of its key, and one strength for
        each head. Decays that are the same at all steps are one number, those of the first and the last head, or one
        for each head.""",
        """
        q: {layer: conv, from: first, out: 24, mask: so_far}
        falls: {layer: softplus, from: q}
        seen: {layer: linear_attention, from: q, keys: q, values: q, heads: 4, decay: falls, strength: falls}
        """,
        """
        q: {layer: conv, from: first, out: 24, mask: so_far}
        sizes: {layer: conv, from: first, out: 12, mask: so_far}
        falls: {layer: softplus}
        seen: {layer: linear_attention, from: q, keys: q, values: q, heads: 4, decay: falls, strength: falls}
        """,
        "give the node as many channels as there are heads, in each channel group.",
    ),
    code(
        "AR435",
        "keys of a state that contradict each other",
        """Of the keys of a linear attention, `rates` multiplies what a node gives, so `decay` names one. The delta rule
        corrects what the state holds, so nothing adds up that `normalise` could divide by. A decay of 1 is none: it is
        not learned, and no ratio leads to it.""",
        """
        q: {layer: conv, from: first, out: 24, mask: so_far}
        seen: {layer: linear_attention, from: q, keys: q, values: q, heads: 4, update: delta, normalise: true}
        """,
        """
        q: {layer: conv, from: first, out: 24, mask: so_far}
        keys: {layer: softplus, from: q}
        seen: {layer: linear_attention, from: keys, keys: keys, values: q, heads: 4, normalise: true}
        """,
        "leave out one of the two that the message names.",
    ),
    code(
        "AR420",
        "channels that do not turn in pairs",
        """`rotary` turns pairs of channels of each head, and `sinusoid` gives pairs of sine and cosine. On images the
        pairs are shared out among rows and columns, so that channels come in multiples of four.""",
        """
        turned: {layer: rotary, from: first, heads: 4}      # two channels a head, on an image
        """,
        """
        turned: {layer: rotary, from: first, heads: 2}
        """,
        "take other numbers of channels or heads, or another share of them.",
    ),
    code(
        "AR451",
        "vectors that do not fit where they come in",
        """What `shift`, `previous` and `pad` let in has the channels of their input. A node that fills has one vector
        for all positions that come in, or one for each of them.""",
        """
        condition: {text: {kind: tokens, length: 7, levels: 100}}
        data: {kind: sequence, length: 16, levels: 4}
        graph:
          words: {layer: embedding, from: text, out: 6}
          tokens: {layer: embedding, from: x, out: 6}
          before: {layer: shift, steps: 1, fill: words}      # seven vectors for one step
          logits: {layer: conv, out: $head}
        """,
        """
        condition: {text: {kind: tokens, length: 7, levels: 100}}
        data: {kind: sequence, length: 16, levels: 4}
        graph:
          words: {layer: embedding, from: text, out: 6}
          tokens: {layer: embedding, from: x, out: 6}
          before: {layer: shift, steps: 7, fill: words}
          logits: {layer: conv, out: $head}
        """,
        "give as many vectors as positions come in, or a single one, with the channels of the input.",
    ),
    code(
        "AR421",
        "places that there are not",
        """What counts places lies on a grid. Those of the next or the previous variable are places of the data's own
        grid, under an order that generates one position after another.""",
        """
        half: {layer: conv, from: first, kernel: 3, stride: 2, out: 24, mask: so_far}
        turned: {layer: rotary, at: next}
        back: {layer: upsample, factor: 2}
        """,
        """
        turned: {layer: rotary, from: first, at: next}
        """,
        "take it on the data's own grid, or take the own place.",
    ),
    code(
        "AR422",
        "heads that can't share keys",
        """Of attention with fewer heads of keys and values than of queries, each is shared by equally many: `heads`
        is a multiple of `kv_heads`.""",
        """
        k: {layer: conv, from: first, out: 12, mask: so_far}
        seen: {layer: attention, from: first, keys: k, values: k, heads: 4, kv_heads: 3, mask: so_far}
        """,
        """
        k: {layer: conv, from: first, out: 12, mask: so_far}
        seen: {layer: attention, from: first, keys: k, values: k, heads: 4, kv_heads: 2, mask: so_far}
        """,
        "take a number of kv_heads that divides heads.",
    ),
    code(
        "AR423",
        "relative positions that do not fit",
        """The relative positions of attention count the steps between a query and a key, so both lie on sequences;
        buckets for single distances are half of those of a side, and `farthest` lies above them.""",
        """
        data: {kind: sequence, length: 64, levels: 4}
        graph:
          q: {layer: conv, kernel: 3, out: 24, mask: earlier}
          seen: {layer: attention, keys: q, values: q, mask: so_far, relative: {kind: buckets, farthest: 16}}
        """,
        """
        data: {kind: sequence, length: 64, levels: 4}
        graph:
          q: {layer: conv, kernel: 3, out: 24, mask: earlier}
          seen: {layer: attention, keys: q, values: q, mask: so_far, relative: {kind: buckets, farthest: 128}}
        """,
        "use `rotary` on images; take a larger `farthest`, or fewer buckets.",
    ),
    code(
        "AR424",
        "numbers of a scaled rotary form that do not fit",
        """The scaled forms of `rotary` mix two ranges, whose bounds come one after the other, or give each pair of
        channels a factor of its own. The base of `dynamic` depends on the length beyond the original one, so that no
        longer sequence has it.""",
        """
        turned: {layer: rotary, from: first, scaling: {kind: llama3, factor: 8, low: 4, high: 1, original: 64}}
        """,
        """
        turned: {layer: rotary, from: first, scaling: {kind: llama3, factor: 8, low: 1, high: 4, original: 64}}
        """,
        "order the bounds, give as many factors as pairs, or take a sequence of the original length.",
    ),
)
