"""Finds the module that a user names as `package.module:callable` or `path/to/file.py:callable`, and builds it."""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar, cast

import torch
from torch import nn

from arspec.auditing.reasons import reason
from arspec.diagnostics import InputError, did_you_mean
from arspec.language.shipped import SUFFIXES, shipped

T = TypeVar("T")


def load_callable(target: str, kwargs: Mapping[str, Any] | None = None, seed: int = 0) -> nn.Module:
    """The torch module that `target` stands for, called with `kwargs`; a module object is taken as it is.

    torch's chance begins with `seed` in the call, so that the same weights are drawn in every run.

    This runs the user's own code. InputError where it cannot be found or imported, where the call fails, and where
    what comes back is no torch module.
    """
    found = find_callable(target)
    if isinstance(found, nn.Module):
        if kwargs:
            raise InputError(
                "AR812",
                f"{target} is a module already, so it takes no --kwargs",
                help="name the class or a function that builds it",
            )
        return found
    if not callable(found):
        raise InputError("AR812", f"{target} is {_kind(found)}, which cannot be called")
    given = ", ".join(f"{name}={value!r}" for name, value in (kwargs or {}).items())
    with _beside(target):
        try:
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(seed)
                module = found(**(kwargs or {}))
        except (Exception, SystemExit) as error:
            raise InputError(
                "AR812",
                f"{target} called with {given or 'no arguments'} fails: {reason(error)}",
                help=None if given else "arguments are given with --kwargs '{name: value}'",
            ) from error
    if not isinstance(module, nn.Module):
        raise InputError("AR812", f"{target} gives {_kind(module)}, not a torch.nn.Module")
    return module


def find_callable(target: str) -> Any:
    """The object that `package.module:name` or `file.py:name` stands for; `name` may have dots."""
    source, colon, path = target.rpartition(":")
    if not colon or not source or not path:
        named = source or path or "my_model.py"
        help = f"name what builds the module, as in {named}:build"
        if Path(named).suffix in SUFFIXES or (not os.path.exists(named) and named.replace("-", "_") in shipped()):
            help = f"it is a spec: `arspec verify {named}` proves and tests it"
        form = "package.module:callable or path/to/file.py:callable"
        raise InputError("AR812", f"{target!r} is not of the form {form}", help=help)
    with _beside(target):
        found: Any = _import_file(Path(source)) if source.endswith(".py") else _import_package(source)
    seen = source
    for name in path.split("."):
        if not hasattr(found, name):
            inside = cast("dict[str, Any]", getattr(found, "__dict__", {}))
            public = [other for other in inside if not other.startswith("_")]
            raise InputError("AR812", f"{seen} has no {name!r}", help=did_you_mean(name, public, what="it has"))
        found = getattr(found, name)
        seen = f"{seen}:{name}" if seen == source else f"{seen}.{name}"
    return found


def _import_file(path: Path) -> ModuleType:
    if not os.path.isfile(path):
        siblings = [str(other) for other in path.parent.glob("*.py")] if os.path.isdir(path.parent) else []
        raise InputError("AR812", f"there is no file {path}", help=did_you_mean(str(path), siblings))
    name = f"audited_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise InputError("AR812", f"{path} cannot be imported as Python")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look their module up there
    loader = spec.loader
    _run(lambda: loader.exec_module(module), str(path))
    return module


def _import_package(name: str) -> ModuleType:
    parts = name.split(".")
    if not all(part.isidentifier() for part in parts):
        raise InputError("AR812", f"{name!r} is no name of a Python module", help="a file must end in .py")
    return _run(lambda: importlib.import_module(name), name)


def _run(action: Callable[[], T], what: str) -> T:
    try:
        return action()
    except ModuleNotFoundError as error:
        raise InputError(
            "AR812",
            f"{what} cannot be imported: {error}",
            help="names are looked up from the current directory and in the installed packages",
        ) from error
    except (Exception, SystemExit) as error:
        raise InputError("AR812", f"{what} cannot be imported: {reason(error)}") from error


@contextmanager
def _beside(target: str) -> Generator[None]:
    """Lets the user's code import what lies beside it, as if it were run from there."""
    source = target.rpartition(":")[0]
    folder = str(Path(source).resolve().parent) if source.endswith(".py") else str(Path.cwd())
    sys.path.insert(0, folder)
    try:
        yield
    finally:
        if folder in sys.path:
            sys.path.remove(folder)


def _kind(value: object) -> str:
    return f"an object of type {type(value).__name__}"
