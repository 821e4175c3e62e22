"""The reference: the language as `arspec schema --reference` prints it, and the API from docstrings."""

from __future__ import annotations

import importlib
import inspect
import re
import textwrap
from collections.abc import Iterator
from typing import Any

import arspec
from arspec.guide import page
from arspec.language.reference import reference

# page: (title, what it is, the things that it documents: a module and the names in it; of a class also its methods)
API: dict[str, tuple[str, str, list[tuple[str, tuple[str, ...]]]]] = {
    "functions": (
        "Functions", "What `import arspec` gives.", [("arspec", tuple(arspec.__all__))],
    ),
    "model": (
        "Models", "What `arspec.compile` and `arspec.open` give, and what its methods return.",
        [("arspec.model", ("Model",)), ("arspec.scoring", ("Scores",)), ("arspec.completion", ("Completion", "Plan"))],
    ),
    "reports": (
        "Specs and reports", "What `arspec.load`, `arspec.verify`, `arspec.audit` and `arspec.train` give.",
        [
            ("arspec.language.load", ("Spec",)), ("arspec.analysis.report", ("Report",)),
            ("arspec.auditing", ("AuditReport",)), ("arspec.training", ("Summary", "Evaluation", "Options")),
            ("arspec.data", ("Examples",)),
        ],
    ),
    "build": (
        "Builder", "Specs from Python.", [("arspec.build", ("Builder", "Block"))],
    ),
    "testing": (
        "Testing", "Causality as a test.", [("arspec.testing", ("assert_causal", "NotCausal"))],
    ),
    "layers": (
        "The contract of a layer", "What a kind of layer states. The guide shows one from the first line to the last.",
        [("arspec.layers.base", ("Layer", "Node", "Traits", "Weight", "Fault", "Style")),
         ("arspec.reads", ("Reads", "Pointwise", "Window", "Whole", "Ranked", "Matrix", "Union", "Scan"))],
    ),
}  # fmt: skip


def pages() -> Iterator[tuple[str, str]]:
    """The language, the API, and their contents."""
    yield "reference/language.md", language()
    lines = ["# Reference", "", "- [The language](language.md): every section, layer, mask and head, with an example"]
    for name, (title, about, _) in API.items():
        yield f"reference/{name}.md", api(name)
        lines.append(f"- [{title}]({name}.md): {about[0].lower()}{about[1:].rstrip('.')}")
    lines += ["- [Commands](../guide/commands.md): the command line",
              "- [Words](../guide/words.md): the glossary",
              "- [Diagnostics](../diagnostics/index.md): every error, warning and note"]  # fmt: skip
    yield "reference/index.md", "\n".join(lines) + "\n"


def navigation() -> list[Any]:
    """The part of the site."""
    return [
        "reference/index.md",
        {"The language": "reference/language.md"},
        {"Python": [{title: f"reference/{name}.md"} for name, (title, _, _) in API.items()]},
    ]


def language() -> str:
    """The reference of the language, whose kinds are headings of their own."""
    return reference().replace("| | |", "| | |")


def api(name: str) -> str:
    """A page of the API."""
    title, about, found = API[name]
    lines = [f"# {title}", "", about, ""]
    for module, names in found:
        for each in names:
            lines += entry(module, each)
    return "\n".join(lines)


def entry(module: str, name: str) -> list[str]:
    """A function or a class with its methods."""
    thing = getattr(importlib.import_module(module), name)
    shown = f"{module}.{name}"
    lines = [f"## `{shown}` {{ #{anchor(shown)} }}", ""]
    if inspect.isclass(thing):
        fields = attributes(thing)
        lines += [*signature(name, thing, drop=False), *prose(thing), ""]
        if fields:
            lines += ["| attribute | type |", "|---|---|", *(f"| `{key}` | `{kind}` |" for key, kind in fields), ""]
        for key, method in methods(thing):
            lines += [f"### `{name}.{key}` {{ #{anchor(f'{shown}.{key}')} }}", ""]
            lines += [*signature(key, method, drop=True), *prose(method), ""]
    else:
        lines += [*signature(name, thing, drop=False), *prose(thing), ""]
    return lines


def anchor(name: str) -> str:
    """The place of a name on its page."""
    return name.lower().replace("_", "-")


def methods(kind: type) -> list[tuple[str, Any]]:
    """The public methods and properties that the class itself says something of, or a base of ours does. Of a module
    those that its class defines, and those that the guide names: the rest is for the code that runs it."""
    named = re.findall(rf"^\| `{kind.__name__.lower()}\.(\w+)` \|", page("python"), re.MULTILINE)
    if named:
        return [(key, getattr(kind, key)) for key in dict.fromkeys(["forward", *named])]
    found: dict[str, Any] = {}
    for base in kind.__mro__:
        if base.__module__.startswith("arspec"):
            for key, value in list(vars(base).items()):
                plain = value.fget if isinstance(value, property) else getattr(value, "__func__", value)
                called = inspect.isfunction(plain) or isinstance(value, property)
                if not key.startswith("_") and called and inspect.getdoc(plain):
                    found.setdefault(key, value)
    return list(found.items())


def attributes(kind: type) -> list[tuple[str, str]]:
    """The fields of a dataclass or a model, with their types as they are written."""
    if not (hasattr(kind, "__dataclass_fields__") or hasattr(kind, "model_fields")):
        return []
    notes = {key: value for base in reversed(kind.__mro__) if base.__module__.startswith("arspec")
             for key, value in list(vars(base).get("__annotations__", {}).items())}  # fmt: skip
    plain = {
        key: value if isinstance(value, str) else getattr(value, "__name__", str(value)) for key, value in notes.items()
    }
    shown = {key: value.replace("|", "\\|") for key, value in plain.items() if not key.startswith("_")}
    return [(key, value) for key, value in shown.items() if not value.startswith("ClassVar")]


def signature(name: str, thing: Any, drop: bool) -> list[str]:
    """How it is called, one argument a line where it is long; nothing for a property."""
    if isinstance(thing, property):
        return []
    plain = getattr(thing, "__func__", thing)
    if inspect.isclass(plain) and (issubclass(plain, Exception) or hasattr(plain, "model_fields")):
        return []
    try:
        found = inspect.signature(plain)
    except (TypeError, ValueError):
        return []
    given = list(found.parameters.values())
    if drop and given and given[0].name in ("self", "cls"):
        given = given[1:]
    parts = [part.replace("'", "") if "=" not in part else tidy(part) for part in stars(given)]
    gives = (
        ""
        if found.return_annotation is inspect.Signature.empty
        else f" -> {str(found.return_annotation).strip(chr(39))}"
    )
    line = f"{name}({', '.join(parts)}){gives}"
    if len(line) > 96:
        line = "\n".join([f"{name}(", *(f"    {part}," for part in parts), f"){gives}"])
    return ["```python", line, "```", ""]


def stars(given: list[inspect.Parameter]) -> Iterator[str]:
    """The arguments as they are written, with the signs that part them."""
    star = False
    for one in given:
        if one.kind is inspect.Parameter.VAR_POSITIONAL:
            star = True
        if one.kind is inspect.Parameter.KEYWORD_ONLY and not star:
            star = True
            yield "*"
        yield str(one)


def tidy(part: str) -> str:
    """An argument with a default, whose type is written without quotes."""
    return re.sub(r": '(.*?)' = ", r": \1 = ", part)


def prose(thing: Any) -> list[str]:
    """The docstring, as Markdown: what is indented in it is code."""
    plain = thing.fget if isinstance(thing, property) else getattr(thing, "__func__", thing)
    text = inspect.getdoc(plain) or ""
    lines: list[str] = []
    for part in re.split(r"\n\s*\n", text):
        if part.startswith("    "):
            lines += ["```python", textwrap.dedent(part).rstrip(), "```", ""]
        else:
            lines += [re.sub(r"(?<!`)<(?!`)", "&lt;", part) if "`" not in part else part, ""]
    return lines[:-1] if lines else []
