"""The reference of the language as a page of Markdown. It is made from what the parsers and the models use: the JSON
Schema, the tables of operators, functions, masks, coordinates and references,
and the models' docstrings and examples."""

from __future__ import annotations

import inspect
from typing import Any

from pydantic import BaseModel

from arspec.heads import HEADS
from arspec.language.built_in import BUILT_IN
from arspec.language.experts import Experts
from arspec.language.extends import SECTIONS
from arspec.language.further import FurtherHead
from arspec.language.merging import MERGED
from arspec.language.reference_tables import code, example, keys, table
from arspec.language.references import FORMS
from arspec.language.sections import CONDITIONS, DATA, Auxiliary, OrderSection
from arspec.language.using import libraries
from arspec.layers import ALL, names_of
from arspec.masks import READY_MADE
from arspec.scans import SCANS_1D, SCANS_2D
from arspec.syntax.arithmetic import ALSO, BINARY, COMPARISONS, FUNCTIONS, PRECEDENCE, WORDS
from arspec.syntax.expressions import evaluate
from arspec.syntax.predicates import ARITHMETIC, COORDINATES
from arspec.syntax.yaml import Map, parse, plain, read

WHOLE = """\
arspec: 1
name: small
about: The smallest image model
data: {kind: image, height: 8, width: 8, levels: 4}
graph:
  scaled: {layer: scale, from: x}
  first: {layer: conv, kernel: 7, out: 32, mask: earlier}
  relu: {layer: relu}
  logits: {layer: conv, out: $head}
head: {kind: categorical, from: logits}"""

EXTENDED = """\
arspec: 1
name: a smaller PixelCNN
extends: pixelcnn.yaml
params: {height: 8, width: 8}"""

ADDED = """\
arspec: 1
name: a decoder with root-mean-square norms and a wider inner layer
extends: gpt
params: {length: 16, layers: 2, width: 32, hidden: 48}
blocks+:
  layer+:
    nodes+:
      norm1+: {kind: rms}
      up+: {out: $hidden}
      gelu: ~
      relu: {layer: relu}
      down+: {from: relu}
graph+:
  last+: {kind: rms}"""

USED = """\
arspec: 1
name: a decoder of ready-made layers
use: blocks/transformer
data: {kind: sequence, length: 16, levels: 128, content: text}
params: {width: 32}
graph:
  tokens: {layer: embedding, from: x, out: $width}
  before: {layer: shift, steps: 1}
  body: {block: gpt_layer, params: {width: $width, heads: 2}, repeat: 2}
  logits: {layer: conv, out: $head}
head: {kind: categorical, from: logits}"""

PARAMETERS = """\
params: {features: 24, large: false, kernel: "5 if $large else 3"}
graph:
  conv: {layer: conv, from: first, kernel: $kernel, out: 2 * $features, mask: so_far}
  more: {layer: conv, kernel: 3, out: "max(24, 4 * 12)", mask: so_far, when: $large}"""

EXPRESSIONS = (
    "2 * $width", "2 + 3 * 2 ** 2", "-2 ** 2", "7 // 2", "7 / 2", "8 / 2", "max(3, $width - 30)", "log2(64)",
    "16 if $small else $width", "not $small and 1 < 2 < 3",
)  # fmt: skip

MASKS = """\
masks:
  near: earlier and this.row - that.row <= 2
  aside: rows_above or (left and not here)
params: {reach: 3}
graph:
  first: {layer: conv, from: scaled, kernel: 5, out: 24, mask: near}
  wide: {layer: conv, from: first, kernel: 7, out: 24, mask: so_far and this.column - that.column <= $reach}
  own: {layer: conv, from: first, kernel: [2, 3], padding: {top: 1, left: 1, right: 1}, out: 24,
        mask: {kernel: [[1, 1, 1], [1, 1, 0]], groups: before or (here and B)}}"""

GRAPH = """\
params: {skip: true}
graph:
  scaled: {layer: scale, from: x}
  first: {layer: conv, kernel: 5, out: 24, mask: earlier}
  relu: {layer: relu}
  second: {layer: conv, kernel: 3, out: 24, mask: so_far}
  again: {layer: conv, from: relu, kernel: 3, out: 24, mask: so_far, weights: second}
  sum: {layer: add, from: [first, second, again], when: $skip}
  logits: {layer: conv, out: $head, mask: so_far}"""

BLOCKS = """\
blocks:
  layer:
    about: A residual layer
    inputs: {h: features of the layer before}
    params: {kernel: 3, mask: so_far}
    nodes:
      conv: {layer: conv, from: h, kernel: $kernel, out: 24, mask: $mask}
      relu: {layer: relu}
      sum: {layer: add, from: [relu, h]}
    outputs: {h: sum, skip: relu}
graph:
  body: {block: layer, from: {h: first}, params: {kernel: 5}, repeat: 4}
  again: {block: layer, from: {h: body.h}, params: {kernel: 5}, repeat: 4, weights: body}
  deep: {block: layer, from: {h: again.h}, repeat: 6, weights: shared}
  skips: {layer: add, from: [deep.h, body.*.skip]}
  ends: {layer: add, from: [body.0.h, body.-1.h, body.h, skips]}
  logits: {layer: conv, out: $head, mask: so_far}"""

MIRRORED = """\
blocks:
  down: {inputs: [h], nodes: {conv: {layer: conv, from: h, kernel: 3, out: 24, mask: so_far}}, outputs: {h: conv}}
  up: {inputs: [h, beside], nodes: {sum: {layer: add, from: [h, beside]}}, outputs: {h: sum}}
graph:
  down: {block: down, from: first, repeat: 3}
  up: {block: up, from: {h: down.h, beside: down.(-1 - $i).h}, repeat: 3}
  logits: {layer: conv, from: up, out: $head, mask: so_far}"""


def reference() -> str:
    """The page."""
    parts = [
        ["# The language of specs", "", "Printed by `arspec schema --reference`. Examples show parts of a spec."],
        _sections(),
        _params(),
        _data(),
        _orders(),
        _conditions(),
        _masks(),
        _graph(),
        _blocks(),
        _experts(),
        _layers(),
        _heads(),
    ]
    return "\n\n".join("\n".join(part) for part in parts) + "\n"


def _sections() -> list[str]:
    return [
        "## Sections", "",
        "A spec is a YAML file, a mapping of these sections. A whole one:", "", *example(WHOLE), "",
        *table(("section", "what it holds"), [(code(k), v) for k, v in SECTIONS.items()]), "",
        "With `extends` a spec starts from another file, whose path is taken from the folder of this one, or from a",
        "shipped spec by its name (`extends: pixelcnn`). Its `params` are joined with those of the other by name;",
        "every other section that it has stands in place of the other's:", "",
        *example(EXTENDED), "",
        "A section whose name ends in + (" + ", ".join(code(f"{name}+") for name in MERGED) + ") is merged with the",
        "other's instead. One rule holds at every depth: a key that ends in + is merged with the mapping of that name",
        "below it; a key without stands in the place of the one below it, or is new; null takes it out. A new entry",
        "stands directly before the next one that is there already, and behind the last of these at the end:", "",
        *example(ADDED), "",
        "`use` takes the blocks and masks of libraries, whose names no block of the spec has: files with these two",
        "sections, by their paths, or those that ship with arspec:", "",
        *table(("library", "its blocks"), _libraries()), "",
        *example(USED),
    ]  # fmt: skip


def _libraries() -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for name, path in libraries().items():
        tree = parse(read(path))
        blocks = tree.get("blocks") if isinstance(tree, Map) else None
        for block, (_, stated) in blocks.entries.items() if isinstance(blocks, Map) else ():
            about, inputs = (stated.get(key) if isinstance(stated, Map) else None for key in ("about", "params"))
            params = ", ".join(code(p) for p in inputs.entries) if isinstance(inputs, Map) else ""
            said = " ".join(str(plain(about)).split()) if about else ""  # a row of the table is one line
            text = f"{code(block)}: {said}"
            found.append((code(name), f"{text} ({params})" if params else text))
    return found


def _params() -> list[str]:
    values = {"width": 64, "small": False}
    results = [(code(text), code(_yaml(evaluate(text, values)))) for text in EXPRESSIONS]
    operators = [(code(symbol), meaning) for symbol, _, meaning in BINARY.values()]
    operators += [
        (code(symbol), f"comparison of numbers{ALSO.get(symbol, '')}; several in a row all hold")
        for symbol, _ in COMPARISONS.values()
    ]
    operators += [(code(word), meaning) for word, meaning in WORDS.items()]
    return [
        "## Parameters and expressions", "",
        "`params` names numbers, texts, truth values and lists. `$name` is the parameter; it may stand for any value,",
        "and in arithmetic for a number. Arithmetic of numbers alone is worked out as well. Inside { } an expression",
        "with a comma stands",
        "in quotes. Parameters may refer to those above them, and are set from outside: `--set features=64` on the "
        "command line, `params={\"features\": 64}` in Python.", "",
        *example(PARAMETERS), "",
        "Parameters that arspec gives:", "",
        *table(("parameter", "value"), [(code(f"${name}"), meaning) for name, meaning in BUILT_IN.items()]), "",
        *table(("operator or word", "meaning"), operators), "",
        *table(("function", "gives"), [(code(name), meaning) for name, (_, meaning) in FUNCTIONS.items()]), "",
        "What binds tightest comes first: brackets, " + ", then ".join(code(level) for level in PRECEDENCE) + ".", "",
        f"With {_said(values)}:", "",
        *table(("expression", "value"), results),
    ]  # fmt: skip


def _data() -> list[str]:
    parts = ["## Data", "", "Integers from 0 to `levels` − 1. `x` is the node that holds them."]
    for kind, model in DATA.items():
        parts += _part(f"data: {{kind: {kind}}}", model, f"data.{kind}")
    return [*parts, *_part("auxiliary", Auxiliary, "auxiliary")]


def _orders() -> list[str]:
    parts = [
        "## Orders",
        "",
        "The name of a scan alone, or a mapping; a list of them is a family.",
        *_part("order", OrderSection, "order"),
    ]
    for title, scans in (("Scans of images", SCANS_2D), ("Scans of sequences and vectors", SCANS_1D)):
        rows = [
            (code(name), " ".join((inspect.getdoc(scan) or "").split("\n\n")[0].split()))
            for name, scan in scans.items()
        ]
        parts += ["", f"### {title}", "", *table(("scan", "order"), rows)]
    return parts


def _conditions() -> list[str]:
    parts = [
        "## Conditions", "",
        "`condition` names what the model is given beside the data. A condition is a node of that name: `condition`",
        "and `gate` layers take it, and other layers compute with it.",
    ]  # fmt: skip
    for kind, model in CONDITIONS.items():
        parts += _part(f"condition: {{kind: {kind}}}", model, f"condition.{kind}")
    return parts


def _masks() -> list[str]:
    ready = [(code(name), meaning, code(text) if text else "built in") for name, (text, meaning) in READY_MADE.items()]
    joins = [(code(word), WORDS[word]) for word in ("not", "and", "or")]
    joins += [
        (code(symbol), "comparison of two numbers; several in a row all hold") for symbol, _ in COMPARISONS.values()
    ]
    joins += [(code(symbol), f"whole numbers: {_meaning(symbol)}") for symbol in ARITHMETIC.values()]
    return [
        "## Masks", "",
        "A mask says which sites a layer reads: a condition over `that`, a site that may be read, and `this`, the site",
        "that is computed. It is the name of a ready-made mask, one of the section `masks`, or made of these:", "",
        *table(("mask", "holds where", "written out"), ready), "",
        "A number of a site is written `that.row`, `this.rank`:", "",
        *table(("number", "meaning"), [(code(name), meaning) for name, meaning in COORDINATES.items()]), "",
        *table(("operator", "meaning"), joins), "",
        "`$name` is a whole number, or a parameter whose text is a mask. A layer with a `kernel` also takes a kernel",
        "of 0 and 1 as its mask, row by row, where 1 is read: `[[1, 1, 1], [1, 1, 0]]`. A mapping has two keys,",
        "`kernel` for that and `groups` for a mask over the channel groups at these places.", "",
        *example(MASKS),
    ]  # fmt: skip


def _graph() -> list[str]:
    return [
        "## Graph", "",
        "`graph` names nodes, each a layer, an instance of a block, or experts. A node reads nodes above it. A layer",
        "has its kind under `layer`, takes the keys of its kind, and these:", "",
        *keys("layer.conv", ("from", "weights", "when")), "",
        *example(GRAPH), "",
        "Nodes are named in `from`, `weights` and the outputs of blocks:", "",
        *table(("reference", "stands for"), [(code(form), meaning) for form, meaning in FORMS.items()]), "",
        "A node that `when` leaves out is no node: a list that names it is shorter, and a node without `from` reads",
        "the one before it.",
    ]  # fmt: skip


def _blocks() -> list[str]:
    return [
        "## Blocks", "",
        "`blocks` names subgraphs. Inside a block its inputs, `x` and the conditions are nodes; of its nodes only the",
        "outputs are seen from outside. Repeated, each repetition takes the outputs of the one before as its inputs of",
        "the same names. A single output without a name (`outputs: sum`) becomes the only input.", "",
        *keys("block"), "",
        "An instance of a block is a node with these keys:", "",
        *keys("instance"), "",
        *example(BLOCKS), "",
        "Each repetition may read another node, as in a U-net, whose ways up and down meet:", "",
        *example(MIRRORED),
    ]  # fmt: skip


def _experts() -> list[str]:
    text = inspect.cleandoc(Experts.__doc__ or "")
    return ["## Experts", "", text, "", *keys("experts"), "", *example(Experts.example)]


def _layers() -> list[str]:
    parts = ["## Layers"]
    for kind in ALL:
        names = names_of(kind)
        parts += _part("`, `".join(names), kind, f"layer.{names[0]}", ("layer", "from", "weights", "when"))
    return parts


def _heads() -> list[str]:
    parts = [
        "## Heads", "",
        "`head` is the distribution of each variable, and names the node that gives its parameters, `$head` channels",
        "of them. Data with auxiliary images have a head for each part, by its name, and `x` for the image itself.",
    ]  # fmt: skip
    for kind, model in HEADS.items():
        parts += _part(f"head: {{kind: {kind}}}", model, f"head.{kind}")
    return [*parts, *_part("heads: {NAME: {from: ...}}", FurtherHead, "further")]


def _part(title: str, model: type[BaseModel], definition: str, common: tuple[str, ...] = ()) -> list[str]:
    """A heading, what the model says of itself, its keys, and its example."""
    shown: Any = getattr(model, "example", "")
    text = inspect.cleandoc(model.__doc__ or "")
    return ["", f"### `{title}`", "", text, "", *keys(definition, without=common), "", *example(shown)]


def _meaning(symbol: str) -> str:
    return next(meaning for other, _, meaning in BINARY.values() if other == symbol)


def _said(values: dict[str, Any]) -> str:
    return code("params: {" + ", ".join(f"{name}: {_yaml(value)}" for name, value in values.items()) + "}")


def _yaml(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
