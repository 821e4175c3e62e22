"""The JSON Schema and the reference: made from the models, valid, complete, and of one mind with the loader."""

from __future__ import annotations

import builtins
import json
import math
import re
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any, get_args

import jsonschema
import pytest
from frame import framed
from test_fuzz import case

from arspec.analysis.report import prove
from arspec.cli.main import main
from arspec.diagnostics import InputError, Source
from arspec.heads import HEADS
from arspec.language.built_in import BUILT_IN
from arspec.language.load import from_text
from arspec.language.reference import reference
from arspec.language.references import FORMS
from arspec.language.schema import schema
from arspec.language.sections import CONDITIONS, DATA, Auxiliary, OrderSection
from arspec.layers import KINDS
from arspec.masks import READY_MADE
from arspec.scans import SCANS_1D, SCANS_2D
from arspec.syntax.arithmetic import PRECEDENCE
from arspec.syntax.expressions import ExpressionError, evaluate
from arspec.syntax.predicates import parse_mask
from arspec.syntax.yaml import parse, plain, read

ROOT = Path(__file__).parent.parent
SHIPPED = sorted(ROOT.glob("specs/*.yaml"))
FINE = [*SHIPPED, *sorted(ROOT.glob("tests/specs/ok/*.yaml"))]
UNSEEN = ("ar110", "ar112", "ar113", "ar114")  # what only the loader can see: other files, ranks beside a scan
FAULTY = [path for path in sorted(ROOT.glob("tests/specs/err/ar1*.yaml")) if not path.stem.startswith(UNSEEN)]
VALIDATOR = jsonschema.Draft202012Validator(schema())


def faults(tree: Any) -> list[str]:
    return [f"{error.json_path}: {error.message[:300]}" for error in VALIDATOR.iter_errors(tree)]


def test_the_schema_is_one() -> None:
    jsonschema.Draft202012Validator.check_schema(schema())


def test_the_shipped_schema_is_what_the_program_prints(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema"]) == 0
    printed = capsys.readouterr().out
    assert json.loads(printed) == schema()
    shipped = (ROOT / "specs" / "arspec.schema.json").read_text("utf-8")
    assert printed == shipped, "arspec schema > specs/arspec.schema.json"


@pytest.mark.parametrize("path", SHIPPED, ids=lambda p: p.stem)
def test_shipped_specs_carry_the_line_by_which_editors_check_them(path: Path) -> None:
    assert path.read_text("utf-8").startswith("# yaml-language-server: $schema=./arspec.schema.json\n")


@pytest.mark.parametrize("path", FINE, ids=lambda p: p.stem)
def test_specs_that_load_are_valid(path: Path) -> None:
    assert faults(plain(parse(read(path)))) == []


@pytest.mark.parametrize("path", FAULTY, ids=lambda p: p.stem)
def test_faults_of_shape_are_seen(path: Path) -> None:
    assert faults(plain(parse(read(path)))) != []


def test_fuzzed_specs_that_load_are_valid() -> None:
    """The schema refuses nothing that the loader takes."""
    loaded = 0
    for seed in range(300):
        written = case(seed)
        try:
            from_text(written, str(ROOT / "specs" / "fuzzed.yaml")).graph()
        except InputError:
            continue
        loaded += 1
        assert faults(plain(parse(Source("fuzzed", written)))) == [], f"seed {seed}\n{written}"
    assert loaded > 10


def test_every_key_has_a_description() -> None:
    missing: list[str] = []
    for name, definition in schema()["$defs"].items():
        for key, form in definition.get("properties", {}).items():
            own = form.get("description") or schema()["$defs"].get(form.get("$ref", "").rsplit("/", 1)[-1], {}).get(
                "description"
            )
            if not own and key not in ("layer", "kind"):
                missing.append(f"{name}.{key}")
        if name.startswith(("layer.", "head.", "data.", "condition.")) and not definition["description"]:
            missing.append(name)
    assert missing == []


def test_a_layer_is_chosen_by_its_kind() -> None:
    definitions = schema()["$defs"]
    chosen = [form["$ref"].rsplit("/", 1)[1] for form in definitions["node"]["oneOf"] if "$ref" in form]
    kinds: list[str] = []
    for name in chosen:
        form = definitions[name]["properties"].get("layer", {})
        kinds += form.get("enum", [form["const"]] if "const" in form else [])
    assert sorted(kinds) == sorted(KINDS)


def test_parameters_may_stand_for_numbers() -> None:
    def conv(**keys: Any) -> list[str]:
        node = {"layer": "conv", "out": 8, **keys}
        return faults({"arspec": 1, "extends": "other.yaml", "graph": {"first": node}})

    assert conv(kernel="$kernel", stride=["$stride", 1], bias="$bias", padding={"top": "$top"}, mask="$mask") == []
    assert conv(kernel="wide") and conv(kernel=0) and conv(stride=[0, 1]) and conv(bias="yes") and conv(kernal=3)


def keys_and_choices(form: Any) -> set[str]:
    """Every key and every choice that a schema has."""
    if isinstance(form, list):
        return set[str]().union(*map(keys_and_choices, form))
    if not isinstance(form, dict):
        return set()
    own = {*form.get("properties", ()), *map(str, form.get("enum", ()))} | (
        {form["const"]} if isinstance(form.get("const"), str) else set()
    )
    return own.union(*map(keys_and_choices, form.values()))


def test_the_reference_has_every_key_of_the_schema() -> None:
    page = reference()
    wanted = keys_and_choices(schema())
    assert {"repeat", "when", "outputs", "companding", "rms", "joint", "extends"} <= wanted
    assert [name for name in sorted(wanted) if f"`{name}`" not in page] == []
    tables = re.findall(r"^\| `(\w+)` \| .* \|  \|$", page, re.M)  # without a meaning
    assert tables == []


def test_a_row_of_the_reference_is_one_line() -> None:
    """A text of several lines, such as what a block is, would end its table."""
    outside = re.sub(r"```.*?```", "", reference(), flags=re.DOTALL).splitlines()
    rows = [line for line in outside if line.startswith("|")]
    assert len(rows) > 100
    assert [row for row in rows if not row.endswith("|")] == []


def test_the_reference_has_all_that_the_parsers_take() -> None:
    """Operators are found by what Python can write, of which the parsers take some."""
    page = reference()
    taken: set[str] = set()
    for sign in ("+", "-", "*", "/", "//", "%", "**", "@", "<<", ">>", "&", "|", "^", "<", "<=", ">", ">=", "==", "!=",
                 "<>",
                 "and", "or", "if", "in", "is", "not in"):  # fmt: skip
        for text in (f"3 {sign} 2", f"true {sign} false", f"3 {sign} true else 2"):
            with suppress(ExpressionError):
                evaluate(text, {})
                taken.add(sign)
        for text in (f"that.row {sign} 2 < 5", f"that.row {sign} 2", f"left {sign} here"):
            with suppress(ExpressionError):
                parse_mask(text)
                taken.add(sign)
    assert {"+", "%", "**", "<=", "and", "if"} <= taken and not taken & {"@", "<<", "^", "in"}
    for name in dir(math) + dir(builtins):
        with suppress(ExpressionError):
            evaluate(f"{name}(4)" if name not in ("min", "max") else f"{name}(4, 2)", {})
            taken.add(name)
    assert {"sqrt", "round", "max"} <= taken and "pow" not in taken
    coordinates = {name for name in ("row", "column", "step", "position", "rank", "group", "channel", "site", "degree")
                   if _is_mask(f"that.{name} < this.{name}")}  # fmt: skip
    assert {"row", "position", "group"} <= coordinates
    words = {"not", "true", "false", "this.rank", "that.row", *(f"${name}" for name in BUILT_IN), *READY_MADE}
    for name in taken | coordinates | words | set(FORMS):
        assert f"`{name}`" in page, name


def _is_mask(text: str) -> bool:
    try:
        parse_mask(text)
    except ExpressionError:
        return False
    return True


def test_what_binds_tighter_stands_before() -> None:
    """The levels of precedence are as the parser has them."""
    assert PRECEDENCE[0] == "**" and PRECEDENCE[-1] == "if else"
    for text, meant in [
        ("-2 ** 2", "-(2 ** 2)"), ("-3 % 5", "(-3) % 5"), ("2 + 3 * 4", "2 + (3 * 4)"), ("1 + 1 < 3", "(1 + 1) < 3"),
        ("not 1 > 2", "not (1 > 2)"), ("not false and false", "(not false) and false"),
        ("true or false and false", "true or (false and false)"),
        ("1 if true or false else 2", "1 if (true or false) else 2"),
    ]:  # fmt: skip
        assert evaluate(text, {}) == evaluate(meant, {}), text


def test_the_reference_says_what_else_operators_take() -> None:
    page = reference()
    assert evaluate("$a == $b", {"a": "x", "b": "x"}) is True and "of two texts" in page
    assert (
        str(parse_mask("that.row >= -2"))
        and "| `-` | whole numbers: difference; before a number its negative |" in page
    )


EXAMPLES = re.findall(r"```yaml\n(.*?)\n```", reference(), re.DOTALL)


@pytest.mark.parametrize("example", EXAMPLES, ids=range(len(EXAMPLES)))
def test_an_example_of_the_reference_is_taken(example: str) -> None:
    written = example + "\n" if example.startswith("arspec:") else framed(example)
    report = prove(from_text(written, str(ROOT / "specs" / "example.yaml")), contexts=False)
    assert report.proven, f"{written}\n{report}"
    assert faults(plain(parse(Source("example", written)))) == []


def test_every_part_of_the_language_has_an_example() -> None:
    parts = {*KINDS.values(), *HEADS.values(), *DATA.values(), *CONDITIONS.values(), OrderSection, Auxiliary}
    for kind in parts:
        assert kind.example in EXAMPLES, kind
    for kind in {*KINDS.values(), *HEADS.values()}:
        field = kind.model_fields["layer" if "layer" in kind.model_fields else "kind"]
        assert any(f": {name}" in kind.example for name in get_args(field.annotation)), kind


def test_the_reference_names_everything(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema", "--reference"]) == 0
    page = capsys.readouterr().out
    assert page == reference()
    for name in [*KINDS, *HEADS, *DATA, *CONDITIONS, *READY_MADE, *SCANS_2D, *SCANS_1D]:
        assert f"`{name}`" in page, name
    for kind in {*KINDS.values(), *HEADS.values(), *DATA.values(), *CONDITIONS.values()}:
        for name, field in kind.model_fields.items():
            assert f"`{field.alias or name}`" in page or name in ("layer", "kind"), (kind, name)


@pytest.mark.parametrize("arguments", [["schema"], ["schema", "--reference"], ["explain", "AR201"]])
def test_neither_torch_nor_a_drawing_library_is_imported(arguments: list[str]) -> None:
    heavy = ("torch", "matplotlib", "PIL", "graphviz", "safetensors", "sklearn")
    code = f"""
import sys
from arspec.cli.main import main
assert main({arguments!r}) == 0
assert not [name for name in {heavy!r} if name in sys.modules], sorted(sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=280)
    assert done.returncode == 0, done.stderr
