"""The table of a family: the keys of its config.json, the spec that they make, and which tensor is which weight.

Tables are YAML files in `families/`, one a family. They hold no code: a family is added by writing one.
"""

from __future__ import annotations

import re
from functools import cache
from importlib import resources
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from arspec.diagnostics import InputError, Source
from arspec.syntax.yaml import parse, plain

UNKNOWN_FAMILY = "AR869"
COMMON = "common.yaml"
_AXES = re.compile(r"[a-z1]( [a-z1])* -> [a-z1]( [a-z1])*|[a-z]( [a-z])*")


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Key(_Part):
    """What a key of config.json says.

    number, real, numbers: the placeholder that its whole number, its number or its list of numbers fills. whole: the
    list is of whole numbers. means: the placeholders that each of its values fills; a value that does not stand there
    is refused. only: the one value that it may have. default: what holds where it is absent; a text stands for itself
    in the spec. also: names of the same key in other versions. empty: null means that there is none, and not the
    default. least: of a whole number. wrap: what is put into the spec, {} being the number; nothing is where the key is
    absent. within: a placeholder; a number that is not below it says nothing. free: the number is no size of a weight,
    so that another may be asked for; this is the most that is taken unasked. stands: other names must say the default
    too where its own name is absent."""

    number: str | None = None
    real: str | None = None
    numbers: str | None = None
    whole: bool = False
    means: dict[str, dict[str, str]] | None = None
    only: Any = None
    default: Any = None
    required: bool = False
    also: list[str] = []
    empty: bool = False
    least: float = 1
    wrap: str | None = None
    within: str | None = None
    free: int | None = None
    stands: bool = False

    @property
    def place(self) -> str | None:
        """The placeholder of its number, where it has one."""
        return self.number or self.real or self.numbers


class Late(_Part):
    """The kind of all layers from the number on that the key `first` says, where keys have the values of `when`."""

    kind: str
    first: str
    when: dict[str, Any] = {}


class Layers(_Part):
    """Layers of several kinds.

    key: the list in config.json that names each layer's kind. means: of each kind the parameters of its block, as a
    YAML mapping. every: where the list is absent, the kinds of the first layers, over and over;
    when: the values of keys with which that is so. late: a kind that later layers have then.
    each: in place of `means`, what {} is put into: the numbers that stand in the list for each layer."""

    key: str
    means: dict[str, str] = {}
    every: list[str] = []
    each: str | None = None
    when: dict[str, Any] = {}
    late: Late | None = None


class Row(_Part):
    """A tensor and the weights that it holds.

    weight: one, or several that lie one after another along their first axis. axes: the tensor's axes, then a
    weight's, as in `i o -> o i 1`. same: the tensor of which it is a copy. stack: the number of tensors, `#` in the
    name, that lie one after another along the weight's first axis. when: the values of keys with which it is there.
    first, step: of the numbers that * stands for. count, more: the placeholder that says how many these are, and how
    many more; the layers where it is left out. blocks: the weight's first axis is so many equal blocks of the
    tensor's, in this order. scale: the tensor with the lengths that weight norm gives the rows of this one."""

    tensor: str
    weight: str | list[str] = []
    axes: str = ""
    same: str | None = None
    stack: str | None = None
    first: int = 0
    step: int = 1
    count: str | None = None
    more: int = 0
    blocks: list[int] = []
    scale: str | None = None
    when: dict[str, Any] = {}

    @property
    def weights(self) -> list[str]:
        """The names of its weights."""
        return [self.weight] if isinstance(self.weight, str) else self.weight


class Size(_Part):
    """A number that the shape of a tensor tells: (the size of an axis - less) / by."""

    tensor: str
    axis: int = 0
    less: int = 0
    by: int = 1


class Flat(_Part):
    """State dicts without a config. knows: a tensor that this family has, and lacks: one that it has not, which others
    with the first one have. sizes: keys by the shapes of tensors.
    counts: keys by how many tensors there are of a name with * in it."""

    knows: str
    lacks: str | None = None
    sizes: dict[str, Size] = {}
    counts: dict[str, str] = {}


class Table(_Part):
    """All that is known of a family."""

    about: str
    model_type: str
    architectures: list[str]
    pickled: str | None = None  # the entry of a .pt file that is its config; it has no folder of Hugging Face then
    flat: Flat | None = None
    prefix: str = ""  # of names of tensors, which some files leave out
    keys: dict[str, Key]
    layers: Layers | None = None
    texts: dict[str, str] = {}  # placeholders that hold this where no key fills them
    idle: list[str] = []
    spec: str
    weights: list[Row]
    ignored: list[str] = []
    count: str = Field("layers", description="The placeholder that says how many layers there are.")

    @property
    def said(self) -> str:
        """What holds its config, in messages."""
        return "config.json" if self.pickled is None else self.pickled


@cache
def tables() -> dict[str, Table]:
    """Every family by its model_type."""
    found: dict[str, Table] = {}
    for file in sorted(resources.files("arspec.checkpoints.families").iterdir(), key=lambda file: file.name):
        if file.name.endswith(".yaml") and file.name != COMMON:
            table = Table.model_validate(_with_common(_whole(file.name)))
            found[table.model_type] = table
    return found


def _with_common(table: dict[str, Any]) -> dict[str, Any]:
    """A table with the keys of every family, where none of its own are the same."""
    named = {name for key, value in table["keys"].items() for name in (key, *value.get("also", []))} | {*table["idle"]}
    common = _common()["keys"].items()
    more = {key: value for key, value in common if not named & {key, *value.get("also", [])}}
    return {**table, "keys": {**table["keys"], **more}}


def _whole(name: str) -> dict[str, Any]:
    """A table's file, with what it takes from the one that it extends: mappings merge by key, where null takes one
    away; a list whose key ends in + is added to that one's."""
    own = _read(name)
    if "extends" not in own:
        return own
    found = _whole(f"{own.pop('extends')}.yaml")
    for key, value in own.items():
        if key.endswith("+"):
            found[key[:-1]] = [*found.get(key[:-1], []), *value]
        elif isinstance(value, dict) and isinstance(found.get(key), dict):
            merged = {**found[key], **value}
            found[key] = {name: each for name, each in merged.items() if each is not None}
        else:
            found[key] = value
    return found


@cache
def _common() -> dict[str, Any]:
    """What every family has."""
    return _read(COMMON)


@cache
def idle() -> frozenset[str]:
    """Keys that change nothing, whatever the family."""
    return frozenset(_common()["idle"])


def refused() -> dict[str, list[str]]:
    """Keys with which nothing is imported, whatever the family: why, and what would mend it."""
    return _common()["refused"]


def rivals() -> list[tuple[str, str]]:
    """Keys of which one alone may be there."""
    return [(one, other) for one, other in _common()["rivals"]]


def table_of(model_type: object, text: object = None) -> Table:
    """The table of a family. text: of a model of several kinds of data, the config of its text model. InputError for a
    family that there is none of."""
    known = tables()
    if not isinstance(model_type, str) or model_type not in known:
        said = f"'{str(model_type)[:60]}'" if model_type is not None else "no model_type"
        folders = ", ".join(name for name, table in known.items() if table.pickled is None)
        inner = text.get("model_type") if isinstance(text, dict) else None  # pyright: ignore[reportUnknownVariableType]
        if isinstance(inner, str) and inner in known:
            said += f" around a text model of the family '{inner}', which is taken where it stands alone"
        raise InputError(UNKNOWN_FAMILY, f"config.json states {said}; no such family is known",
                         f"the families of folders are {folders}")  # fmt: skip
    return known[model_type]


def _read(name: str) -> dict[str, Any]:
    text = resources.files("arspec.checkpoints.families").joinpath(name).read_text("utf-8")
    return plain(parse(Source(name, text)))
