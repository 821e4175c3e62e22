"""Lossless compression by a model: files to containers and back, the same on every machine."""

from arspec.codec.codec import LIMIT, Codec, Item, Restored, Summary
from arspec.codec.guard import DecoderMismatch
from arspec.codec.wire import CorruptContainer

__all__ = ["LIMIT", "Codec", "CorruptContainer", "DecoderMismatch", "Item", "Restored", "Summary"]
