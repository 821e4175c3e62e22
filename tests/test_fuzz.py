"""Fuzzed specs: whatever is done to a spec, it loads or its faults are told; never a traceback, never a hang, and never
more work than is allowed, which is counted (`arspec.diagnostics.work`), so that it is the same on every machine.

Specs are mutated as texts and as trees: keys and values deleted, doubled, exchanged between specs, replaced by odd
numbers, references, expressions and masks; repeats, grids and kernels made huge; trees made deep; aliases multiplied.
Each case is the seed of a generator, so that a failure is run again by its number.
"""

from __future__ import annotations

import copy
import faulthandler
import itertools
import random
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from arspec.analysis.known_at import Relations, known_at, leaking
from arspec.diagnostics import InputError, github, text, to_json
from arspec.diagnostics.work import Work
from arspec.language.extends import SECTIONS
from arspec.language.load import from_text
from arspec.layers import KINDS
from arspec.masks import READY_MADE
from arspec.syntax.yaml import parse, plain, read

ROOT = Path(__file__).parent.parent
FINE = [*sorted(ROOT.glob("specs/*.yaml")), *sorted(ROOT.glob("tests/specs/ok/*.yaml"))]
FAULTY = sorted(ROOT.glob("tests/specs/err/ar*.yaml"))
CASES, CHUNK = 5000, 250
STEPS = 3_000_000  # of work that one case may take: all limits together allow ten times as many
HANG = 300  # seconds after which a case is given up
SMALL = 200_000  # sites of all nodes: up to these a spec that loads is proven too

NUMBERS: list[Any] = [
    0, 1, 2, 3, -1, -7, 5, 8, 64, 100, 4096, 65536, 10**6, 2**31, 2**53, 2**63, -(2**63), 10**30, 0.5, 1.0, -0.0,
    1e-300, 1e308,
    float("nan"), float("inf"), True, False, None,
]  # fmt: skip
REFERENCES = [
    "x", "nothing", "body", "body.*", "body.*.skip", "body.0", "body.-1.v", "body.(-1 - $i).v", "first", "first.v",
    "label", "*", ".",
    "body..v", "body.99999999999999999999", "body.(1 / 0)", "body.*.*.*", "1", "", "x.x", "é", "body.($nothing)",
    "body.(((1)))",
]  # fmt: skip
EXPRESSIONS = [
    "$width", "2 * $width", "$nothing", "$", "$$", "$i", "9 ** 9 ** $width", "$width // 0", "1 / $i", "$head",
    "$levels ** 40", "-$width",
    "$width if $i else 3", "min($width, $i)", "(" * 40 + "$i" + ")" * 40, "$i" + " + $i" * 90, "$i" + "*9" * 400,
    "$width.real",
    "__import__('os')$i", "$width % 0.0", "sqrt(-$width)", "2 ** 0.5 * $width", "$mask", "$kernel", "not $i",
    "$i < $width < 3",
]  # fmt: skip
MASKS = [
    *READY_MADE, "earlier and", "that.row < this.row", "that.step == this.step - 3", "not (A or B)",
    "that.group <= this.group",
    "that.position // 0 == 1", "that.row * that.row * that.row > 7", "this", "that.rank < this.rank and not here",
    "(" * 33 + "here" + ")" * 33,
    "here" + " or here" * 70, [[1]], [[1, 0], [0]], [1, 1], [[0.5]], [[1] * 60] * 60,
    {"kernel": [[1, 1, 1]], "groups": "B"}, {"groups": "A"},
    "that.row - $width > 0", "1 < 2 < 3", "mine", "that.column % 3 == this.column",
]  # fmt: skip
TEXTS = [
    "",
    "é\u202e",
    "\x07",
    "a" * 2000,
    "no",
    "1e3",
    "0x10",
    "~",
    "<<",
    "raster",
    "image",
    "conv",
    "same",
    "joint",
    "{",
    "*x",
    "&a",
    "!!int 3",
]


@cache
def texts(fine: bool) -> list[str]:
    return [path.read_bytes().decode("utf-8", "replace") for path in (FINE if fine else FAULTY)]


@cache
def trees(fine: bool) -> list[Any]:
    found: list[Any] = []
    for path in FINE if fine else FAULTY:
        try:
            found.append(plain(parse(read(path))))
        except InputError:
            continue
    return [tree for tree in found if isinstance(tree, dict)]


def is_fine(draw: random.Random) -> bool:
    """Two thirds of the cases start from specs that hold, the others from specs that have a fault already."""
    return draw.random() < 0.67


# -- trees -----------------------------------------------------------------------------------------------------------


def places(tree: Any) -> Iterator[tuple[Any, Any]]:
    """(container, key) of every value of a tree."""
    for key, value in tree.items() if isinstance(tree, dict) else enumerate(tree):
        yield tree, key
        if isinstance(value, (dict, list)):
            yield from places(value)


def value(draw: random.Random) -> Any:
    kinds: list[Callable[[], Any]] = [
        lambda: draw.choice(NUMBERS), lambda: draw.choice(NUMBERS), lambda: draw.choice(REFERENCES),
        lambda: draw.choice(EXPRESSIONS),
        lambda: draw.choice(MASKS), lambda: draw.choice(TEXTS), lambda: draw.randint(-3, 40),
        lambda: [draw.choice(NUMBERS) for _ in range(draw.randint(0, 4))],
        lambda: {draw.choice(TEXTS): draw.choice(NUMBERS)},
        lambda: [draw.choice(REFERENCES) for _ in range(draw.randint(0, 3))],
        lambda: {"layer": draw.choice(list(KINDS))},
        lambda: {"block": draw.choice(["layer", "resnet", "nothing"]), "repeat": draw.choice(NUMBERS)},
    ]  # fmt: skip
    return draw.choice(kinds)()


def key_of(draw: random.Random) -> str:
    fields = [field.alias or name for name, field in draw.choice(list(KINDS.values())).model_fields.items()]
    return draw.choice(
        [
            *fields,
            *fields,
            *SECTIONS,
            "repeat",
            "when",
            "block",
            "inputs",
            "outputs",
            "nodes",
            "x",
            "head",
            "i",
            "a.b",
            "",
        ]
    )


def mutate(tree: Any, draw: random.Random) -> None:
    spots = list(places(tree))
    if not spots:
        return
    container, key = draw.choice(spots)
    match draw.randrange(8):
        case 0:
            del container[key]
        case 1 | 2 | 3:
            container[key] = value(draw)
        case 4:  # what stands at another place, of this spec or another
            other, at = draw.choice(list(places(draw.choice([tree, draw.choice(trees(is_fine(draw)))]))))
            container[key] = copy.deepcopy(other[at])
        case 5 if isinstance(container, dict):
            container[key_of(draw)] = value(draw)
        case 6 if isinstance(container, dict):  # the same under another name, in another place of the order
            renamed = [(key_of(draw) if k == key else k, v) for k, v in container.items()]
            draw.shuffle(renamed)
            container.clear()
            container.update(renamed)
        case _:
            scaled = container[key]
            if isinstance(scaled, (int, float)):
                container[key] = scaled * draw.choice([0, -1, 2, 3, 10, 1000, 10**6])
            else:
                container[key] = [scaled] * draw.choice([0, 1, 2, 50]) if draw.random() < 0.5 else {"a": scaled}


def from_a_tree(draw: random.Random) -> str:
    tree = copy.deepcopy(draw.choice(trees(is_fine(draw))))
    for _ in range(draw.choice([1, 1, 1, 1, 2, 5])):
        mutate(tree, draw)
    return dumped(tree, draw.random() < 0.3)


def dumped(tree: Any, flow: bool) -> str:
    """As PyYAML's own writer has it; libyaml writes the same many times as fast, but for empty keys."""
    for writer in (getattr(yaml, "CDumper", yaml.Dumper), yaml.Dumper):
        written = yaml.dump(tree, Dumper=writer, allow_unicode=True, sort_keys=False, default_flow_style=flow)
        if "'':" not in written:
            break
    return written


# -- texts -----------------------------------------------------------------------------------------------------------


def from_a_text(draw: random.Random) -> str:
    found = draw.choice(texts(is_fine(draw)))
    for _ in range(draw.choice([1, 1, 2, 5])):
        at, end = sorted((draw.randrange(len(found) + 1), draw.randrange(len(found) + 1)))
        end = min(end, at + draw.choice([1, 3, 20, 300]))
        lines = found.splitlines(keepends=True) or [""]
        match draw.randrange(6):
            case 0:
                found = found[:at] + found[end:]
            case 1:
                found = (
                    found[:at]
                    + draw.choice(
                        ["\t", "\x00", "'", '"', "{", "}", "[", "]", ":", "#", "$", "*a ", "&a ", "!!x ", "\n", "- "]
                    )
                    + found[at:]
                )
            case 2:
                found = found[:at] + str(draw.choice([*NUMBERS, *EXPRESSIONS, *REFERENCES])) + found[end:]
            case 3:
                del lines[draw.randrange(len(lines))]
                found = "".join(lines)
            case 4:
                lines.insert(draw.randrange(len(lines)), draw.choice(lines))
                found = "".join(lines)
            case _:
                found = found[:at] + found[at:end] * draw.choice([2, 30]) + found[end:]
    return found


# -- bombs -----------------------------------------------------------------------------------------------------------

SPEC = """arspec: 1
data: {data}
order: {order}
params: {params}
masks: {masks}
blocks: {blocks}
graph:
  scaled: {{layer: scale}}
  first: {first}
  rest: {rest}
  logits: {{layer: conv, from: first, kernel: 1, out: $head, mask: so_far}}
head: {{kind: categorical, from: logits}}
"""


def bomb(draw: random.Random) -> str:
    """A spec in which something is huge, deep or grows with every line."""
    large = draw.choice([3, 30, 300, 3000, 4096, 30_000, 2**20, 10**9])
    many = draw.choice([2, 5, 40, 300])
    names = [f"m{n}" for n in range(many)]
    parts: dict[str, str] = {
        "data": "{kind: image, height: 8, width: 8, channels: 3, levels: 4}", "order": "raster",
        "params": "{width: 12}", "masks": "{}",
        "blocks": "{}", "first": "{layer: conv, kernel: 3, out: 12, mask: earlier}", "rest": "{layer: relu}",
    }  # fmt: skip
    layer = "{inputs: [h], nodes: {c: {layer: relu, from: h}}, outputs: {h: c}}"
    conv = "{{layer: conv, kernel: {}, out: {}, stride: {}, dilation: {}, mask: {}, padding: {}}}"
    odd = [1, 1, 2, 3, large]
    choices: list[dict[str, str]] = [
        {"data": f"{{kind: image, height: {large}, width: {draw.choice([1, 8, large])}, channels: "
                 f"{draw.choice([1, 3, 64])}, levels: 4}}"},
        {"data": f"{{kind: sequence, length: {large}, levels: 4}}", "order": "{}"},
        {"data": f"{{kind: vector, size: {large}, levels: {draw.choice([2, 65536])}}}",
         "order": f"{{scan: random, members: {large}}}"},
        {"order": f"{{scan: random, members: {large}, seed: {large}}}"},
        {"order": f"{{scan: subscale, factor: {large}}}"},
        {"order": "{ranks: [" + ", ".join(str(draw.randrange(-1, 64)) for _ in range(64)) + "]}"},
        {"params": "{a0: [1, 1], " + ", ".join(f"a{n + 1}: [$a{n}, $a{n}]" for n in range(many))
         + f", width: $a{many}}}", "first": "{layer: conv, kernel: $width, out: $width}"},
        {"masks": "{m0: left, " + ", ".join(f"{b}: {a} and {a}" for a, b in itertools.pairwise(names)) + "}",
         "first": f"{{layer: conv, out: 12, mask: {names[-1]}}}"},
        {"masks": "{" + ", ".join(f"{a}: not {b}" for a, b in zip(names, [*names[1:], names[0]], strict=True)) + "}"},
        {"first": conv.format(draw.choice([large, [large, 1], [1, large], "$width"]), draw.choice([12, 3 * large]),
                              draw.choice(odd), draw.choice(odd), draw.choice(list(READY_MADE)),
                              draw.choice(["same", "causal", "valid", large]))},
        {"first": f"{{layer: upsample, factor: {large}}}"},
        {"first": f"{{layer: pad, top: {large}, left: {large}}}", "rest": f"{{layer: crop, top: {large}}}"},
        {"first": f"{{layer: shift, rows: {large}}}"},
        {"rest": f"{{layer: lstm, from: first, state: [[-1, 0], [0, -{min(large, 5)}]], carry: "
                 f"{draw.choice([0, 1, large])}}}"},
        {"rest": f"{{layer: attention, from: first, keys: first, values: first, mask: {draw.choice(list(READY_MADE))}, "
                 f"heads: {draw.choice([1, 2, large])}}}"},
        {"rest": f"{{layer: norm, over: {draw.choice(['space', 'pixel', 'batch'])}, epsilon: "
                 f"{draw.choice(['.nan', '.inf', 0, 1e-9])}}}"},
        {"blocks": f"{{layer: {layer}}}", "rest": f"{{block: layer, from: first, repeat: {large}}}"},
        {
            "blocks": f"{{layer: {layer}, stage: {{inputs: [h], nodes: {{c: {{block: layer, from: h, repeat: "
                      f"{large}}}}}, outputs: {{h: c.h}}}}}}",
            "rest": f"{{block: stage, from: first, repeat: {large}}}",
        },
        {
            "blocks": "{e: {inputs: [h], nodes: {n: {layer: relu, from: h, when: false}}, outputs: {h: h}}, "
                      f"f: {{inputs: [h], nodes: {{n: {{block: e, from: h, repeat: {large}}}}}, outputs: {{h: h}}}}}}",
            "rest": f"{{block: f, from: first, repeat: {large}}}",
        },
        {"blocks": "{twice: {inputs: [h], nodes: {c: {layer: relu, from: first}}, outputs: {h: [h, h]}}}",
         "rest": f"{{block: twice, from: first, repeat: {many}}}"},
        {"blocks": f"{{layer: {layer}}}", "first": "{layer: relu}",
         "rest": f"{{block: layer, from: first, repeat: {min(large, 5000)}}}\n  sums: {{layer: add, from: "
                 f"[{', '.join(['rest.*.h'] * many)}]}}"},
        {"params": f"{{width: {'[' * many}12{']' * many}}}"},
        {"params": "&p {width: 12, again: [" + ", ".join(["*p"] * 3) + "]}"},
        {"params": "{a: &a [1, 1], "
         + ", ".join(f"b{n}: &b{n} [*{'a' if n == 0 else f'b{n - 1}'}, *a]" for n in range(many)) + "}"},
        {"rest": "{layer: " + draw.choice(list(KINDS)) + f", from: first, {key_of(draw)}: {large}}}"},
        {"rest": "[" * large + "]" * large if large < 10_000 else "{"
         + ", ".join(f"k{n}: {n}" for n in range(many * 30)) + "}"},
    ]  # fmt: skip
    for chosen in draw.sample(choices, draw.choice([1, 1, 2])):
        parts |= chosen
    return SPEC.format(**parts)


# -- the test --------------------------------------------------------------------------------------------------------


def case(seed: int) -> str:
    draw = random.Random(seed)
    return draw.choices([from_a_tree, from_a_text, bomb], [6, 3, 1])[0](draw)


def run(written: str, work: Work) -> str:
    """Loads, expands and, where it is small, proves a spec; prints what is told in all formats.
    The outcome in a word."""
    try:
        spec = from_text(written, str(ROOT / "specs" / "fuzzed.yaml"), work=work)
        graph = spec.graph()
    except InputError as error:
        assert error.diagnostics
        assert text(error.diagnostics).replace("\n", "").isprintable()
        assert github(error.diagnostics).count("\n") == len(to_json(error.diagnostics)) - 1
        return "refused"
    if sum(node.out.sites for node in graph.nodes) * len(spec.members) > SMALL:
        return "large"
    for member in spec.members:
        relations = Relations(graph, member)
        leaking(relations, known_at(relations))
    assert graph.describe()
    return "proven"


@pytest.mark.timeout(900)
@pytest.mark.parametrize("chunk", range(CASES // CHUNK))
def test_fuzzed_specs_are_refused_or_proven(chunk: int, monkeypatch: pytest.MonkeyPatch) -> None:
    outcomes: dict[str, int] = {}
    for seed in range(chunk * CHUNK, (chunk + 1) * CHUNK):
        written = case(seed)
        work = Work()
        faulthandler.dump_traceback_later(HANG, exit=True)  # a hang ends the run, and says where it was
        try:
            outcome = run(written, work)
        except Exception as error:
            raise AssertionError(f"seed {seed} raised {type(error).__name__}: {error}\n{written[:4000]}") from error
        finally:
            faulthandler.cancel_dump_traceback_later()
        assert work.steps < STEPS, f"seed {seed} takes {work.steps:,.0f} steps: {work.counts}\n{written[:4000]}"
        assert outcome == "refused" or work.counts["characters"] >= len(written), f"seed {seed} was not counted"
        outcomes[outcome] = outcomes.get(outcome, 0) + 1
    assert outcomes["refused"] > CHUNK // 4, outcomes
    assert outcomes.get("proven", 0) + outcomes.get("large", 0) > CHUNK // 25, outcomes
