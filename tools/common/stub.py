"""The text of `arspec/build/kinds.pyi`: every kind with its keys and their types, for editors and type checkers."""

from __future__ import annotations

import inspect
import textwrap
import types
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel

from arspec.heads import HEADS
from arspec.language.sections import CONDITIONS, DATA
from arspec.layers import KINDS

HEAD = '''\
"""Made by `tools/readme` from the models that state the keys."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from arspec.build.values import Expression, Node

@dataclass(frozen=True)
class Section:
    """A section that a function of this module gives: its kind, and what its keys are."""

    kind: str
    keys: dict[str, Any] = ...

def keys_of(model: Any) -> list[str]:
    """The keys that a function takes, by their YAML names, but those that choose the kind or the input."""
    ...
'''


def stub() -> str:
    """The whole file."""
    parts = [HEAD, "\n".join(_layers())]
    for name, models in (("data", DATA), ("condition", CONDITIONS), ("head", HEADS)):
        parts.append("\n".join(_functions(name, f"_{name.title()}", models)))
    return "\n\n".join(part.strip() + "\n" for part in parts)


def _layers() -> Iterator[str]:
    yield "class Layers:"
    yield '    """A graph, or the inside of a block, as far as its layers go: one method for each kind of layer."""'
    yield ""
    yield "    def add_layer(self, kind: str | Expression, source: Any, keys: dict[str, Any]) -> Node:"
    yield '        """A node of a kind, or of one that a parameter names. source: a node, a list of nodes, or None."""'
    yield "        ..."
    for name, kind in KINDS.items():
        many = kind.arity[1] is None or kind.arity[1] > 1
        source = "Sequence[Node]" if many and kind.arity[0] > 1 else "Node | Sequence[Node]" if many else "Node"
        keys = {**_keys(kind), "name": "str | None = None", "when": "bool | Expression | None = None"}
        yield from _method(name, f"source: {source} | None = None, /", keys, "Node", kind)


def _functions(name: str, own: str, models: Mapping[str, type[BaseModel]]) -> Iterator[str]:
    yield f"class {own}:"
    for kind, model in models.items():
        source = "source: Node, /" if "from_" in model.model_fields else ""
        yield from _method("class_" if kind == "class" else kind, source, _keys(model), "Section", model)
    yield ""
    yield f"{name}: {own}"


def _keys(model: type[BaseModel]) -> dict[str, str]:
    """The keys with what a signature says of each, those without a default first."""
    found: dict[str, str] = {}
    for name, field in model.model_fields.items():
        if name in ("layer" if "layer" in model.model_fields else "kind", "from_"):
            continue
        refers = any(extra == "ref" for extra in field.metadata) or name in getattr(model, "ports", ())
        kind = "Node" if refers else _type(field.annotation)
        kind = kind if kind.startswith(("Any", "Node")) else f"{kind} | Expression"
        kind = f"{kind.replace(' | None', '')} | None" if " | None" in kind else kind
        found[field.alias or name] = kind if field.is_required() else f"{kind} = ..."
    return found


def _type(kind: Any) -> str:
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return "Node" if "ref" in arguments[1:] else _type(arguments[0])
    if origin is Literal:
        return f"Literal[{', '.join(repr(one).replace(chr(39), chr(34)) for one in arguments)}]"
    if origin in (Union, types.UnionType):
        return " | ".join(dict.fromkeys(_type(one) for one in arguments))
    if origin in (list, tuple):
        inner = [_type(one) for one in arguments if one is not Ellipsis]
        return f"Sequence[{' | '.join(dict.fromkeys((*inner, 'Expression')))}]"
    if origin is dict or kind is dict:
        return "Mapping[str, Any]"
    if kind is type(None):
        return "None"
    if inspect.isclass(kind) and issubclass(kind, BaseModel):
        return "Mapping[str, Any]"
    return kind.__name__ if kind in (int, float, bool, str) else "Any"


def _method(name: str, source: str, keys: Mapping[str, str], gives: str, model: type[BaseModel]) -> Iterator[str]:
    yield ""
    yield f"    def {name}("
    yield "        self,"
    if source:
        yield f"        {source},"
    if keys:
        yield "        *,"
        # keys without a default may stand behind others, as all go by their names
        yield from (f"        {key}: {text}," for key, text in keys.items())
    yield f"    ) -> {gives}:"
    yield from textwrap.indent(f'"""{_about(model)}"""\n...', " " * 8).splitlines()


def _about(model: type[BaseModel]) -> str:
    """What the kind is, and a sentence for each of its keys."""
    text = inspect.getdoc(model) or ""
    own = {f.alias or n: f.description for n, f in model.model_fields.items() if f.description and n != "from_"}
    lines = [line for key, about in own.items() for line in _wrapped(f"{key}: {about}")]
    whole = [_filled(part) for part in text.split("\n\n")]
    return "\n".join(["\n\n".join(whole), *(["", *lines] if lines else []), ""]).replace("\\", "\\\\")


def _filled(part: str) -> str:
    """A paragraph in lines that fit; a list as it is, but for those of its lines that do not."""
    if part.lstrip().startswith("-"):
        return "\n".join(line for one in part.splitlines() for line in _wrapped(one))
    return "\n".join(textwrap.wrap(part, 104))


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(text, 104, subsequent_indent="    ")
