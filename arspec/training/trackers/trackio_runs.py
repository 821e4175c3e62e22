"""trackio: on this machine, where `trackio show` finds it (TRACKIO_DIR); TRACKIO_SPACE_ID sends it to a space."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from arspec.extras import need
from arspec.training.trackers import PROJECT, Begun


class _Run:
    def __init__(self, begun: Begun) -> None:
        self._trackio = need("trackio")
        self.key = begun.known or f"{begun.name}-{begun.new}"
        self._run = self._trackio.init(
            project=os.environ.get("TRACKIO_PROJECT", PROJECT), name=self.key, resume="allow",
            space_id=os.environ.get("TRACKIO_SPACE_ID"), config=dict(begun.options), embed=False,
            auto_log_gpu=False, auto_log_cpu=False,
        )  # fmt: skip

    def numbers(self, step: int, values: Mapping[str, float]) -> None:
        self._run.log(dict(values), step=step)

    def file(self, step: int, name: str, path: Path) -> None:
        if path.suffix == ".txt":
            shown = self._trackio.Markdown(f"```\n{path.read_text('utf-8', 'replace')}\n```")
        else:
            shown = (self._trackio.Audio if path.suffix == ".wav" else self._trackio.Image)(str(path))
        self._run.log({name: shown}, step=step)

    def close(self, finished: bool) -> None:
        self._run.finish()


def begin(begun: Begun) -> _Run:
    """The run of trackio."""
    return _Run(begun)
