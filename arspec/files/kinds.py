"""What a file is by the ending of its name, and which command takes it."""

from __future__ import annotations

from pathlib import Path

PICTURES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".ppm", ".pgm", ".pbm", ".pnm")
SOUNDS = (".wav", ".wave", ".flac", ".aif", ".aiff", ".aifc", ".au", ".snd", ".caf", ".w64", ".rf64", ".ogg", ".oga",
          ".opus", ".mp3", ".sph", ".nist")  # fmt: skip
TEXTS = (".txt", ".md", ".text")
ARRAYS = (".npy", ".npz")
PYTHON = ".py"
PICKLED = (".pt", ".pth")
WEIGHTS = ".safetensors"
CONTAINER = ".ars"


def meant(name: str) -> tuple[str, str] | None:
    """What a file is that can be neither a spec nor a model's folder, and what takes it: its kind in words, and a help.
    None where its ending does not tell: a text may be a spec, whatever its name.

    >>> meant("net.py")
    ('Python', '`arspec audit net.py:NAME` tests the module that NAME in it builds')
    """
    suffix = Path(name).suffix.lower()
    for endings, what in ((PICTURES, "a picture"), (SOUNDS, "a sound"), (ARRAYS, "an array")):
        if suffix in endings:
            return what, f"it is data: `arspec train SPEC --data {name} -o FOLDER` trains a spec on it"
    if suffix == PYTHON:
        return "Python", f"`arspec audit {name}:NAME` tests the module that NAME in it builds"
    if suffix in PICKLED:
        return "a checkpoint", f"`arspec import {name} -o FOLDER` reads it as a model"
    if suffix == CONTAINER:
        return "a container", f"`arspec decompress MODEL {name} -o FOLDER` restores its files"
    if suffix == WEIGHTS:
        return "a file of weights", "the folder of the model holds its spec: name the folder"
    return None
