"""The examples in docstrings give what they say."""

from __future__ import annotations

import doctest
from importlib import import_module
from pathlib import Path

import pytest

from tests.small import ROOT

WITH_EXAMPLES = sorted(path for path in (ROOT / "arspec").rglob("*.py") if ">>>" in path.read_text(encoding="utf-8"))


def name_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts)


@pytest.mark.parametrize("path", WITH_EXAMPLES, ids=name_of)
def test_the_examples_of_a_module_hold(path: Path) -> None:
    failed, tried = doctest.testmod(import_module(name_of(path)))
    assert tried > 0 and failed == 0
