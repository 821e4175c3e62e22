"""The layer kinds. This list is the only one: the language, the schema, the reference and the contract tests come
from it."""

from __future__ import annotations

from typing import Any, get_args

from arspec.layers.attention import Attention
from arspec.layers.background import Background
from arspec.layers.base import Fault, Layer, Node, Style, Traits, Weight
from arspec.layers.border import Border
from arspec.layers.capacity import Capacity
from arspec.layers.concat import Concat
from arspec.layers.concat_elu import ConcatElu
from arspec.layers.condition import Condition
from arspec.layers.conv import Conv
from arspec.layers.cumulative import Cumulative
from arspec.layers.dense import Dense
from arspec.layers.dropout import Dropout
from arspec.layers.elementwise import Elementwise, sum_layer
from arspec.layers.embedding import Embedding
from arspec.layers.experts import Inside, experts_layer, misfit
from arspec.layers.filter import Filter
from arspec.layers.gate import Gate
from arspec.layers.gru import Gru
from arspec.layers.learned import Learned
from arspec.layers.linear_attention import LinearAttention
from arspec.layers.linear_recurrence import LinearRecurrence
from arspec.layers.long_conv import LongConv
from arspec.layers.lstm import Lstm
from arspec.layers.norm import Norm
from arspec.layers.one_hot import OneHot
from arspec.layers.parts import part_layer, parts_layer
from arspec.layers.pointwise import Pointwise
from arspec.layers.position import Position
from arspec.layers.previous import Previous
from arspec.layers.rnn import Rnn
from arspec.layers.rotary import Rotary
from arspec.layers.scale import Scale
from arspec.layers.selective_scan import SelectiveScan
from arspec.layers.shift import Shift
from arspec.layers.sinusoid import Sinusoid
from arspec.layers.slice import Slice
from arspec.layers.softmax import Softmax
from arspec.layers.times import SoftCap, Times
from arspec.layers.top_k import TopK
from arspec.layers.upsample import Upsample

ALL: list[type[Layer]] = [
    Conv,
    Dense,
    Attention,
    Lstm,
    Gru,
    Rnn,
    LinearRecurrence,
    SelectiveScan,
    Cumulative,
    LongConv,
    LinearAttention,
    Gate,
    Pointwise,
    ConcatElu,
    Softmax,
    TopK,
    Capacity,
    Elementwise,
    Concat,
    Slice,
    Shift,
    Previous,
    Border,
    Upsample,
    Filter,
    Scale,
    OneHot,
    Embedding,
    Background,
    Position,
    Learned,
    Sinusoid,
    Rotary,
    Condition,
    Norm,
    Times,
    SoftCap,
    Dropout,
]


def names_of(kind: type[Layer]) -> tuple[str, ...]:
    """The names by which a spec calls a kind: `layer: conv`."""
    literal: Any = kind.model_fields["layer"].annotation
    return get_args(literal)


KINDS: dict[str, type[Layer]] = {name: kind for kind in ALL for name in names_of(kind)}

__all__ = [
    "ALL",
    "KINDS",
    "Fault",
    "Inside",
    "Layer",
    "Node",
    "Style",
    "Traits",
    "Weight",
    "experts_layer",
    "misfit",
    "names_of",
    "part_layer",
    "parts_layer",
    "sum_layer",
]
