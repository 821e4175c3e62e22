"""Trackers of runs that others offer: Weights & Biases, MLflow, trackio. Each is one file here, and a name below.

A run that goes on goes on in the tracker too: what the tracker calls it stands in `trackers.json` of the run's folder.
A tracker that fails is told of once, by a warning, and left alone from then on. Training goes on without it.
"""

from __future__ import annotations

import json
import secrets
import sys
import warnings
from collections.abc import Callable, Mapping, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

from arspec.diagnostics import InputError, did_you_mean
from arspec.diagnostics.foreign import visible
from arspec.extras import need
from arspec.files.atomic import write_text
from arspec.files.foreign import settings

# by the name of a tracker: its package, and the module here that speaks with it
TRACKERS = {
    "wandb": ("wandb", "arspec.training.trackers.wandb_runs"),
    "mlflow": ("mlflow", "arspec.training.trackers.mlflow_runs"),
    "trackio": ("trackio", "arspec.training.trackers.trackio_runs"),
}
NAMES = ("tensorboard", *TRACKERS)
KEPT = "trackers.json"  # in the run's folder: by tracker, what it calls the run
DAMAGED = f"remove {KEPT}: trackers then begin runs of their own"
PROJECT = "arspec"  # where the environment names no other


@dataclass(frozen=True)
class Begun:
    """What a tracker is told of a run. known: what it called the run before, where the run goes on; new: a name that
    none has yet. options: plain values."""

    folder: Path
    name: str
    known: str | None
    new: str
    options: Mapping[str, Any]


class Tracker(Protocol):
    """A run of a tracker. `key`: what the tracker calls it."""

    key: str

    def numbers(self, step: int, values: Mapping[str, float]) -> None:
        """Numbers after so many steps."""
        ...

    def file(self, step: int, name: str, path: Path) -> None:
        """A picture (.png), a sound (.wav) or a text (.txt)."""
        ...

    def close(self, finished: bool) -> None:
        """The run has ended, or will go on another time."""
        ...


def check_trackers(names: Sequence[str]) -> None:
    """InputError for a name that no tracker has, and for one whose package is missing."""
    for name in names:
        if name not in NAMES:
            raise InputError("AR808", f"there is no tracker {visible(str(name)[:40])!r}",
                             did_you_mean(str(name), NAMES, "trackers"))  # fmt: skip
        need(TRACKERS[name][0] if name in TRACKERS else name)


def known_before(folder: Path, names: Sequence[str]) -> dict[str, Any]:
    """By tracker, what it called the run in a folder before. InputError (AR814) where that can't be read, and some of
    these trackers ask for it."""
    place = folder / KEPT
    asked = any(name in TRACKERS for name in names) and place.exists()
    return settings(place, "AR814", DAMAGED) if asked else {}


class Trackers:
    """The trackers of a run. options: plain values that describe it; resumed: whether it goes on."""

    def __init__(
        self, names: Sequence[str], folder: Path, options: Mapping[str, Any], resumed: bool
    ) -> None:  # fmt: skip
        self._of: dict[str, Tracker] = {}
        place = folder / KEPT
        known = known_before(folder, names) if resumed else {}
        for name in dict.fromkeys(names):
            if name not in TRACKERS:
                continue
            before = known.get(name)
            begun = Begun(folder, folder.resolve().name, before if isinstance(before, str) else None,
                          secrets.token_hex(4), options)  # fmt: skip
            module = import_module(TRACKERS[name][1])
            self._try(name, lambda begun=begun, module=module, name=name: self._of.update({name: module.begin(begun)}))
        keys = {name: tracker.key for name, tracker in self._of.items()}
        if keys:
            write_text(place, json.dumps({**known, **keys}, indent=1) + "\n")

    def __bool__(self) -> bool:
        return bool(self._of)

    def numbers(self, step: int, values: Mapping[str, float]) -> None:
        """Numbers after so many steps."""
        for name, tracker in [*self._of.items()]:
            self._try(name, lambda tracker=tracker: tracker.numbers(step, values))

    def file(self, step: int, what: str, path: Path) -> None:
        """A picture, a sound or a text."""
        for name, tracker in [*self._of.items()]:
            self._try(name, lambda tracker=tracker: tracker.file(step, what, path))

    def close(self, finished: bool) -> None:
        """The run has ended, or will go on another time."""
        for name, tracker in [*self._of.items()]:
            self._try(name, lambda tracker=tracker: tracker.close(finished))

    def _try(self, name: str, act: Callable[[], object]) -> None:
        """Does what may fail: trackers write to disks and networks of their own, and what they print is no answer."""
        try:
            with redirect_stdout(sys.stderr):
                act()
        except Exception as error:  # whatever a package of others raises
            self._of.pop(name, None)
            said = visible(str(error).strip().partition("\n")[0][:200]) or type(error).__name__
            warnings.warn(f"{name} fails ({said}); training goes on without it", RuntimeWarning, stacklevel=4)
