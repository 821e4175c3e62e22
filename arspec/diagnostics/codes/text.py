"""AR0xx: the text and its YAML."""

from __future__ import annotations

from arspec.diagnostics.codes.page import code

CODES = (
    code(
        "AR001",
        "the text is not YAML",
        """A spec is YAML. The text stops being YAML at this place, and what follows cannot be read; faults before
        it are reported with it.""",
        """
        graph:
          first: {layer: conv, kernel: 3
        """,
        """
        graph:
          first: {layer: conv, kernel: 3, out: 24, mask: earlier}
        """,
        """close the bracket, mend the indentation, or put a value that holds ': ' or starts with one of * & ! % @
        in quotes.""",
    ),
    code(
        "AR002",
        "a key stands twice",
        """A mapping has each key once. YAML readers keep the last silently, so that half of a spec would be
        ignored; both places are shown instead.""",
        """
        params: {width: 64, layers: 5, width: 128}
        """,
        """
        params: {width: 128, layers: 5}
        """,
        "keep one of the two.",
    ),
    code(
        "AR003",
        "a file cannot be read",
        """The named file does not exist, is a directory, or may not be read.""",
        """
        arspec verify specs/pixelcn.yaml
        """,
        """
        arspec verify specs/pixelcnn.yaml
        """,
        "check the path; files with a similar name in the same folder are named in the help line.",
    ),
    code(
        "AR004",
        "a file is not UTF-8",
        """A spec is text in UTF-8, so that it means the same on every machine.""",
        """
        about: Modèle          # saved as Latin-1
        """,
        """
        about: Modèle          # saved as UTF-8
        """,
        "save the file as UTF-8 in the editor.",
    ),
    code(
        "AR005",
        "a text is too large",
        """A spec has at most MAX_BYTES = 1 MiB. Specs of the largest published networks take a hundredth of it; a
        larger text is a mistake or an attack.""",
        """
        order: {ranks: [0, 1, 2, 3]}   # ... and a million more numbers
        """,
        """
        order: {ranks: ranks.npy}
        """,
        "move long lists into files; use blocks and repeat for layers.",
    ),
    code(
        "AR006",
        "nested too deeply",
        """Lists and mappings nest at most MAX_DEPTH = 64 deep, aliases counted.""",
        """
        params: {width: [[[[[[64]]]]]]}      # ... and sixty brackets more
        """,
        """
        params: {width: 64}
        """,
        "flatten the value.",
    ),
    code(
        "AR007",
        "too many nodes",
        """A text has at most MAX_NODES = 100,000 scalars, lists and mappings.""",
        """
        order: {ranks: [0, 1, 2, 3]}   # ... and 100,000 more numbers
        """,
        """
        order: {ranks: ranks.npy}
        """,
        "move long lists into files; use blocks and repeat for layers.",
    ),
    code(
        "AR008",
        "aliases expand too far",
        """Everything that aliases stand for is at most MAX_ALIASED = 10,000 nodes together. Aliases of aliases
        double with every line, and thirty lines would fill any memory.""",
        """
        a: &a [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]
        b: &b [*a, *a, *a, *a, *a, *a, *a, *a, *a, *a]
        c: &c [*b, *b, *b, *b, *b, *b, *b, *b, *b, *b]
        d: &d [*c, *c, *c, *c, *c, *c, *c, *c, *c, *c]
        e: [*d, *d, *d, *d, *d, *d, *d, *d, *d, *d]
        """,
        """
        blocks:
          layer: {inputs: [h], nodes: {conv: {layer: conv, out: 24, mask: so_far}}, outputs: {h: conv}}
        graph:
          body: {block: layer, from: first, repeat: 100}
        """,
        "use blocks and repeat.",
    ),
    code(
        "AR009",
        "an anchor or alias that does not hold",
        """An alias *name stands for the node that carried &name before it. The anchor must exist, once, and be
        complete: a node cannot contain itself.""",
        """
        second: &conv {layer: conv, kernel: 3, out: 24, mask: so_far}
        third: *cnv
        """,
        """
        second: &conv {layer: conv, kernel: 3, out: 24, mask: so_far}
        third: *conv
        """,
        "correct the name; a text that starts with * stands in quotes.",
    ),
    code(
        "AR010",
        "a tag is refused",
        """A spec is plain data. Tags ask a reader to build objects, which a spec never does; only the tags of
        the core schema (!!str, !!int, !!float, !!bool, !!null, !!map, !!seq) are read, and they must agree
        with the value.""",
        """
        params: {width: !python/object/apply:os.system [ls]}
        """,
        """
        params: {width: 64}
        """,
        "leave the tag out.",
    ),
    code(
        "AR011",
        "a key is not a name",
        """Keys are names. A number, a truth value, a list or nothing before the colon is refused instead of being
        turned into a text silently.""",
        """
        params: {width: 24, 2: 48}
        """,
        """
        params: {width: 24, wide: 48}
        """,
        "give it a name, or put it in quotes.",
    ),
    code(
        "AR012",
        "a merge key",
        """The key << merged mappings in YAML 1.1, with rules that few readers agree on. YAML 1.2 has none.""",
        """
        second: &conv {layer: conv, kernel: 3, out: 24, mask: so_far}
        third: {<<: *conv, kernel: 5}
        """,
        """
        second: {layer: conv, kernel: 3, out: 24, mask: so_far}
        third: {layer: conv, kernel: 5, out: 24, mask: so_far}
        """,
        "write the keys out, or make a block with parameters.",
    ),
    code(
        "AR013",
        "more than one document",
        """A file holds one spec. What follows a line of three dashes would be ignored.""",
        """
        arspec: 1
        ---
        arspec: 1
        """,
        """
        arspec: 1
        """,
        "make two files; one may extend the other.",
    ),
    code(
        "AR014",
        "the text is empty",
        """There is nothing in the file but blanks and comments.""",
        """
        # to be written
        """,
        """
        arspec: 1
        name: small
        """,
        "write the spec; `arspec list` names the shipped ones to start from.",
    ),
    code(
        "AR015",
        "a tab where only spaces may stand",
        """YAML indents with spaces. How far a tab goes depends on the editor, so that what is seen would not be
        what is read.""",
        """
        params:
        \twidth: 24
        """,
        """
        params:
          width: 24
        """,
        "replace tabs by spaces.",
    ),
    code(
        "AR016",
        "a character that may not stand in YAML",
        """Control characters and halves of surrogate pairs are no part of a text.""",
        """
        name: "pixel<U+0000>cnn"
        """,
        """
        name: pixelcnn
        """,
        "delete the character; in double quotes it may be written as an escape.",
    ),
    code(
        "AR017",
        "a number is too large",
        """Integers lie within 2**63 and floats within 1.8e308; a larger number would silently become infinity or
        fill the memory.""",
        """
        params: {slope: 1e999}
        """,
        """
        params: {slope: .inf}
        """,
        "write a smaller number, .inf for infinity, or quotes if a text is meant.",
    ),
    code(
        "AR018",
        "the top of a spec is not a mapping",
        """A spec is a mapping from sections (arspec, name, data, order, graph, head ...) to their contents.""",
        """
        - arspec: 1
        - name: small
        """,
        """
        arspec: 1
        name: small
        """,
        "remove the dashes.",
    ),
)
