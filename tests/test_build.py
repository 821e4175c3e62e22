"""The builder: every shipped spec, built from Python, has an identical graph; and what is built wrongly is told."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import arspec
from arspec import build
from arspec.analysis.report import prove
from arspec.diagnostics import SpecError
from arspec.language.load import Spec, from_text, load
from arspec.layers import KINDS
from arspec.syntax.yaml import parse, plain, read
from tests.small import ROOT, SPECS, refuses

LAYERED = [path for path in SPECS if "extends:" not in path.read_text()]


def said(spec: Spec) -> list[tuple[Any, ...]]:
    """What a graph is, node by node: names, layers, masks, inputs, types."""
    return [
        (n.name, n.layer.model_dump(exclude={"from_"}), str(n.mask), [i.name for i in n.inputs], n.out)
        for n in spec.graph().nodes
    ]  # fmt: skip


def rebuilt(path: Path) -> build.Builder:
    """A spec's text, gone through with the builder as a person would write it."""
    text: dict[str, Any] = plain(parse(read(path)))
    section = dict(text["data"])
    builder = build.Builder(
        text.get("name", path.stem), getattr(build.data, section.pop("kind"))(**section), order=text.get("order"),
        about=text.get("about", ""),
    )  # fmt: skip
    for name, value in (text.get("params") or {}).items():
        builder.param(name, value)
    for name, stated in (text.get("condition") or {}).items():
        keys = dict(stated)
        kind = keys.pop("kind")
        builder.conditioned_on(name, getattr(build.condition, "class_" if kind == "class" else kind)(**keys))
    for name, mask in (text.get("masks") or {}).items():
        builder.mask(name, mask)
    for name, stated in (text.get("blocks") or {}).items():
        inputs = stated.get("inputs") or []
        with builder.block(name, inputs, stated.get("about", "")) as block:
            for param, value in (stated.get("params") or {}).items():
                block.param(param, value)
            entries(block, stated["nodes"], builder)
            outputs = stated["outputs"]
            if isinstance(outputs, str):
                outputs = {"out": outputs}
            named = outputs if isinstance(outputs, dict) else dict.fromkeys(outputs)
            block.outputs(**{key: node(ref or key) for key, ref in named.items()})
    entries(builder, text["graph"], builder)
    heads = text["head"]
    if "kind" in heads:
        builder.head(head(heads))
    else:
        builder.head(**{name: head(each) for name, each in heads.items()})
    return builder


def head(stated: dict[str, Any]) -> build.Section:
    keys = dict(stated)
    return getattr(build.head, keys.pop("kind"))(node(keys.pop("from")), **keys)


def node(reference: Any) -> Any:
    """A reference of the text as what the builder takes."""
    if isinstance(reference, list):
        return [node(one) for one in reference]
    if isinstance(reference, dict):
        return {key: node(one) for key, one in reference.items()}
    return None if reference is None else build.Node(reference)


def entries(graph: Any, stated: dict[str, Any], builder: build.Builder) -> None:
    for name, entry in stated.items():
        keys = dict(entry)
        source = node(keys.pop("from", None))
        if "block" in keys:
            graph.place(builder.blocks[keys.pop("block")], source, name=name, **keys)
        elif "experts" in keys:
            shared = {"shared": builder.blocks[keys.pop("shared")]} if "shared" in keys else {}
            block, router = builder.blocks[keys.pop("experts")], node(keys.pop("router"))
            graph.experts(block, source, name=name, router=router, **shared, **keys)
        elif "layer" in keys:
            kind = keys.pop("layer")
            if kind in KINDS:
                getattr(graph, kind)(source, name=name, **keys)
            else:  # by a parameter
                graph.add_layer(kind, source, {"name": name, **keys})
        else:
            raise AssertionError(f"no method makes {entry}")


@pytest.mark.parametrize("path", LAYERED, ids=lambda path: path.stem)
def test_a_spec_that_is_built_has_an_identical_graph(path: Path) -> None:
    builder, whole = rebuilt(path), load(path)
    folder = path.parent
    found = from_text(builder.yaml(), str(folder / "built.yaml"))  # rank files stand beside it
    assert said(found) == said(whole)
    assert (found.data, found.orders, found.condition, found.params, found.head) == (
        whole.data, whole.orders, whole.condition, whole.params, whole.head)  # fmt: skip


def small() -> tuple[build.Builder, build.Expression, build.Node]:
    b = build.Builder("chars", build.data.sequence(length=16, levels=8, content="tokens"))
    width = b.param("width", 12)
    return b, width, b.shift(b.embedding(b.x, out=width), steps=1)


def test_what_is_built_is_proven_and_compiled() -> None:
    b, width, h = small()
    with b.block("layer", {"h": "features"}, about="A residual layer") as layer:
        kernel = layer.param("kernel", 3)
        mixed = layer.conv(layer["h"], kernel=kernel, mask="so_far", out=2 * width)
        down = layer.conv(layer.gelu(mixed), out=(width + 1) // 1 - 1)
        layer.outputs(h=layer.add([down, layer["h"]]), skip=down)
    body = b.place(layer, h, repeat=3, params={"kernel": 2})
    skips = b.add([*(body.at(k, "skip") for k in (0, -1)), body.every("skip"), body["h"]])
    b.head(build.head.categorical(b.conv(skips, out=build.HEAD)))
    spec = b.spec({"width": 6})
    assert prove(spec).proven and spec.params["width"] == 6
    assert arspec.compile(spec).sample(2, seed=0).shape == (2, 16)


def test_blocks_of_the_package_are_placed(tmp_path: Path) -> None:
    b, width, h = small()
    library = b.use("blocks/transformer")
    refuses("AR215", lambda: library["gpt_layr"], "there is no block 'gpt_layr' in blocks/transformer")
    layer = library["gpt_layer"]
    body = b.place(layer, h, repeat=2, params={"width": width, "heads": 2})
    b.head(build.head.categorical(b.conv(body, out=build.HEAD)))
    b.save(tmp_path / "own.yaml")
    assert said(load(tmp_path / "own.yaml")) == said(b.spec())


@pytest.mark.parametrize("source", [3, "h", True, 0.5])
def test_what_is_no_node_is_refused_by_name(source: Any):
    b = build.Builder("t", build.data.sequence(length=8, levels=5))
    refuses("AR907", lambda: b.add(source), f"was given {type(source).__name__} {source!r}")
    refuses("AR907", lambda: b.param(3, 4), "3 is no name")  # type: ignore[arg-type]


def test_expressions_are_written_with_their_brackets() -> None:
    _, width, _ = small()
    i = build.REPETITION
    texts = {
        2 * width: "2 * $width", 2 * (width + 1): "2 * ($width + 1)", 2 ** (i % 4): "2 ** ($i % 4)",
        (width - 1) / 2: "($width - 1) / 2", -width: "-$width", 7 // width: "7 // $width", width > 3: "$width > 3",
    }  # fmt: skip
    for expression, text in texts.items():
        assert str(expression) == text
    refuses("AR907", lambda: bool(width > 3), "`$width > 3` has no value")


def test_any_text_comes_back_from_the_yaml() -> None:
    strange = [
        "",
        " a",
        "a: b",
        "#",
        "yes",
        "0o17",
        "1e3",
        "é\n\t\"'",
        "- x",
        "{",
        "null",
        "~",
        "$",
        "a b",
        "x #y",
        "1" * 400,
    ]
    written = build.values.written({text: text for text in strange})  # pyright: ignore[reportAttributeAccessIssue]
    assert plain(parse(read_text(f"a: {written}\n"))) == {"a": {text: text for text in strange}}


def read_text(text: str) -> Any:
    from arspec.diagnostics import Source

    return Source("text", text)


def test_the_page_of_the_guide_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (block,) = re.findall(
        r"```python\n(.*?)```", (ROOT / "arspec" / "guide" / "build.md").read_text("utf-8"), re.DOTALL
    )
    names: dict[str, Any] = {}
    exec(block, names)
    assert said(load(tmp_path / "chars.yaml")) == said(names["spec"])


# -- what is wrong ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("act", "words"),
    [
        (lambda b, h: b.conv(h, out=3, kernl=3), "`conv` has no key 'kernl'"),
        (lambda b, h: b.relu(h, name="embedding"), "the name 'embedding' stands twice"),
        (lambda b, h: b.relu(h, name="a b"), "is no name for a node"),
        (lambda b, h: b.param("width", 3), "the parameter 'width' stands twice"),
        (lambda b, h: b.param("2", 3), "is no name for a parameter"),
        (lambda b, h: b.block("layer", ["h"])["g"], "has no input 'g'"),
        (lambda b, h: b.yaml(), "the spec has no head"),
        (lambda b, h: b.head(), "`head` takes one head"),
        (lambda b, h: build.head.categorical(*[]), "`categorical` takes one node"),
        (lambda b, h: build.data.image(*[3], height=3), "`image` takes no node"),  # pyright: ignore[reportCallIssue]
        (lambda b, h: (b.scale(h, to=object()) and b.head(build.head.categorical(h))) or b.yaml(), "was given object"),
        (lambda b, h: b.block("layer", ["h"]).__exit__(None, None, None), "has no outputs"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_at_once(act: Callable[[build.Builder, build.Node], Any], words: str) -> None:
    b, _, h = small()
    refuses("AR907", lambda: act(b, h), words)


def test_an_unknown_kind_has_a_proposal() -> None:
    b, _, h = small()
    with pytest.raises(AttributeError, match="did you mean 'conv'"):
        b.convv(h)  # type: ignore[attr-defined]
    with pytest.raises(AttributeError, match="did you mean 'image'"):
        build.data.imag()  # type: ignore[attr-defined]


def test_an_output_that_is_taken_for_an_attribute_is_told() -> None:
    b, _, h = small()
    with b.block("two", ["h"]) as two:
        two.outputs(h=two.relu(two["h"]), skip=two["h"])
    placed: Any = b.place(two, h)
    assert str(placed["skip"]) == "two.skip"
    with pytest.raises(AttributeError, match=r"in square brackets: \['skip'\]"):
        _ = placed.skip
    with pytest.raises(AttributeError, match="has no attribute 'skp'; its outputs are h, skip"):
        _ = placed.skp


def test_a_fault_of_the_spec_names_the_line_of_python() -> None:
    b, _, h = small()
    line = inspect.currentframe().f_lineno + 1  # type: ignore[union-attr]
    b.head(build.head.categorical(b.conv(h, out=build.HEAD, mask="eralier")))
    with pytest.raises(SpecError) as caught:
        b.spec()
    (one,) = caught.value.diagnostics
    assert one.code == "AR311"
    ((place, words),) = one.related
    assert (Path(place.source.name).name, place.line, words) == ("test_build.py", line, "it was built here")


# -- types -----------------------------------------------------------------------------------------------------------


def test_the_types_are_what_the_kinds_state() -> None:
    sys.path.insert(0, str(ROOT / "tools"))
    try:
        from common.stub import stub  # pyright: ignore[reportMissingImports]
    finally:
        sys.path.remove(str(ROOT / "tools"))
    assert stub() == (ROOT / "arspec" / "build" / "kinds.pyi").read_text("utf-8"), "run tools/readme"


def test_no_kind_is_named_as_what_a_builder_has() -> None:
    own = {name for cls in (build.Builder, build.Block) for name in vars(cls).keys() | vars(cls.__mro__[1]).keys()}
    assert not own & KINDS.keys()
    assert {*KINDS} <= {*dir(small()[0])}


def test_no_torch_is_needed_to_build() -> None:
    code = f"""
import sys; sys.path.insert(0, {str(ROOT)!r})
from arspec import build
b = build.Builder("a", build.data.vector(size=4, levels=2))
b.head(build.head.bernoulli(b.dense(b.x, mask="earlier")))
b.spec(); assert "torch" not in sys.modules
"""
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
