"""Lossless compression by a model: files to containers and back, the same on every machine."""

from arspec.codec.codec import LIMIT, Codec, Item, Restored, Summary
from arspec.codec.guard import Derailed
from arspec.codec.wire import Damaged

__all__ = ["LIMIT", "Codec", "Damaged", "Derailed", "Item", "Restored", "Summary"]
