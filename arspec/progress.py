"""What long work says of itself: a bar on a terminal, a line every few seconds elsewhere; and its early end.

The library is silent unless it is told to speak: `with showing(sys.stderr): ...`. The command line does so for all
commands, unless they are `--quiet`. Of nested work the outermost speaks. Before any work speaks, torch is imported and
models are read: `with opening("arspec train"): ...` says so where that takes long.

An editor asks anew at every keystroke: `with while_wanted(lambda: ...): ...` ends the static analyses between two nodes
once nobody wants what they find.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from typing import Any, TextIO, TypeVar

T = TypeVar("T")

FIRST, EVERY = 2.0, 5.0  # seconds before the first line, and from each line to the next
SOON = (
    0.5  # the share of FIRST after which a command that has not begun its work says so: it began before it could count
)
APPEARS, REDRAWN = 0.5, 0.2  # seconds before a bar is drawn, and between its drawings


class _Shown:
    """Where progress goes: `stream` is None where nobody listens; `busy` while some work speaks already; `opening`
    before anything is said."""

    stream: TextIO | None = None
    busy = False
    opening: _Opening | None = None


@contextmanager
def showing(wanted: bool | TextIO) -> Generator[None]:
    """Inside, long work speaks: on standard error (True) or another stream. False leaves it as it is."""
    before = _Shown.stream
    if wanted is not False and before is None:
        _Shown.stream = sys.stderr if wanted is True else wanted
    try:
        yield
    finally:
        _Shown.stream = before


@contextmanager
def opening(what: str) -> Generator[None]:
    """Inside, what is done before anything is said is told of: until a piece of work begins to speak, or `spoken` is
    called. what: who does it, such as 'arspec train'."""
    if _Shown.stream is None or _Shown.busy or _Shown.opening is not None:
        yield
        return
    _Shown.opening = _Opening(what, _Shown.stream)
    _Shown.opening.start()
    try:
        yield
    finally:
        spoken()


def spoken() -> None:
    """Something is said from here on, by others."""
    speaker, _Shown.opening = _Shown.opening, None
    if speaker is not None:
        speaker.end()


class GivenUp(Exception):
    """What long work found is wanted no more."""


_WANTED: ContextVar[Callable[[], bool] | None] = ContextVar("wanted", default=None)  # of each thread its own


@contextmanager
def while_wanted(wanted: Callable[[], bool]) -> Generator[None]:
    """Inside, in this thread, the static analyses raise GivenUp once `wanted` says no. They ask between two nodes, so
    that it is asked often, and may also wait before it answers."""
    token = _WANTED.set(wanted)
    try:
        yield
    finally:
        _WANTED.reset(token)


def still_wanted() -> None:
    """Between two pieces of long work: raises GivenUp where what it finds is wanted no more."""
    wanted = _WANTED.get()
    if wanted is not None and not wanted():
        raise GivenUp


class Progress:
    """One piece of long work, as a context: `advance(n)` counts what is done.

    what: a verb, such as 'sampling'. total: how much there is, None where that is not known. unit: of what is counted.
    told: what else there is to say; it may be set at any time.
    """

    def __init__(self, what: str, total: int | None = None, unit: str = "steps", done: int = 0) -> None:
        self.what, self.total, self.unit, self.told = what, total, unit, ""
        self.done = self._from = done
        self._speaker: _Speaker | None = None

    def advance(self, count: int = 1) -> None:
        """So much more is done. It costs an addition: who speaks looks at it now and then."""
        self.done += count

    def __enter__(self) -> Progress:
        single = self.total is not None and self.total <= 1  # what lies inside has more to say
        if _Shown.stream is not None and not _Shown.busy and not single:
            spoken()
            _Shown.busy = True
            self._speaker = _Speaker(self, _Shown.stream)
            self._speaker.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._speaker is not None:
            self._speaker.end()
            self._speaker, _Shown.busy = None, False

    def line(self, seconds: float) -> str:
        """How far the work is after so many seconds, in one line."""
        came = self.done - self._from
        if self.total is None:
            said = f"{self.what}: {self.done:,} {self.unit} in {duration(seconds)}"
        else:
            said = f"{self.what}: {self.done:,} of {self.total:,} {self.unit}"
            if came > 0 and self.done < self.total:
                said += f", about {duration(seconds / came * (self.total - self.done))} left"
        return _visible(f"{said}; {self.told}" if self.told else said)


def track(items: Iterable[T], what: str, unit: str = "steps", total: int | None = None) -> Iterable[T]:
    """The items one after another, each counted when the next one is asked for."""
    if _Shown.stream is None or _Shown.busy:
        return items
    return _tracked(items, what, unit, len(items) if total is None and hasattr(items, "__len__") else total)  # type: ignore[arg-type]


def _tracked(items: Iterable[T], what: str, unit: str, total: int | None) -> Iterator[T]:
    with Progress(what, total, unit) as progress:
        for item in items:
            yield item
            progress.advance()


def _visible(text: str) -> str:
    """Names of others do not steer a terminal."""
    from arspec.diagnostics import visible

    return visible(text)


def duration(seconds: float) -> str:
    """Seconds in words that a person takes in at once."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


class _Voice(threading.Thread):
    """Says something on a stream now and then, until it is ended."""

    def __init__(self, name: str, stream: TextIO) -> None:
        super().__init__(name=name, daemon=True)
        self.stream = stream
        self.begun, self.over = time.monotonic(), threading.Event()

    def run(self) -> None:
        with suppress(OSError, ValueError):  # nobody listens any more: the reader of a pipe has gone, or it is closed
            self.speak()

    def speak(self) -> None:
        """Says how far it is until it is over."""
        raise NotImplementedError

    def end(self) -> None:
        """Waits for the last word."""
        self.over.set()
        self.join()

    @property
    def seconds(self) -> float:
        """How long it has been at it."""
        return time.monotonic() - self.begun


class _Opening(_Voice):
    """Tells of what is done before anything else is said. Who ends it does not wait for it: where others have work a
    thread wakes up late."""

    def __init__(self, what: str, stream: TextIO) -> None:
        super().__init__("opening", stream)
        self.what, self._turn = what, threading.Lock()

    def speak(self) -> None:
        wait = SOON * FIRST
        while not self.over.wait(wait):
            with self._turn:
                if not self.over.is_set():
                    print(self.line(self.seconds), file=self.stream, flush=True)
            wait = EVERY

    def end(self) -> None:
        """It says no more, once a line that it has begun is out."""
        with self._turn:
            self.over.set()

    def line(self, seconds: float) -> str:
        """What is being done after so many seconds."""
        spec = getattr(sys.modules.get("torch"), "__spec__", None)
        doing = "importing torch" if getattr(spec, "_initializing", False) else "getting ready"
        return f"{self.what}: {doing}, {duration(seconds)}"


class _Speaker(_Voice):
    """Looks at a piece of work now and then, and says how far it is. So a long step is told of while it runs."""

    def __init__(self, progress: Progress, stream: TextIO) -> None:
        super().__init__("progress", stream)
        self.progress = progress

    def speak(self) -> None:
        if self.stream.isatty():
            self._bar()
        else:
            self._lines()

    def _lines(self) -> None:
        wait = FIRST
        while not self.over.wait(wait):
            self._say()
            wait = EVERY
        if self.seconds >= FIRST:
            self._say()

    def _say(self) -> None:
        print(self.progress.line(self.seconds), file=self.stream, flush=True)

    def _bar(self) -> None:
        if self.over.wait(APPEARS):
            return
        from rich.console import Console
        from rich.progress import BarColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
        from rich.progress import Progress as Bar

        count = "{task.completed:,}" + ("" if self.progress.total is None else " of {task.total:,}")
        columns: list[Any] = [
            TextColumn(_visible(self.progress.what), markup=False),
            BarColumn(),
            TextColumn(f"{count} {self.progress.unit}"),
        ]
        columns += [TimeElapsedColumn() if self.progress.total is None else TimeRemainingColumn()]
        console = Console(file=self.stream)
        with Bar(*columns, TextColumn("{task.fields[told]}"), transient=True, console=console) as bar:
            task = bar.add_task("", total=self.progress.total, completed=self.progress.done, told="")
            while not self.over.wait(REDRAWN):
                bar.update(task, completed=self.progress.done, told=self.progress.told)
