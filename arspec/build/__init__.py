"""Specs from Python, for those who would rather write it than YAML: the same spec, with completion of every key.

from arspec import build

b = build.Builder("chars", build.data.sequence(length=64, levels=128, content="text"))
width = b.param("width", 32)
with b.block("layer", ["h"]) as layer:
    up = layer.conv(layer["h"], out=4 * width)
    down = layer.conv(layer.gelu(up), out=width)
    layer.outputs(h=layer.add([down, layer["h"]]))
tokens = b.shift(b.embedding(b.x, out=width), steps=1)
body = b.place(layer, tokens, repeat=4)
b.head(build.head.categorical(b.conv(body, out=build.HEAD)))
spec = b.spec()              # what arspec.load gives
print(b.yaml())              # the same as YAML
"""

from __future__ import annotations

from arspec.build.builder import Block, Builder
from arspec.build.kinds import Layers, Section, condition, data, head
from arspec.build.values import HEAD, REPETITION, Expression, Instance, Node

__all__ = [
    "HEAD", "REPETITION", "Block", "Builder", "Expression", "Instance", "Layers", "Node", "Section", "condition",
    "data", "head",
]  # fmt: skip
