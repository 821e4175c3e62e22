"""Which of a source's files belong to a split: sub-folders named so, or a fixed division of all."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from arspec.data.raw import SPLITS, held_out, split_of
from arspec.data.readers.files import Files, by_file, shuffled
from arspec.diagnostics import InputError

# What splits are called in files and folders -> the split.
CALLED = {"train": "train", "training": "train", "valid": "valid", "val": "valid", "validation": "valid",
          "dev": "valid",
          "test": "test", "testing": "test"}  # fmt: skip


def split_folders(source: Files, found: Iterable[Path]) -> dict[str, str]:
    """The sub-folders that are splits: split -> name. Empty, unless all of `found` lie in such folders, one of them is
    for training and there is another one: a single folder named `train` may be the class of trains."""
    if source.folder is None:
        return {}
    names = {path.relative_to(source.folder).parts[0] for path in found if path.parent != source.folder}
    beside = any(path.parent == source.folder for path in found)
    splits = {CALLED[name.lower()]: name for name in sorted(names) if name.lower() in CALLED}
    return splits if not beside and len(splits) == len(names) > 1 and "train" in splits else {}


def files_of_split(
    source: Files, found: list[Path], split: str, *, shuffle: bool, what: str, in_time: bool = False
) -> tuple[list[Path], list[str]]:
    """The files of `found` that belong to a split, and what is said of it. shuffle: whether a division is drawn, or
    goes by place. what: the word for the files. in_time: whether a file that is named by itself is cut into splits.
    InputError for a split that there is not."""
    folders = split_folders(source, found)
    if not folders:
        instead = "sort them into sub-folders train, valid and test" if len(found) > 1 else None
        if in_time:
            instead = f"name one file, such as {found[0]}, which is then cut in time"
        chosen = split_of(found, split, shuffle=shuffle, what=what, instead=instead)
        return chosen, shuffled(split) if shuffle else by_file(split)
    assert source.folder is not None, "a source without a folder has no sub-folders"
    parts = {part: [path for path in found if source.folder / name in path.parents] for part, name in folders.items()}
    notes = [
        "splits by sub-folder: "
        f"{', '.join(f'{folders[part]} ({len(parts[part]):,})' for part in SPLITS if part in folders)}"
    ]
    if split == "all":
        return found, notes
    if "valid" not in parts and split in ("train", "valid"):
        training, valid = held_out(len(parts["train"]), shuffle, what)
        parts = {"train": [parts["train"][i] for i in training], "valid": [parts["train"][i] for i in valid]}
        notes.append(held_out_note(folders["train"], shuffle))
    if split not in parts:
        there = [part for part in (*SPLITS, "all") if part in parts or part in ("valid", "all")]
        hint = f"the splits are {', '.join(there)}"
        raise InputError("AR803", f"{source} has no sub-folder for the split '{split}'", hint)
    return parts[split], notes


def held_out_note(name: str, shuffle: bool) -> str:
    """What is said where a validation split is cut out of what `name` names."""
    how = "a tenth, drawn by a fixed shuffle," if shuffle else "the last tenth"
    return f"{how} of '{name}' is the validation split"
