"""YAML text to trees: meaning of scalars, exact places, faults, limits, and no traceback for any text."""

from __future__ import annotations

import math
import random
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml as pyyaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from arspec.diagnostics import InputError, Source, SpecError
from arspec.syntax import yaml
from arspec.syntax.yaml import Map, Scalar, Seq, Tree


def parse(text: str) -> Tree:
    return yaml.parse(Source("a.yaml", text))


def codes(text: str) -> list[str]:
    with pytest.raises(SpecError) as caught:
        parse(text)
    str(caught.value)
    return [fault.code for fault in caught.value.diagnostics]


ROOT = Path(__file__).parent.parent
ODD = [" ", "\n", "\n  ", "é", "\u2028", "\x85", '"', "'", "{", "}", "[", "]", ",", ": ", "#", " #", "- ", "|\n",
       ">-\n", "&a ", "*a", "---\n",
       "...\n", "\\", "\r", "\r\n", "~", "\xa0", "@", "`", "😀", "|2-\n", "''", "<<: ", "null", "%", "\n%", "\u2028%",
       "0x1f", "\n\n\n", "'a\n\n b'"]  # fmt: skip

SCALARS: list[tuple[str, Any]] = [
    ("1e-3", 0.001), ("1E3", 1000.0), ("1.", 1.0), (".5", 0.5), ("-1.5e+2", -150.0), ("+3", 3), ("-0", 0),
    ("010", 10), ("0o17", 15), ("0x1f", 31), ("0b1", "0b1"), ("-0x1f", "-0x1f"), ("1_000", "1_000"), ("0o8", "0o8"),
    ("no", "no"), ("on", "on"), ("Yes", "Yes"), ("OFF", "OFF"), ("y", "y"), ("true", True), ("False", False),
    ("tRUE", "tRUE"), ("~", None), ("null", None), ("NULL", None), ("nULL", "nULL"), (".inf", math.inf),
    ("-.Inf", -math.inf), ("+.INF", math.inf), ("inf", "inf"), ("1:30", "1:30"), ("2001-01-01", "2001-01-01"),
    ("'1'", "1"), ('"true"', "true"), ("'~'", "~"), ("2 * $width", "2 * $width"), ("1e", "1e"), (".", "."),
    ("!!str 1", "1"), ("!!float 1", 1.0), ("!!float 0x10", 16.0), ("!!int 0x10", 16), ("! 1", "1"), ("=", "="),
    ("9223372036854775807", 2**63 - 1),
]  # fmt: skip


@pytest.mark.parametrize(("written", "meant"), SCALARS)
def test_scalars_mean_what_yaml_1_2_says(written: str, meant: Any) -> None:
    value = yaml.plain(parse(f"key: {written}  # a comment"))["key"]
    assert value == meant
    assert type(value) is type(meant)
    tree = parse(f"key: {written}  # a comment")
    assert isinstance(tree, Map)
    found = tree.get("key")
    assert found is not None
    assert found.place.text == re.sub(r"^!\S* ", "", written)


def test_not_a_number_is_one() -> None:
    assert math.isnan(yaml.plain(parse("key: .nan"))["key"])


TEXT = """\
# a spec
name: pixel cnn   # spaces within, none at the end
empty:
flow: {a: [1, 'two' , "t\\n"], b: }   # comment
block:
  - x: 1
    y: &why two words
  # a comment between
  - *why
  -
note: |
  one
  two

last: end
"""


def test_places_are_exact() -> None:
    tree = parse(TEXT)
    assert isinstance(tree, Map)
    assert tree.place.text == TEXT[TEXT.index("name") :].rstrip("\n")
    texts = {key: (place.text, value.place.text) for key, (place, value) in tree.entries.items()}
    assert texts == {
        "name": ("name", "pixel cnn"),
        "empty": ("empty", ""),
        "flow": ("flow", "{a: [1, 'two' , \"t\\n\"], b: }"),
        "block": ("block", TEXT[TEXT.index("- x") : TEXT.index("\nnote")]),
        "note": ("note", "|\n  one\n  two"),
        "last": ("last", "end"),
    }
    block = tree.get("block")
    assert isinstance(block, Seq)
    assert not block.flow
    assert block.items[0].place.text == "x: 1\n    y: &why two words"
    assert block.items[1].place.text == "two words"
    empty = tree.get("empty")
    assert empty is not None
    assert (empty.place.start, empty.place.end) == (TEXT.index("empty:") + 6,) * 2
    flow = tree.get("flow")
    assert isinstance(flow, Map)
    assert flow.flow
    assert yaml.plain(tree) == {
        "name": "pixel cnn",
        "empty": None,
        "flow": {"a": [1, "two", "t\n"], "b": None},
        "block": [{"x": 1, "y": "two words"}, "two words", None],
        "note": "one\ntwo\n",
        "last": "end",
    }


@pytest.mark.parametrize("text", ["\ufeffa: b", "%YAML 1.2\n---\na: b\n...\n", "a: b\r\n", "--- &top !!map\na: b"])
def test_what_surrounds_a_document_does_not_count(text: str) -> None:
    tree = parse(text)
    assert yaml.plain(tree) == {"a": "b"}
    assert tree.place.text == "a: b"


def test_properties_stand_outside_of_places() -> None:
    tree = parse("a: &x !!str  12\nb: &y # note\n  c: 1\nd: &z [1]\ne: [k: v , &q w]")
    assert isinstance(tree, Map)
    assert [value.place.text for _, value in tree.entries.values()] == ["12", "c: 1", "[1]", "[k: v , &q w]"]
    listed = tree.get("e")
    assert isinstance(listed, Seq)
    assert [item.place.text for item in listed.items] == ["k: v", "w"]


@given(
    st.recursive(
        st.text("ab 1.#:-'\"", max_size=6)
        | st.integers(-99, 99)
        | st.booleans()
        | st.none()
        | st.floats(allow_nan=False),
        lambda below: st.lists(below, max_size=3) | st.dictionaries(st.text("abc#: ", max_size=4), below, max_size=3),
        max_leaves=12,
    ),
    st.booleans(),
)
def test_what_is_dumped_is_read_and_every_span_reads_as_its_value(value: Any, flow: bool) -> None:
    import yaml as pyyaml

    text = pyyaml.safe_dump({"top": value}, default_flow_style=flow, sort_keys=False)
    tree = parse(text)
    assert yaml.plain(tree) == {"top": value}
    pending = [tree]
    while pending:
        found = pending.pop()
        span = found.place.text
        if isinstance(found, Scalar) and "\n" not in span:
            again = parse(f"k: {span}")
            assert yaml.plain(again) == {"k": found.value}
        elif isinstance(found, Map):
            pending += [value for _, value in found.entries.values()]
        elif isinstance(found, Seq):
            pending += found.items


FAULTS = [
    ("a: 1\nb: 2\na: 3\nb: 4", ["AR002", "AR002"]),
    ("a: {x: 1, x: 2}\na: 1", ["AR002", "AR002"]),
    ("'a': 1\na: 1", ["AR002"]),
    ("1: a", ["AR011"]),
    ("1.5: a\ntrue: b\n~: c\n?\n: d", ["AR011"] * 4),
    ("[a]: b", ["AR011"]),
    ("? {a: b}\n: c", ["AR011"]),
    ("a: &m {x: 1}\nb: {<<: *m}", ["AR012"]),
    ("a: 1\n---\nb: 2", ["AR013"]),
    ("", ["AR014"]),
    ("# nothing\n", ["AR014"]),
    ("--- ~", ["AR014"]),
    ("a:\n\tb: 1", ["AR015"]),
    ("a: 1\n\tb: 1", ["AR015"]),
    ("a: \x01", ["AR016"]),
    ("a: \ud800", ["AR016"]),
    ("a: 1e999\nb: 9223372036854775809", ["AR017", "AR017"]),
    ("a: " + "9" * 100_000, ["AR017"]),
    ("a: 0x" + "f" * 100_000, ["AR017"]),
    ("a: !!python/object/apply:os.system [ls]", ["AR010"]),
    ("a: !thing 1\nb: !!set {c}", ["AR010", "AR010"]),
    ("a: !!int x\nb: !!bool 1\nc: !!int true", ["AR010"] * 3),
    ("a: !<tag:yaml.org,2002:timestamp> 2001-01-01", ["AR010"]),
    ("a: *b", ["AR009"]),
    ("a: &b [*b]", ["AR009"]),
    ("a: &b 1\nc: &b 2", ["AR009"]),
    ("a: [1, 2", ["AR001"]),
    ("a: b: c", ["AR001"]),
    ("a: 1\n b: 2", ["AR001"]),
    ("a: 1\nb", ["AR001"]),
    ("a: @x", ["AR001"]),
    ('a: "\\U99999999"', ["AR001"]),
    ('a: "\\q"', ["AR001"]),
    ("%YAML " + "9" * 5000 + ".1\n---\na: 1", ["AR001"]),
    ("%YAML 2.0\n---\na: 1", ["AR001"]),
    ("a: 1\na: 2\nb: [", ["AR002", "AR001"]),
]


@pytest.mark.parametrize(("text", "expected"), FAULTS)
def test_faults_are_found_together(text: str, expected: list[str]) -> None:
    assert codes(text) == expected


def test_a_duplicate_key_names_both_places() -> None:
    with pytest.raises(SpecError) as caught:
        parse("a: 1\nb:\n  c: 1\na: 2")
    (fault,) = caught.value.diagnostics
    assert fault.place is not None
    assert (str(fault.place), str(fault.related[0][0])) == ("a.yaml:4:1", "a.yaml:1:1")


def test_a_quoted_merge_key_is_a_name_like_any_other() -> None:
    assert yaml.plain(parse("'<<': 1")) == {"<<": 1}


def _alias_bomb() -> str:
    lines = ["a: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 20)]
    return "\n".join(lines)


# A text, the code and the limit with which it is refused, and how many nodes are made until then, at most.
BOMBS = [
    (_alias_bomb(), "AR008", "MAX_ALIASED", 12 * 20),
    ("a: " + "[" * 500_000, "AR006", "MAX_DEPTH", yaml.MAX_DEPTH + 2),
    ("a: " + "{a: " * 1000, "AR006", "MAX_DEPTH", 2 * yaml.MAX_DEPTH + 2),
    ("- " * 500_000, "AR006", "MAX_DEPTH", yaml.MAX_DEPTH + 2),
    ("a: &a " + "[" * 50 + "]" * 50 + "\nb: &b " + "[" * 30 + "*a" + "]" * 30, "AR006", "MAX_DEPTH", 90),
    ("a: [" + "," * 10 + "1," * 400_000 + "]", "AR001", "", 3),
    ("[" + "1," * 400_000 + "]", "AR007", "MAX_NODES", yaml.MAX_NODES + 1),
    ("&a [*a, *a]", "AR009", "", 1),
    ("? " * 300_000, "AR006", "MAX_DEPTH", yaml.MAX_DEPTH + 2),
]


@pytest.mark.parametrize(
    ("text", "code", "limit", "nodes"), BOMBS, ids=[f"{code}-{n}" for n, (_, code, *_) in enumerate(BOMBS)]
)
def test_bombs_are_refused_with_the_limit_named(text: str, code: str, limit: str, nodes: int) -> None:
    loader = yaml._LIBYAML or pyyaml.SafeLoader  # pyright: ignore[reportPrivateUsage]
    composer = yaml._Composer(Source("a.yaml", text), loader)  # pyright: ignore[reportPrivateUsage]
    with pytest.raises((SpecError, yaml._Unread)):  # pyright: ignore[reportPrivateUsage]
        composer.document()
    assert composer.written <= nodes
    assert composer.aliased <= yaml.MAX_ALIASED + 10**4  # what the last of them stands for is not made
    with pytest.raises(SpecError) as caught:
        parse(text)
    assert caught.value.diagnostics[-1].code == code
    assert limit in str(caught.value)
    assert len(str(caught.value)) < 5000


@pytest.mark.parametrize("text", [text for text, code, *_ in BOMBS if code == "AR006"])
def test_what_is_too_deep_is_not_read_to_its_end(text: str) -> None:
    composer = yaml._Composer(Source("a.yaml", text), pyyaml.SafeLoader)  # pyright: ignore[reportPrivateUsage]
    with pytest.raises(SpecError):
        composer.document()
    assert composer.loaded.index < 3000  # a key may end 1024 characters behind its begin


def test_open_brackets_are_not_gone_through_at_each_token(monkeypatch: pytest.MonkeyPatch) -> None:
    def asked(loader: pyyaml.SafeLoader) -> None:
        raise AssertionError(f"PyYAML goes through {len(loader.possible_simple_keys)} of them")

    monkeypatch.setattr(pyyaml.SafeLoader, "stale_possible_simple_keys", asked)
    assert codes("a: " + "[" * 3000) == ["AR006"]


def test_the_scanner_finds_the_tokens_of_pyyaml() -> None:
    draw, texts = random.Random(1), ["[" * 200, "{[" * 40 + "a: b", "a\nb: c", "? a\n: b", "'" + "a" * 1100 + "': b"]
    for path in [*ROOT.glob("specs/*.yaml"), *ROOT.glob("tests/specs/err/*.yaml")]:
        whole = path.read_bytes().decode("utf-8", "replace")
        start = draw.randrange(len(whole) or 1)
        texts.append(whole[start : start + 200])
    for text in texts:
        own, theirs = (list(tokens(text, loader)) for loader in (yaml._Loader, pyyaml.SafeLoader))  # pyright: ignore[reportPrivateUsage]
        assert own == theirs, text


def tokens(text: str, loader: type[pyyaml.SafeLoader]) -> Iterator[object]:
    """What the scanner of PyYAML gives, up to what it refuses."""
    try:
        for token in pyyaml.scan(text, Loader=loader):
            yield type(token), token.start_mark.index, token.end_mark.index
    except (pyyaml.YAMLError, ValueError) as error:
        yield str(error)


@pytest.mark.parametrize(
    "text", ["{a: , b: c}", "{a:\n  , b: c}", "{a: c, b: }", "{a : , b: c}", "a:\nb: c", "a: \nb: c"]
)
def test_a_value_of_no_characters_stands_behind_its_colon(text: str) -> None:
    for loader in (yaml._LIBYAML or pyyaml.SafeLoader, pyyaml.SafeLoader):  # pyright: ignore[reportPrivateUsage]
        tree = yaml._Composer(Source("a.yaml", text), loader).document()  # pyright: ignore[reportPrivateUsage]
        assert isinstance(tree, Map)
        places = [value.place for _, value in tree.entries.values() if not value.place.text]
        assert [(text[place.start - 1], place.start == place.end) for place in places] == [(":", True)]


def test_limits_allow_what_they_name() -> None:
    depth = yaml.MAX_DEPTH
    assert yaml.plain(parse("[" * depth + "]" * depth))
    assert codes("[" * (depth + 1) + "]" * (depth + 1)) == ["AR006"]
    parse("a: &a [" + "1," * 99 + "]\nb: [" + "*a," * 100 + "]")
    assert codes("a: &a [" + "1," * 99 + "]\nb: [" + "*a," * 101 + "]") == ["AR008"]


def test_a_text_that_is_too_large_is_not_read() -> None:
    with pytest.raises(InputError, match="MAX_BYTES"):
        parse("é" * (yaml.MAX_BYTES // 2 + 1))


def test_reading_files(tmp_path: Path) -> None:
    file = tmp_path / "pixelcnn.yaml"
    file.write_bytes("\ufeffname: é\r\n".encode())
    source = yaml.read(file)
    assert (source.name, source.text) == (str(file), "\ufeffname: é\r\n")
    file.write_bytes(b"name: \xe9\n")
    with pytest.raises(InputError, match=r"AR004.*0xe9.*line 1"):
        yaml.read(file)
    file.write_bytes(b" " * (yaml.MAX_BYTES + 1))
    with pytest.raises(InputError, match="AR005"):
        yaml.read(file)
    with pytest.raises(InputError, match=r"AR003.*No such file") as caught:
        yaml.read(str(tmp_path / "pixelcn.yaml"))
    assert "pixelcnn.yaml" in str(caught.value.help)
    for path in (str(tmp_path), "a\0b", str(file / "x"), "x" * 5000):
        with pytest.raises(InputError, match="AR003"):
            yaml.read(path)


PIECES = st.sampled_from(
    ["a", "b: ", "- ", "? ", ": ", "\n", "  ", "\t", "{", "}", "[", "]", ",", "&a ", "*a", "!", "!!int ", "'", '"',
     "|", ">",
     "#", "%", "@", "`", "---\n", "...\n", "\\", "\\x4", "1", "~", "<<: ", "\r", "\x85", "\u2028", "\ufeff", "é",
     "|2\n", "%TAG ! x\n"]
)  # fmt: skip


@settings(max_examples=1500)
@given(st.lists(PIECES, max_size=25).map("".join) | st.text())
@example("\ufeff")
@example("%TAG ! \n")
@example("a: |9999999999\n b")
def test_any_text_is_a_tree_or_a_spec_error(text: str) -> None:
    try:
        tree = parse(text)
    except SpecError as error:
        assert str(error)
    else:
        yaml.plain(tree)
        assert 0 <= tree.place.start <= tree.place.end <= len(text)


def test_libyaml_reads_what_pyyaml_reads() -> None:
    """Every text that libyaml takes is the tree that PyYAML's own reader makes of it, with the same places."""
    draw, written, read = random.Random(0), list[str](), 0
    for path in [*ROOT.glob("specs/*.yaml"), *ROOT.glob("tests/specs/**/*.yaml")]:
        written.append(path.read_bytes().decode("utf-8", "replace"))
    for _ in range(1500):
        whole = draw.choice(written[:200])
        start = draw.randrange(len(whole) or 1)
        piece = whole[start : start + draw.choice([30, 100, 300])]
        for _ in range(draw.choice([0, 1, 2])):
            at = draw.randrange(len(piece) + 1)
            piece = piece[:at] + draw.choice(ODD) + piece[at:]
        written.append(piece)
    for text in written:
        found: list[object] = []
        for loader in (yaml._LIBYAML, pyyaml.SafeLoader):  # pyright: ignore[reportPrivateUsage]
            try:
                composer = yaml._Composer(Source("a.yaml", text), loader)  # pyright: ignore[reportPrivateUsage]
                found.append(composer.document())
            except SpecError as error:
                found.append(str(error))
            except yaml._Unread:  # pyright: ignore[reportPrivateUsage]
                break
        if len(found) == 2 and yaml._ALIKE.fullmatch(text):  # pyright: ignore[reportPrivateUsage]
            assert found[0] == found[1], text
            read += 1
    assert read > 200


@settings(max_examples=300)
@given(st.binary())
def test_any_bytes_are_a_tree_or_an_input_error(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    file = tmp_path_factory.getbasetemp() / "bytes.yaml"
    file.write_bytes(data)
    try:
        yaml.plain(yaml.parse(yaml.read(file)))
    except InputError as error:
        assert str(error)
