"""The keys that kinds of layers had when the first containers were written.

A container is of the spec that it was written with. Keys that came later say nothing of such a spec where they have
their defaults, so that they count only where they have others. Kinds that are not named here came later themselves."""

from __future__ import annotations

LAYERS: dict[str, str] = {
    "conv": "out kernel mask stride dilation padding transposed crop groups bias weight_norm",
    "dense": "units out mask degrees bias weight_norm",
    "attention": "keys values mask heads",
    "lstm": "state carry start",
    "gru": "state carry start",
    "rnn": "state carry start",
    "gate": "condition function",
    "relu": "",
    "leaky_relu": "",
    "elu": "",
    "gelu": "",
    "silu": "",
    "tanh": "",
    "sigmoid": "",
    "softplus": "",
    "identity": "",
    "concat_elu": "",
    "add": "",
    "multiply": "",
    "concat": "",
    "one_hot": "",
    "slice": "start out",
    "shift": "rows columns steps",
    "previous": "steps",
    "crop": "top bottom left right before after",
    "pad": "top bottom left right before after",
    "upsample": "factor",
    "filter": "kernel padding",
    "scale": "to",
    "embedding": "out deviation",
    "background": "channels",
    "position": "out",
    "condition": "by",
    "norm": "over kind epsilon momentum",
    "dropout": "rate",
}
EVERY = frozenset(("layer", "from", "weights"))


def first_keys(kind: str) -> frozenset[str]:
    """The keys that a kind of layer had at first."""
    return EVERY | frozenset(LAYERS.get(kind, "").split())
