"""What long work says of itself, and that it says nothing unasked. Time is handed in:
nothing here waits for a clock."""

from __future__ import annotations

import io
import re
import sys
import threading
from collections.abc import Iterator
from importlib.machinery import ModuleSpec
from pathlib import Path

import pytest

from arspec import progress
from arspec.analysis.report import prove
from arspec.cli.main import main
from arspec.language.load import load
from arspec.progress import GivenUp, Progress, duration, opening, showing, spoken, track, while_wanted

ROOT = Path(__file__).parent.parent


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Work speaks as soon as it is asked to: its speaker waits for nothing."""
    monkeypatch.setattr(progress, "FIRST", 0.0)
    monkeypatch.setattr(progress, "EVERY", 1e6)


class Heard(io.StringIO):
    """A stream that tells when something has been written to it."""

    def __init__(self) -> None:
        super().__init__()
        self.spoken = threading.Event()

    def write(self, text: str) -> int:
        count = super().write(text)
        self.spoken.set()
        return count


def test_a_line_says_what_is_done_and_how_long_it_takes() -> None:
    work = Progress("sampling", 1000, "steps")
    work.advance(250)
    assert work.line(30) == "sampling: 250 of 1,000 steps, about 90 s left"
    work.told = "train 3.2 bits/dim"
    work.done = 1000
    assert work.line(120) == "sampling: 1,000 of 1,000 steps; train 3.2 bits/dim"
    assert Progress("reading", unit="values").line(3) == "reading: 0 values in 3.0 s"
    resumed = Progress("training", 100, done=50)
    resumed.advance(10)
    assert resumed.line(10) == "training: 60 of 100 steps, about 40 s left"  # by what was done since, not before
    assert [duration(s) for s in (0.25, 59, 119.6, 600, 9000)] == ["0.2 s", "59 s", "120 s", "10 min", "2.5 h"]


def test_long_work_speaks_and_says_how_it_ended(at_once: None) -> None:
    heard = Heard()
    with showing(heard), Progress("counting", 3, "numbers") as work:
        assert heard.spoken.wait(60)
        work.advance(3)
    assert heard.getvalue().splitlines()[-1] == "counting: 3 of 3 numbers"
    assert heard.getvalue().startswith("counting: 0 of 3 numbers")


def test_a_step_that_does_not_end_is_told_of_while_it_runs(at_once: None) -> None:
    heard = Heard()
    with showing(heard):
        for _ in track(range(2), "stepping"):
            assert heard.spoken.wait(60)  # before the first step has ended


def test_what_comes_before_all_work_is_told_of_until_something_is_said(at_once: None) -> None:
    heard = Heard()
    with showing(heard), opening("arspec train"):
        assert heard.spoken.wait(60)  # before any work has begun
        with opening("inner"), Progress("training", 2) as work:
            work.advance(2)
    first, *rest = heard.getvalue().splitlines()
    assert re.fullmatch(r"arspec train: getting ready, \d+\.\d s", first)
    assert rest and all(line.startswith("training: ") for line in rest)


def test_what_is_being_imported_is_named(monkeypatch: pytest.MonkeyPatch, at_once: None) -> None:
    spec = ModuleSpec("torch", None)
    monkeypatch.setattr(spec, "_initializing", True, raising=False)
    monkeypatch.setattr(sys.modules["torch"], "__spec__", spec)
    heard = Heard()
    with showing(heard), opening("arspec train"):
        assert heard.spoken.wait(60)
    assert heard.getvalue().startswith("arspec train: importing torch, ")


@pytest.mark.parametrize("quiet", [True, False])
def test_a_command_tells_of_its_opening_unless_it_is_quiet(
    quiet: bool, monkeypatch: pytest.MonkeyPatch, at_once: None, capsys: pytest.CaptureFixture[str]
) -> None:
    heard = Heard()
    monkeypatch.setattr(sys, "stderr", heard)

    def waits(_: object) -> int:
        assert quiet or heard.spoken.wait(60)
        begun = {thread.name for thread in threading.enumerate() if thread not in before}
        assert ("opening" in begun) != quiet
        spoken()
        return 0

    monkeypatch.setattr("arspec.cli.list.run", waits)
    before = threading.enumerate()
    assert main(["list", *["--quiet"] * quiet]) == 0
    assert heard.getvalue().startswith("arspec list: getting ready, ") != quiet
    for thread in threading.enumerate():
        if thread.name == "opening":
            thread.join(60)
            assert not thread.is_alive()


def test_of_nested_work_the_outermost_speaks(at_once: None) -> None:
    heard = Heard()
    with showing(heard), Progress("outer", 2) as outer:
        assert heard.spoken.wait(60)
        assert [*track(range(3), "inner")] == [0, 1, 2]
        outer.advance(2)
    assert "outer" in heard.getvalue() and "inner" not in heard.getvalue()


def test_a_single_piece_leaves_the_word_to_what_lies_inside(at_once: None) -> None:
    heard = Heard()
    with showing(heard), Progress("outer", 1):
        for _ in track(range(2), "inner"):
            assert heard.spoken.wait(60)
    assert "outer" not in heard.getvalue() and "inner: 2 of 2" in heard.getvalue()


def test_work_that_is_broken_off_lets_others_speak(at_once: None) -> None:
    heard = Heard()
    with showing(heard):
        with pytest.raises(ValueError, match="broken"):
            for _ in track(range(9), "first"):
                raise ValueError("broken off")
        heard.spoken.clear()
        with Progress("second", 5):
            assert heard.spoken.wait(60)
    assert "second: 0 of 5" in heard.getvalue()


def test_the_library_is_silent_and_quiet_is_quiet(at_once: None, capsys: pytest.CaptureFixture[str]) -> None:
    with Progress("counting", 3) as work:
        work.advance()
    assert [*track(iter("ab"), "counting")] == ["a", "b"]
    with showing(False), Progress("counting", 3):
        pass
    assert threading.active_count() == len([t for t in threading.enumerate() if t.name != "progress"])
    assert main(["verify", "--static", "--quiet", str(ROOT / "specs/made.yaml"), "--set", "members=2"]) == 0
    assert capsys.readouterr().err == ""


def test_a_reader_that_has_gone_does_not_stop_the_work(at_once: None) -> None:
    gone = io.StringIO()
    gone.close()

    def work() -> Iterator[int]:
        yield from range(3)

    with showing(gone):
        assert [*track(work(), "counting")] == [0, 1, 2]


def test_a_terminal_gets_a_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "APPEARS", 0.0)
    monkeypatch.setattr(progress, "REDRAWN", 0.0)

    class Terminal(Heard):
        def isatty(self) -> bool:
            return True

    heard = Terminal()
    with showing(heard), Progress("drawing", 7, "sites") as work:
        work.advance(7)
        assert heard.spoken.wait(60)
    assert "drawing" in heard.getvalue() and "of 7 sites" in heard.getvalue()


def test_commands_say_how_far_they_are(at_once: None, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    small = ["--set", "height=8", "--set", "width=8", "--set", "blocks=1"]
    spec = str(ROOT / "specs/pixelcnn.yaml")
    assert main(["verify", "--static", "--contexts", "all", spec, *small]) == 0
    assert "finding contexts" in capsys.readouterr().err
    made = [str(ROOT / "specs/made.yaml"), "--set", "height=4", "--set", "width=4", "--set", "hidden=8"]
    assert main(["sample", *made, "-n", "4", "-o", str(tmp_path / "x.npy"), "--method", "once"]) == 0
    assert "sampling" in capsys.readouterr().err


def test_a_proof_that_is_wanted_no_more_ends_between_two_nodes() -> None:
    """Wherever it is: in the graph, in known-at, in the contexts of all variables or of some."""
    params = {"height": 6, "width": 6, "layers": 2}
    asked = 0

    def wanted(times: float) -> bool:
        nonlocal asked
        asked += 1
        return asked < times

    for contexts in (True, 2):
        asked = 0
        with while_wanted(lambda: wanted(float("inf"))):
            whole = prove(load("gated_pixelcnn", params), contexts)
        every = asked
        assert every > 3 * len(whole.spec.graph().nodes)
        for times in range(1, every + 1, 23):
            asked = 0
            with pytest.raises(GivenUp), while_wanted(lambda: wanted(times)):  # noqa: B023
                prove(load("gated_pixelcnn", params), contexts)
            assert asked == times
    assert prove(load("gated_pixelcnn", params)).coverage == 1


def test_the_proof_of_a_family_speaks_as_one_work(at_once: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each speaker is a thread, which takes longer to start than a small order takes to prove."""
    begun: list[str] = []
    enter = Progress.__enter__

    def counted(self: Progress) -> Progress:
        entered = enter(self)
        begun.extend([self.what] * (self._speaker is not None))
        return entered

    monkeypatch.setattr(Progress, "__enter__", counted)
    with showing(Heard()):
        assert prove(load("made")).proven
    assert begun == ["proving"]
