"""Fashion-MNIST (Xiao, Rasul and Vollgraf 2017), from Debian's package of the IDX files."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np

from arspec.data.examples import Array
from arspec.data.raw import Raw
from arspec.data.sets.base import DataSet, part
from arspec.data.sets.mnist import read_mnist_like
from arspec.diagnostics import InputError

CLASSES = ("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot")


def _idx(folder: Path, pattern: str) -> Array:
    path = part(folder, pattern)[0]
    data = path.read_bytes()
    if path.suffix == ".gz":
        data = gzip.decompress(data)
    shape = np.frombuffer(data, ">i4", count=data[3], offset=4)
    values = np.frombuffer(data, np.uint8, offset=4 + 4 * data[3])
    if values.size != shape.prod():
        raise InputError("AR803", f"{path.name} is damaged: {values.size} values for the shape {tuple(shape)}")
    return values.reshape(shape)


def _convert(folder: Path) -> dict[str, Array]:
    images, labels = _idx(folder, "train-images-idx3-ubyte*"), _idx(folder, "train-labels-idx1-ubyte*")
    return {
        "train_x": images[:50_000],
        "train_y": labels[:50_000],
        "valid_x": images[50_000:],
        "valid_y": labels[50_000:],
        "test_x": _idx(folder, "t10k-images-idx3-ubyte*"),
        "test_y": _idx(folder, "t10k-labels-idx1-ubyte*"),
    }


def _read(split: str) -> Raw:
    raw = read_mnist_like("fashion_mnist", split)
    raw.classes = CLASSES
    if split in ("train", "valid"):
        raw.notes.append("the last 10,000 training images are the validation split")
    return raw


FASHION_MNIST = DataSet(
    name="fashion_mnist",
    about="70,000 pictures of clothes, 28x28 pixels, 256 levels, 10 classes (50,000 / 10,000 / 10,000)",
    licence="MIT",
    client="apt",
    package="dataset-fashion-mnist",
    version=None,
    convert=_convert,
    read=_read,
    sha256={
        "train_x": "0a8ba65008484d4904cd260c7f0385a17a7468ab1df51c36368300fa206ac2c8",
        "train_y": "41b22667c2242ee32566f35754714fd2c496d50ea1cb1d84b2e1e1e42a0652f4",
        "valid_x": "36c6e3dcb65f0d5f66123bdf3a6fa7839bb1198f24efa344724200bc92c0bbf0",
        "valid_y": "84cb2818694a97e5a6f6fd994eeace2a57d5f94333ec3f27fcd65e0d6ac45080",
        "test_x": "c867c93ff95360594e8ec3287995350b824dd110b11595c0e13d5423f621867a",
        "test_y": "3d0e6c6ea990b53b6f8f500a41cac93881d981b315f84578b7d915342ade01e9",
    },
)
