"""The JSON Schema and the reference: made from the models, valid, complete, and of one mind with the loader."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from test_fuzz import case

from arspec import orders
from arspec.cli.main import main
from arspec.diagnostics import InputError, Source
from arspec.heads import HEADS
from arspec.layers import KINDS
from arspec.masks import READY_MADE
from arspec.spec.load import from_text
from arspec.spec.reference import reference
from arspec.spec.schema import schema
from arspec.spec.sections import CONDITIONS, DATA
from arspec.spec.yaml import parse, plain, read

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


def test_the_reference_names_everything(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema", "--reference"]) == 0
    page = capsys.readouterr().out
    assert page == reference()
    for name in [*KINDS, *HEADS, *DATA, *CONDITIONS, *READY_MADE, *orders.SCANS_2D, *orders.SCANS_1D]:
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
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
