"""What a run tells: JSON lines, TensorBoard where it is installed, trackers that are asked for, and how far it is."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from arspec.extras import need
from arspec.files.atomic import append_text, telling, write_text
from arspec.files.foreign import content
from arspec.progress import Progress
from arspec.training.trackers import Trackers

SHOWN = (".png", ".wav", ".txt")  # what trackers show


class Log:
    """Lines of a run, one JSON object each in `log.jsonl`; the numbers go to TensorBoard's files as well.

    from_step: lines of later steps, left by a run that was interrupted after its last checkpoint, are removed.
    """

    def __init__(
        self, folder: Path, steps: int, from_step: int, tensorboard: bool, trackers: Sequence[str] = (),
        options: Mapping[str, Any] | None = None,
    ) -> None:  # fmt: skip
        self.path = folder / "log.jsonl"
        self._trim(from_step)
        self._excepthook = threading.excepthook
        self._board = _tensorboard(folder, from_step) if tensorboard else None
        self._open = ExitStack()
        self._open.callback(self._close_board)
        self._trackers = Trackers(trackers, folder, options or {}, from_step > 0)
        self._steps, self._done = steps, from_step
        self._open.callback(lambda: self._trackers.close(self._done >= self._steps))
        self._progress = self._open.enter_context(Progress("training", steps, done=from_step))
        self._told: dict[str, float] = {}

    def _trim(self, from_step: int) -> None:
        kept: list[str] = []
        if from_step and self.path.exists():
            for line in content(self.path, "AR814").decode("utf-8", "replace").splitlines():
                try:
                    if json.loads(line)["step"] <= from_step:
                        kept.append(line + "\n")
                except (ValueError, KeyError, TypeError, RecursionError):
                    continue  # a line that was cut when the run was killed
        write_text(self.path, "".join(kept))

    def line(self, step: int, **values: Any) -> None:
        """One line, after `step` steps."""
        append_text(self.path, json.dumps({"step": step, **values}) + "\n")
        numbers = {name: value for name, value in values.items() if isinstance(value, float)}
        if self._trackers:
            self._trackers.numbers(step, numbers)
        for name, value in values.items():
            if isinstance(value, float):
                self._told[name] = value
                if self._board is not None:
                    with telling(self._board.log_dir):
                        self._board.add_scalar(name, value, step)

    @property
    def tracked(self) -> bool:
        """Whether there are trackers that still answer."""
        return bool(self._trackers)

    def track(self, step: int, what: str, paths: Sequence[Path]) -> None:
        """Gives pictures, sounds and texts to the trackers."""
        for path in paths if self._trackers else ():
            if path.suffix in SHOWN:
                self._trackers.file(step, what, path)

    def picture(self, step: int, path: Path) -> None:
        """Shows a drawn PNG in TensorBoard."""
        if self._board is not None and path.suffix == ".png":
            import numpy as np
            from PIL import Image

            with Image.open(path) as file, telling(self._board.log_dir):
                self._board.add_image("samples", np.asarray(file), step, dataformats="HWC")

    def advance(self, step: int) -> None:
        """So many steps are done."""
        names = {"train_bits_per_dim": "train", "valid_bits_per_dim": "valid"}
        told = [f"{name} {self._told[key]:.3f}" for key, name in names.items() if key in self._told]
        self._done = step
        self._progress.done, self._progress.told = step, f"{', '.join(told)} bits/dim" if told else ""

    def close(self) -> None:
        """Ends what is shown and flushes TensorBoard's file."""
        self._open.close()

    def _close_board(self) -> None:
        if self._board is not None:
            try:
                with telling(self._board.log_dir):
                    self._board.close()
            finally:
                threading.excepthook = self._excepthook


def _tensorboard(folder: Path, from_step: int) -> Any:
    writer = need("tensorboard", "torch.utils.tensorboard").SummaryWriter
    before, threading.excepthook = threading.excepthook, _told_by_the_writer
    try:
        with telling(folder / "tensorboard"):
            return writer(folder / "tensorboard", purge_step=from_step + 1 if from_step else None)
    except BaseException:
        threading.excepthook = before
        raise


def _told_by_the_writer(fault: threading.ExceptHookArgs) -> None:
    """TensorBoard writes in a thread, whose errors its writer raises once more where it is called next."""
    if not issubclass(fault.exc_type, OSError):
        threading.__excepthook__(fault)
