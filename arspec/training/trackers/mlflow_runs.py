"""MLflow: files in the folder `mlflow` of the run, unless MLFLOW_TRACKING_URI names a server or another place."""

from __future__ import annotations

import os
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path

from arspec.extras import need
from arspec.training.trackers import PROJECT, Begun

PLACE, FILES, LONGEST = "MLFLOW_TRACKING_URI", "MLFLOW_ALLOW_FILE_STORE", 500


@contextmanager
def _with_files() -> Generator[None]:
    """Inside, MLflow takes a folder of files, which it does where it is told so."""
    before = os.environ.get(FILES)
    os.environ[FILES] = "true"
    try:
        yield
    finally:
        if before is None:
            os.environ.pop(FILES, None)
        else:
            os.environ[FILES] = before


class _Run:
    def __init__(self, begun: Begun) -> None:
        client = need("mlflow").MlflowClient
        with _with_files():
            self._client = client(os.environ.get(PLACE) or (begun.folder / "mlflow").resolve().as_uri())
        name = os.environ.get("MLFLOW_EXPERIMENT_NAME", PROJECT)
        found = self._client.get_experiment_by_name(name)
        number = found.experiment_id if found is not None else self._client.create_experiment(name)
        if begun.known is not None:
            self.key = begun.known
            self._client.update_run(self.key, status="RUNNING")
            return
        self.key = self._client.create_run(number, run_name=begun.name).info.run_id
        for option, value in begun.options.items():
            self._client.log_param(self.key, option, str(value)[:LONGEST])

    def numbers(self, step: int, values: Mapping[str, float]) -> None:
        for name, value in values.items():
            self._client.log_metric(self.key, name, value, step=step)

    def file(self, step: int, name: str, path: Path) -> None:
        self._client.log_artifact(self.key, str(path), name)

    def close(self, finished: bool) -> None:
        self._client.set_terminated(self.key, "FINISHED" if finished else "KILLED")


def begin(begun: Begun) -> _Run:
    """The run of MLflow."""
    return _Run(begun)
