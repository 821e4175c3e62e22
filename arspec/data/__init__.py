"""Data for training and evaluation: named sets, files of a person's own, and writers of what a model draws.

`load` brings any source to the shape and the alphabet that a spec states; `arspec data NAME` fetches the named sets.
"""

from arspec.data.alphabets import fitted
from arspec.data.auxiliary import with_auxiliary
from arspec.data.examples import Examples
from arspec.data.load import load, load_for
from arspec.data.write import write

__all__ = ["Examples", "fitted", "load", "load_for", "with_auxiliary", "write"]
