"""Weights & Biases: offline by default, in the run's folder; `wandb sync` sends it. WANDB_MODE says otherwise."""

from __future__ import annotations

import html
import os
from collections.abc import Mapping
from pathlib import Path

from arspec.extras import need
from arspec.training.trackers import PROJECT, Begun


class _Run:
    def __init__(self, begun: Begun) -> None:
        self._wandb = need("wandb")
        self.key = begun.known or begun.new
        self._run = self._wandb.init(
            id=self.key, resume="allow", name=begun.name, project=os.environ.get("WANDB_PROJECT", PROJECT),
            dir=str(begun.folder), config=dict(begun.options), mode=os.environ.get("WANDB_MODE", "offline"),
            settings=self._wandb.Settings(silent=True, console="off"),
        )  # fmt: skip

    def numbers(self, step: int, values: Mapping[str, float]) -> None:
        self._run.log(dict(values), step=step)

    def file(self, step: int, name: str, path: Path) -> None:
        if path.suffix == ".txt":
            shown = self._wandb.Html(f"<pre>{html.escape(path.read_text('utf-8', 'replace'))}</pre>", inject=False)
        else:
            shown = (self._wandb.Audio if path.suffix == ".wav" else self._wandb.Image)(str(path))
        self._run.log({name: shown}, step=step)

    def close(self, finished: bool) -> None:
        self._run.finish(exit_code=0)


def begin(begun: Begun) -> _Run:
    """The run of Weights & Biases."""
    return _Run(begun)
