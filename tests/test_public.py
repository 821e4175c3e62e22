"""What a person may rely on: every public name with its signature, held to a text that changes with it.

`python tests/test_public.py` writes the text anew; a change of it belongs into the changelog.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import arspec

SURFACE = Path(__file__).with_name("public.txt")
MODULES = (
    "arspec",
    "arspec.data",
    "arspec.training",
    "arspec.completion",
    "arspec.codec",
    "arspec.scoring",
    "arspec.testing",
    "arspec.build",
    "arspec.diagnostics",
)
CLASSES = (
    "arspec.model.Model", "arspec.language.load.Spec", "arspec.analysis.report.Report", "arspec.data.Examples",
    "arspec.training.Summary", "arspec.training.Evaluation", "arspec.training.Options", "arspec.InputError",
    "arspec.SpecError", "arspec.build.Builder", "arspec.build.Block",
)  # fmt: skip

RECORDS = ("Examples", "Options", "Summary", "Evaluation", "InputError", "SpecError")  # others are made by functions


def thing(path: str) -> Any:
    module, _, name = path.rpartition(".")
    return getattr(importlib.import_module(module), name)


def surface() -> str:
    """Public names, each with its signature; of the classes that these give the methods and properties too."""
    lines: list[str] = []
    for name in MODULES:
        module = importlib.import_module(name)
        lines += [f"## {name}", *(said(each, getattr(module, each)) for each in sorted(module.__all__)), ""]
    for path in CLASSES:
        lines += [f"## {path.rpartition('.')[2]}", *members(thing(path)), ""]
    return "\n".join(lines)


def members(own: type) -> Iterator[str]:
    """The constructor's signature where users call it or read its fields, and what its classes here state as public."""
    yield f"{own.__name__}{inspect.signature(own)}" if own.__name__ in RECORDS else own.__name__
    for name, member in sorted(stated(own).items()):
        yield f"  .{said(name, member)}"


def stated(own: type) -> dict[str, Any]:
    """Public methods and properties that a class, and those of arspec that it is made of, have written themselves."""
    kinds = (property, classmethod, staticmethod)
    return {
        name: member
        for one in reversed(own.__mro__) if one.__module__.startswith("arspec") for name, member in vars(one).items()
        if not name.startswith("_") and (inspect.isfunction(member) or isinstance(member, kinds))
    }  # fmt: skip


def said(name: str, member: Any) -> str:
    if isinstance(member, classmethod | staticmethod):
        member = member.__func__
    if inspect.isclass(member) or not callable(member):
        return name
    return f"{name}{inspect.signature(member)}"


def test_the_public_surface_is_the_one_that_is_stated() -> None:
    assert surface() == SURFACE.read_text("utf-8"), "python tests/test_public.py writes it; say it in the changelog"


def test_what_is_public_says_what_it_is() -> None:
    """Everything in `__all__`, and every public method of the classes that it gives."""
    silent = [f"{name}.{each}" for name in MODULES for each in importlib.import_module(name).__all__
              if callable(own := getattr(importlib.import_module(name),
                                         each)) and not (own.__doc__ or "").strip()]  # fmt: skip
    for path in CLASSES:
        for name, member in stated(thing(path)).items():
            inner = member.__func__ if isinstance(member, classmethod | staticmethod) else member
            if not inner.__doc__:
                silent.append(f"{path}.{name}")
    assert silent == []


def test_the_names_are_typed_and_no_function_is_a_package() -> None:
    for name in arspec.__all__:
        own = getattr(arspec, name)
        if inspect.isfunction(own):
            hints = {*own.__annotations__}
            assert hints == {*inspect.signature(own).parameters, "return"}, name
        assert (
            not (Path(arspec.__file__).parent / name).exists()
            and not (Path(arspec.__file__).parent / f"{name}.py").exists()
        )


def test_the_static_half_needs_no_torch(tmp_path: Path) -> None:
    """`import arspec` with a proof and a diagram by a name, in a process of its own."""
    program = (
        "import arspec, sys; spec = arspec.load('made'); arspec.verify(spec, static=True); "
        "from arspec.cli.main import main; code = main(['list']) or main(['data']) or main(['render', 'gpt', '-o', "
        "'x.dot']); assert not code and not {'torch', 'matplotlib', 'huggingface_hub', 'scipy', 'sklearn'} & "
        "set(sys.modules), code"
    )
    root = Path(__file__).parent.parent
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, env={"PYTHONPATH": str(root), "PATH": ""},
                          capture_output=True)  # fmt: skip
    assert done.returncode == 0, done.stderr.decode()


def test_help_needs_nothing_but_the_command_line() -> None:
    """Of arspec itself: `arspec --help` answers at once, however much there is to explain."""
    program = (
        "import sys\nfrom arspec.cli.main import main\n"
        "try: main(['--help'])\n"
        "except SystemExit: pass\n"
        "print([name for name in sys.modules if name.startswith('arspec.')], file=sys.stderr)"
    )
    root = Path(__file__).parent.parent
    done = subprocess.run([sys.executable, "-c", program], env={"PYTHONPATH": str(root)}, capture_output=True)
    own = {"cli", "cli.main", "cli.ending", "cli.parser", "cli.streams", "progress", "version"}
    assert {*ast.literal_eval(done.stderr.decode())} <= {f"arspec.{name}" for name in own}


if __name__ == "__main__":
    SURFACE.write_text(surface(), "utf-8")
