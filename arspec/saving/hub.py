"""Repositories of models, by the mixin of `huggingface_hub`. That package is imported when one of these is called."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from arspec.diagnostics import InputError
from arspec.diagnostics.arguments import path_of
from arspec.extras import need
from arspec.files.atomic import check_place
from arspec.saving.folder import MODEL, M, load, save

if TYPE_CHECKING:
    from arspec.language.load import Spec
    from arspec.network.module import Network

MESSAGE = "A model of arspec"
FILES = ("model.safetensors", "*.json", "spec*", "base-*")  # of a repository that make a model


def download(name: str | os.PathLike[str], make: Callable[[Spec], M], *, device: str = "auto", **options: Any) -> M:
    """The model of a repository `owner/name`, or of a folder. make: the model of a spec. options: those of the mixin's
    `from_pretrained`. InputError (AR911) where it can't be had, and as `arspec.open` raises it for what is no
    model."""
    name = path_of(name, "a model")
    with _telling(f"the model {name}"):
        return _mixin().from_pretrained(name, device=device, make=make, **options).model


def write(
    model: Network, folder: str | os.PathLike[str], push: bool = False, options: Mapping[str, Any] | None = None
) -> str | None:  # fmt: skip
    """Writes a model into a folder as `save` does, and where it is to be pushed into a repository, with the mixin's
    options of `push_to_hub`. InputError for options of what is not pushed."""
    folder = path_of(folder, "a model")
    if options and not push:
        raise InputError(
            "AR808", f"{', '.join(options)}: of a repository, and nothing is sent to one", "add push_to_hub=True"
        )
    check_place(Path(folder) / MODEL)
    message = {"commit_message": MESSAGE} if push else {}
    with _telling(f"the model in {folder}"):
        return _of(model).save_pretrained(folder, push_to_hub=push, **{**message, **(options or {})})


def upload(model: Network, repository: str, **options: Any) -> str:
    """Writes a model into a repository `owner/name`, with its card. options: those of the mixin's `push_to_hub`. Gives
    the address that the hub answers. InputError (AR911) where the hub refuses."""
    repository = path_of(repository, "a repository")
    with _telling(f"the repository {repository}"):
        return str(_of(model).push_to_hub(repository, **options))


def _of(model: Network) -> Any:
    held = _mixin()()
    held.model = model
    return held


@cache
def _mixin() -> Any:
    """The class that the mixin works on: it holds a model, and says how one is written and read."""
    need("huggingface_hub")
    from huggingface_hub import ModelHubMixin, snapshot_download

    class Held(ModelHubMixin, library_name="arspec"):
        def __init__(self) -> None:
            self.model: Any = None

        def _save_pretrained(self, save_directory: Path) -> None:
            save(self.model, save_directory)

        @classmethod
        def _from_pretrained(
            cls, *, model_id: str, revision: str | None, cache_dir: str | Path | None, force_download: bool,
            local_files_only: bool, token: str | bool | None, device: str = "auto", make: Any = None,
            **model_kwargs: Any,
        ) -> Any:  # fmt: skip
            if model_kwargs:
                raise InputError(
                    "AR808", f"there is no option {', '.join(model_kwargs)}", "device, revision, token, ..."
                )
            folder = model_id
            if not os.path.isdir(folder):
                folder = snapshot_download(
                    model_id, revision=revision, cache_dir=cache_dir, force_download=force_download,
                    local_files_only=local_files_only, token=token, allow_patterns=list(FILES),
                )  # fmt: skip
            held = cls()
            held.model = load(folder, device, make)
            return held

    return Held


@contextmanager
def _telling(what: str) -> Generator[None]:
    """Tells what the hub or its client refuses as an InputError."""
    try:
        yield
    except InputError:
        raise
    except Exception as error:  # what the client raises for a refusal, no network and a wrong name has no common class
        reason = " ".join(str(error).split())[:300] or type(error).__name__
        hint = "look at the name, the network and the access; `hf auth login` signs in"
        raise InputError("AR911", f"{what} can't be had from the hub, or sent to it: {reason}", hint) from error
