"""The named data sets. One set, one file; this list is the only place that names them all."""

from arspec.data.sets.base import DataSet
from arspec.data.sets.digits import DIGITS
from arspec.data.sets.fashion_mnist import FASHION_MNIST
from arspec.data.sets.mnist import MNIST
from arspec.data.sets.photos32 import PHOTOS32
from arspec.data.sets.shakespeare import SHAKESPEARE
from arspec.data.sets.speech import SPEECH

SETS: dict[str, DataSet] = {
    data_set.name: data_set for data_set in (DIGITS, MNIST, FASHION_MNIST, PHOTOS32, SPEECH, SHAKESPEARE)
}

__all__ = ["SETS", "DataSet"]
