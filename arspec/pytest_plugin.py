"""The plugin of pytest: the fixture `assert_causal`, and `pytest --causal`.

`--causal` runs two kinds of tests and no others: those that use the fixture or are marked `causal`, and a test for each
target of the ini option `causal`. A function with the mark that gives a module is a test as it stands:

    @pytest.mark.causal(input="b t", output="b t k", size={"t": 16}, levels=8, offset=1)
    def test_decoder():
        return Decoder()

An ini line is a target and options as of `assert_causal`, in YAML:

    causal =
        model.py:build {input: b t, output: b t k, size: {t: 16}, levels: 8, offset: 1}

Nothing heavy is imported until such a test runs.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pytest

if TYPE_CHECKING:
    from arspec.testing import NotCausal

MARK = "causal"
PROPERTY = "arspec annotations"
OPTIONS = "causal(input, output, size, accept, ...): the test gives a torch module, which must be causal; see arspec"


def pytest_addoption(parser: pytest.Parser) -> None:
    """The flag and the ini option."""
    group = parser.getgroup("arspec", "causality of torch modules (arspec)")
    group.addoption("--causal", action="store_true", help="run the tests of causality alone, and those of the ini file")
    parser.addini(MARK, "targets of tests of causality, each with options in YAML, one a line", type="linelist")


def pytest_configure(config: pytest.Config) -> None:
    """Makes the mark known."""
    config.addinivalue_line("markers", OPTIONS)


@pytest.fixture
def assert_causal() -> Callable[..., Any]:
    """Audits a torch module; fails unless it is proven. See `arspec.testing.assert_causal`."""
    from arspec.testing import assert_causal as function

    return function


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> Generator[None, object, object]:
    """A marked test gives a module, or several by name, each of which is audited."""
    __tracebackhide__ = True
    marker = pyfuncitem.get_closest_marker(MARK)
    if marker is None or "assert_causal" in pyfuncitem.fixturenames:
        return (yield)
    function = pyfuncitem.obj
    given: list[Any] = []

    def kept(*args: Any, **kwargs: Any) -> None:
        given.append(function(*args, **kwargs))

    pyfuncitem.obj = kept
    try:
        result = yield
    finally:
        pyfuncitem.obj = function
    check(given[0] if given else None, pyfuncitem.name, marker.args, marker.kwargs)
    return result


def pytest_collection_modifyitems(session: pytest.Session, config: pytest.Config, items: list[pytest.Item]) -> None:
    """With --causal: the tests of causality alone, and one for each target of the ini file."""
    if not config.getoption("--causal"):
        return
    kept = [item for item in items if item.get_closest_marker(MARK) or "assert_causal" in _fixtures(item)]
    dropped = [item for item in items if item not in kept]
    if dropped:
        config.hook.pytest_deselected(items=dropped)
    items[:] = [*kept, *_targets(session, config)]


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """In GitHub Actions: annotations beside the lines that leak."""
    if os.environ.get("GITHUB_ACTIONS") != "true":
        return
    for report in terminalreporter.stats.get("failed", []):
        for name, told in getattr(report, "user_properties", ()):
            if name == PROPERTY and told:
                terminalreporter.write_line(told)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """What failed in one screen, without the frames of the audit."""
    report = yield
    error = None if call.excinfo is None else call.excinfo.value
    if error is not None and call.when == "call" and type(error).__module__.startswith("arspec."):
        found = getattr(error, "report", None)
        if found is not None:
            report.longrepr = str(cast("NotCausal", error))
            report.user_properties.append((PROPERTY, found.github()))
    return report


def _fixtures(item: pytest.Item) -> Iterable[str]:
    return cast("Iterable[str]", getattr(item, "fixturenames", ()))


def _targets(session: pytest.Session, config: pytest.Config) -> list[pytest.Item]:
    lines = [line for line in cast("list[str]", config.getini(MARK)) if line.strip()]
    file = Path(config.inipath or config.rootpath).name
    found: list[pytest.Item] = []
    for number, line in enumerate(lines, 1):
        target = line.split()[0]
        alone = sum(target == other.split()[0] for other in lines) == 1
        name = target if alone else f"{target} (line {number})"  # each test has an id of its own
        found.append(_Target.from_parent(session, name=name, nodeid=f"{file}::{name}", line=line))
    return found


class _Target(pytest.Item):
    """A module that the ini file names."""

    def __init__(self, *, line: str, **more: Any) -> None:
        super().__init__(**more)
        self.line = line
        self.add_marker(MARK)

    def runtest(self) -> None:
        """Builds the module and audits it."""
        from arspec.auditing.loading import load_callable
        from arspec.diagnostics import InputError

        target, _, rest = self.line.strip().partition(" ")
        options = _options(rest)
        folder = Path(self.config.rootpath)
        path, colon, name = target.rpartition(":")
        if colon and path.endswith(".py"):
            target = f"{folder / path}:{name}"
        try:
            module = load_callable(target, options.pop("kwargs", None))
        except InputError as error:
            raise InputError("AR994", f"{self.line.split()[0]} in the ini option causal: {error}") from error
        check(module, self.name, (), options)

    def repr_failure(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None
    ) -> Any:
        """The text alone."""
        return str(excinfo.value)

    def reportinfo(self) -> tuple[Path, int | None, str]:
        """Where pytest says that it is."""
        return Path(self.config.inipath or self.config.rootpath), None, f"causal: {self.name}"


def _options(text: str) -> dict[str, Any]:
    from arspec.diagnostics import InputError, Source
    from arspec.syntax.yaml import parse, plain

    if not text.strip():
        return {}
    value = plain(parse(Source("the ini option causal", text.strip())))
    if not isinstance(value, dict):
        raise InputError("AR994", f"options stand behind a target as a YAML mapping, unlike {text.strip()!r}")
    return cast("dict[str, Any]", value)


def check(given: Any, name: str, args: tuple[Any, ...], options: Mapping[str, Any]) -> None:
    """Audits what a test gave."""
    __tracebackhide__ = True
    from arspec.diagnostics import InputError
    from arspec.testing import assert_causal

    if given is None:
        raise InputError("AR994", f"{name} is marked causal and gives nothing", help="return the torch module")
    from torch import nn

    modules = cast("dict[str, Any]", given) if isinstance(given, dict) else {name: given}
    for each, module in modules.items():
        if not isinstance(module, nn.Module):
            raise InputError(
                "AR994",
                f"{name} is marked causal and gives {type(module).__name__}, no torch module",
                help="return the module, or take the fixture assert_causal and call it",
            )
        assert_causal(module, *args, **{"name": each, **options})
