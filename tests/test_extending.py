"""What a spec adds to the one that it extends: names that merge with a +, in all sections."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from arspec.analysis.fix import propose
from arspec.analysis.report import prove
from arspec.diagnostics import SpecError
from arspec.language.load import Spec, from_text, load
from arspec.language.using import libraries
from arspec.model import build
from arspec.saving.spec_file import read_spec, write_spec
from arspec.syntax.yaml import parse, plain, read
from tests.small import CHARS

BASE = CHARS.replace(
    "graph:",
    """\
masks: {near: so_far}
blocks:
  layer:
    inputs: [h]
    nodes:
      norm: {layer: norm, from: h}
      up: {layer: conv, out: 2 * $width}
      gelu: {layer: gelu}
      down: {layer: conv, out: $width}
      sum: {layer: add, from: [down, h]}
    outputs: {h: sum}
graph:""",
).replace("  logits:", "  body: {block: layer, from: relu, repeat: 2}\n  logits:")


def spec(folder: Path, text: str) -> Spec:
    (folder / "base.yaml").write_text(BASE)
    own = folder / "own.yaml"
    own.write_text(f"arspec: 1\nextends: base.yaml\n{text}")
    return load(own)


def kinds(spec: Spec) -> dict[str, str]:
    return {node.name: node.layer.layer for node in spec.graph().nodes}


def test_a_name_without_a_plus_replaces_and_one_with_it_merges(tmp_path: Path) -> None:
    found = spec(tmp_path, "graph+:\n  relu: {layer: gelu}\n  mixed+: {kernel: 5}\n")
    assert kinds(found)["relu"] == "gelu"
    mixed = next(node for node in found.graph().nodes if node.name == "mixed")
    assert mixed.layer.model_dump()["kernel"] == 5
    assert str(mixed.mask) == "so_far"  # what was not named stays
    assert [*kinds(found)] == [*kinds(load(tmp_path / "base.yaml"))]  # and everything in its place


def test_new_entries_stand_before_the_next_that_is_there_and_the_last_at_the_end(tmp_path: Path) -> None:
    text = "graph+:\n  a: {layer: relu}\n  b: {layer: tanh}\n  relu+: {}\n  c: {layer: relu}\n  logits+: {}\n"
    names = [*kinds(spec(tmp_path, text))]
    assert names == ["tokens", "before", "mixed", "a", "b", "relu",
                     *(f"body.{k}.{n}" for k in (0, 1) for n in ("norm", "up", "gelu", "down", "sum")),
                     "c", "logits"]  # fmt: skip
    text = "graph+:\n  relu+: {}\n  end: {layer: conv, out: $head}\nhead+: {from: end}\n"
    assert [*kinds(spec(tmp_path, text))][-1] == "end"


def test_null_takes_an_entry_out(tmp_path: Path) -> None:
    found = kinds(spec(tmp_path, "blocks+:\n  layer+:\n    nodes+: {norm: ~, up+: {from: h}}\n"))
    assert "body.0.norm" not in found and "body.1.up" in found


def test_blocks_masks_conditions_data_and_head_merge(tmp_path: Path) -> None:
    found = spec(tmp_path, """\
data+: {length: 12}
masks+: {far: earlier}
blocks+:
  layer+: {nodes+: {gelu: {layer: relu}}}
  other: {inputs: [h], nodes: {mixed: {layer: conv, from: h, kernel: 2, mask: near, out: $width}}, outputs: {h: mixed}}
graph+:
  mixed+: {mask: far}
  other: {block: other, from: relu}
  body+: {from: other}
""")  # fmt: skip
    assert found.data.length == 12 and found.data.content == "text"
    assert kinds(found)["body.0.gelu"] == "relu" and kinds(found)["other.mixed"] == "conv"
    assert prove(found).proven


def test_what_is_merged_merges_again_along_a_chain(tmp_path: Path) -> None:
    spec(tmp_path, "graph+: {relu: {layer: tanh}}\n")
    (tmp_path / "third.yaml").write_text("arspec: 1\nextends: own.yaml\ngraph+: {mixed+: {kernel: 2}, relu+: {}}\n")
    found = load(tmp_path / "third.yaml")
    assert kinds(found)["relu"] == "tanh" and found.graph().live


def test_a_merged_spec_is_saved_and_read_again(tmp_path: Path) -> None:
    found = spec(tmp_path, "blocks+: {layer+: {nodes+: {gelu: {layer: relu}}}}\ngraph+: {mixed+: {kernel: 5}}\n")
    (tmp_path / "run").mkdir()
    write_spec(found, tmp_path / "run")
    assert kinds(read_spec(tmp_path / "run")) == kinds(found)


@pytest.mark.parametrize(
    "text", ["graph+: {mixed+: {mask: everything}}\n", "graph+: {before: ~, mixed+: {from: tokens}}\n"]
)
def test_leaks_of_what_is_merged_are_mended_where_they_were_written(tmp_path: Path, text: str) -> None:
    found = spec(tmp_path, text)
    proposal = propose(prove(found))
    assert proposal is not None
    proposal.write()
    assert prove(load(tmp_path / "own.yaml")).proven


@pytest.mark.parametrize(
    ("text", "code", "words"),
    [
        ("graph+: {}\ngraph: {}\n", "AR110", "`graph+` adds to the section below, and `graph` replaces it"),
        ("graph+: {relu: {layer: gelu}, relu+: {}}\n", "AR110", "'relu' stands here with a + and without"),
        ("condition+: {label: {kind: class, classes: 3}}\n", "AR225", "there is no `condition` below"),
        ("graph+: {rellu+: {}}\n", "AR225", "`rellu+` adds to 'rellu' below, and there is none"),
        ("graph+: {rellu: ~}\n", "AR225", "null takes 'rellu' out, and there is none below"),
        ("graph+: [relu]\n", "AR103", "`graph+` takes a mapping"),
        ("blocks+: {layer+: {outputs+: {h+: {}}}}\n", "AR225", "is 'sum' below and no mapping"),
        ("params+: {width: 3}\n", "AR105", "there is no section 'params+'"),
        ("graphs+: {}\n", "AR105", "there is no section 'graphs+'"),
    ],
)
def test_what_does_not_merge_is_told(tmp_path: Path, text: str, code: str, words: str) -> None:
    with pytest.raises(SpecError) as caught:
        spec(tmp_path, text).graph()
    assert any(one.code == code and words in one.message for one in caught.value.diagnostics), str(caught.value)


def test_without_extends_there_is_nothing_to_add_to(tmp_path: Path) -> None:
    (tmp_path / "alone.yaml").write_text(CHARS + "graph+: {relu: {layer: tanh}}\n")
    with pytest.raises(SpecError) as caught:
        load(tmp_path / "alone.yaml")
    assert {one.code for one in caught.value.diagnostics} == {"AR110"}


# -- use -------------------------------------------------------------------------------------------------------------

BLOCKS = """\
arspec: 1
masks: {near: so_far and this.step - that.step < 4}
blocks:
  mixed:
    inputs: [h]
    params: {width: 12}
    nodes: {conv: {layer: conv, from: h, kernel: 3, mask: near, out: $width}, relu: {layer: relu}}
    outputs: {h: relu}
"""
USER = CHARS.replace("data:", "use: mine.yaml\ndata:").replace(
    "  relu: {layer: relu}\n", "  body: {block: mixed, repeat: 2}\n"
)


def user(folder: Path, blocks: str = BLOCKS, text: str = USER) -> Spec:
    (folder / "mine.yaml").write_text(blocks)
    (folder / "own.yaml").write_text(text)
    return load(folder / "own.yaml")


def test_blocks_of_a_library_stand_beside_the_own(tmp_path: Path) -> None:
    found = user(tmp_path)
    assert kinds(found)["body.1.conv"] == "conv" and prove(found).proven
    own = USER.replace(
        "graph:", "blocks: {own: {inputs: [h], nodes: {a: {layer: tanh, from: h}}, outputs: {h: a}}}\ngraph:"
    )
    own = own.replace("  logits:", "  own: {block: own}\n  logits:")
    assert {"body.0.relu", "own.a"} <= kinds(user(tmp_path, text=own)).keys()


def test_what_a_library_has_may_be_added_to(tmp_path: Path) -> None:
    text = USER.replace("graph:", "blocks+: {mixed+: {nodes+: {relu: {layer: gelu}}}}\nmasks+: {near: earlier}\ngraph:")
    found = user(tmp_path, text=text)
    assert kinds(found)["body.0.relu"] == "gelu"
    assert next(str(node.mask) for node in found.graph().nodes if node.name == "body.0.conv") == "near"
    assert prove(found).proven


def test_a_fault_inside_a_library_names_the_instance(tmp_path: Path) -> None:
    text = USER.replace("{block: mixed, repeat: 2}", "{block: mixed, repeat: 2, params: {width: 0}}")
    with pytest.raises(SpecError) as caught:
        user(tmp_path, text=text).graph()
    (fault,) = caught.value.diagnostics
    assert fault.place is not None and fault.place.source.name.endswith("mine.yaml")
    ((place, note),) = fault.related
    assert place.source.name.endswith("own.yaml") and place.text == "mixed"
    assert note == "the instance 'body.0', with width 0"


def test_a_fault_inside_a_library_says_what_the_block_has_of_its_own() -> None:
    text = """
arspec: 1
name: mine
data: {kind: sequence, length: 8, levels: 8}
use: blocks/transformer
params: {width: 16, heads: 8}
graph:
  tokens: {layer: embedding, from: x, out: $width}
  before: {layer: shift, steps: 1}
  body: {block: llama_layer, PARAMS repeat: 2}
  logits: {layer: conv, out: $head}
head: {kind: categorical, from: logits}
"""
    with pytest.raises(SpecError) as caught:
        from_text(text.replace("PARAMS ", "")).graph()
    ((_, note),) = caught.value.diagnostics[0].related
    mend = "`params: {width: $width}` hands on the spec's"
    assert note == f"the instance 'body.0'; the block has its own width 512: {mend}"
    assert from_text(text.replace("PARAMS", "params: {width: $width},")).graph()


def test_what_a_block_has_of_its_own_is_said_where_it_is_known(tmp_path: Path) -> None:
    """A value that is a fault itself is none of those that differ."""
    params = "{width: $nothing, heads: 2, inner: 4}"
    block = f"blocks: {{own: {{inputs: [h], params: {params}, nodes: {{a: {{layer: cnv, from: h}}}}, outputs: a}}}}"
    (tmp_path / "own.yaml").write_text(block)
    spec = """
arspec: 1
name: mine
data: {kind: sequence, length: 8, levels: 8}
use: own.yaml
params: {width: 16, heads: 8, inner: $neither}
graph:
  tokens: {layer: embedding, from: x, out: 16}
  body: {block: own}
  logits: {layer: conv, out: $head}
head: {kind: categorical, from: logits}
"""
    (tmp_path / "mine.yaml").write_text(spec)
    with pytest.raises(SpecError) as caught:
        load(tmp_path / "mine.yaml").graph()
    notes = {note for one in caught.value.diagnostics for _, note in one.related}
    assert notes == {
        "the instance 'body'; the block has its own heads 2: `params: {heads: $heads}` hands on the spec's"
    }


def test_a_run_keeps_the_blocks_that_it_uses(tmp_path: Path) -> None:
    found = user(tmp_path, text=USER.replace("mine.yaml", "[mine.yaml, blocks/transformer]"))
    (tmp_path / "run").mkdir()
    write_spec(found, tmp_path / "run")
    (tmp_path / "mine.yaml").unlink()
    assert kinds(read_spec(tmp_path / "run")) == kinds(found)
    assert "transformer" not in (tmp_path / "run" / "spec.yaml").read_text()


@pytest.mark.parametrize(
    ("blocks", "use", "code", "words"),
    [
        (BLOCKS, "[mine.yaml, mine.yaml]", "AR226", "has `mixed` among its blocks"),
        (BLOCKS, "blocks/transformr", "AR226", "the blocks of 'blocks/transformr' can't be read"),
        (BLOCKS, "none.yaml", "AR226", "the blocks of 'none.yaml' can't be read"),
        (BLOCKS, "3", "AR103", "`use` names libraries of blocks, and was given 3"),
        (BLOCKS, "[]", "AR103", "`use` names libraries of blocks"),
        (BLOCKS, str(["mine.yaml"] * 17), "AR226", "17 libraries, where 16 are the limit (MAX_USED)"),
        (BLOCKS + "graph: {}\n", "mine.yaml", "AR226", "it has the section `graph`"),
        ("arspec: 1\nmasks: {}\n", "mine.yaml", "AR226", "it has no `blocks`"),
        ("- 1\n", "mine.yaml", "AR226", "is no library of blocks"),
        ("a: [\n", "mine.yaml", "AR001", "in a mapping"),
    ],
)
def test_what_is_no_library_is_told(tmp_path: Path, blocks: str, use: str, code: str, words: str) -> None:
    with pytest.raises(SpecError) as caught:
        user(tmp_path, blocks, USER.replace("use: mine.yaml", f"use: {use}")).graph()
    assert any(one.code == code and words in one.message for one in caught.value.diagnostics), str(caught.value)


def test_a_file_outside_the_folder_is_not_quoted(tmp_path: Path) -> None:
    """What stands in it is not shown, as with a spec that is extended."""
    (tmp_path / "secret").write_text("token: [hidden words\n")
    (tmp_path / "below").mkdir()
    with pytest.raises(SpecError) as caught:
        user(tmp_path / "below", text=USER.replace("mine.yaml", "../secret"))
    assert "hidden" not in str(caught.value)


@pytest.mark.parametrize("name", libraries())
def test_shipped_blocks_stand_alone(name: str, tmp_path: Path) -> None:
    """Every parameter of a block is its own, so that a spec needs to know none but these."""
    tree = plain(parse(read(libraries()[name])))
    for block, stated in tree["blocks"].items():
        own = stated.get("params", {}).keys()
        assert names_in(stated["nodes"]) | names_in(stated.get("params", {})) <= own | {"i"}, block
        assert stated["about"], block


IMAGE, STEPS = "{kind: image, height: 4, width: 4, levels: 4}", "{kind: sequence, length: 9, levels: 8}"
PLACED = {  # block: (library, data, the nodes before it, how it is placed)
    "gpt_layer": ("transformer", STEPS, "", "{block: gpt_layer, params: {width: 8, heads: 2}, repeat: 2}"),
    "llama_layer": ("transformer", STEPS, "",
                    "{block: llama_layer, params: {width: 8, keys: 4, heads: 4, kv_heads: 2, hidden: 12}, repeat: 2}"),
    "mamba_layer": ("recurrence", STEPS, "", "{block: mamba_layer, params: {width: 8, rank: 2, states: 2}, repeat: 2}"),
    "griffin_layer": ("recurrence", STEPS, "", "{block: griffin_layer, params: {width: 8}, repeat: 2}"),
    "dilated_layer": ("convolution", STEPS, "",
                      "{block: dilated_layer, params: {residual: 8, dilation: 2 ** $i}, from: before, repeat: 2}"),
    "gated_layer": ("convolution", IMAGE, "  first: {layer: conv, from: tokens, kernel: 3, out: 8, mask: earlier}\n"
                    "  above: {layer: conv, from: tokens, kernel: 3, out: 8, mask: rows_above}\n",
                    "{block: gated_layer, from: {v: above, h: first}, params: {features: 8, kernel: 3}, repeat: 2}"),
}  # fmt: skip


@pytest.mark.parametrize("block", PLACED)
def test_shipped_blocks_are_proven_where_they_are_placed(block: str) -> None:
    library, data, before, placed = PLACED[block]
    shifted = "" if before else "  before: {layer: shift, steps: 1}\n"
    output = {"gated_layer": "body.h", "dilated_layer": "body.features"}.get(block, "body")
    text = (
        f"arspec: 1\nuse: blocks/{library}\ndata: {data}\ngraph:\n  tokens: {{layer: embedding, from: x, out: 8}}\n"
        f"{shifted}"
        f"{before}  body: {placed}\n  logits: {{layer: conv, from: {output}, out: $head, mask: so_far}}\n"
        "head: {kind: categorical, from: logits}\n"
    )
    assert prove(from_text(text)).proven


@pytest.mark.parametrize(("params", "keys", "hidden"), [
    ("", 128, 1376),
    ("width: 8, heads: 4", 4, 32),
    ("width: 24, heads: 6, kv_heads: 3", 12, 64),
    ("width: 24, heads: 3, kv_heads: 1", 8, 64),
])  # fmt: skip
def test_sizes_of_a_llama_layer_follow_from_its_width(params: str, keys: int, hidden: int) -> None:
    """Keys have heads of the queries' size, whatever sizes are given: no size of one model is a default of another."""
    width = int(re.findall(r"width: (\d+)", params + " width: 512")[0])
    text = (
        f"arspec: 1\nuse: blocks/transformer\ndata: {STEPS}\ngraph:\n"
        f"  tokens: {{layer: embedding, from: x, out: {width}}}\n  before: {{layer: shift, steps: 1}}\n"
        f"  body: {{block: llama_layer, params: {{{params}}}}}\n  logits: {{layer: conv, out: $head}}\n"
        "head: {kind: categorical, from: logits}\n"
    )
    spec = from_text(text)
    assert prove(spec).proven
    weights = build(spec).state_dict()
    sizes = [next(len(w) for key, w in weights.items() if key.endswith(f".{n}.weight")) for n in ("k", "v", "gate")]
    assert sizes == [keys, keys, hidden]


def test_every_shipped_block_is_placed() -> None:
    shipped = {name: list(plain(parse(read(path)))["blocks"]) for name, path in libraries().items()}
    assert {block for blocks in shipped.values() for block in blocks} == PLACED.keys()


def names_in(value: object) -> set[str]:
    return set(re.findall(r"\$\{?([A-Za-z_]\w*)", str(value)))
