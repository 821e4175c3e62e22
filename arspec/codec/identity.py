"""Whose container it is: hashes of what a spec computes and of the weights."""

from __future__ import annotations

import json
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

import numpy as np

from arspec.codec.container import HASH
from arspec.codec.first_keys import first_keys
from arspec.layers.base import Layer

if TYPE_CHECKING:
    from arspec.network.module import Network


def spec_hash(model: Network) -> bytes:
    """8 bytes that depend on data, conditions, nodes, masks, orders and head,
    and not on names or comments of a file."""
    graph, spec = model.graph, model.spec
    said = {
        "data": spec.data.model_dump(mode="json"),
        "condition": {name: section.model_dump(mode="json") for name, section in spec.condition.items()},
        "nodes": [
            [node.name, _said(node.layer), [i.name for i in node.inputs],
             str(node.mask), node.tied.name if node.tied else None]
            for node in graph.nodes
        ],
        "head": [graph.head_node.name, graph.head.model_dump(mode="json", by_alias=True)],
    }  # fmt: skip
    if spec.data.tokenizer is not None:  # by which tokens are text
        said["tokenizer"] = spec.data.tokenizer.hash
    found = blake2b(json.dumps(said, sort_keys=True).encode(), digest_size=HASH)
    for member in graph.members:
        found.update(np.ascontiguousarray(member.order.rank, "<i8").tobytes())
        found.update(member.degrees_seed.to_bytes(16, "little", signed=True))
    return found.digest()


def _said(layer: Layer) -> dict[str, Any]:
    """What a layer says, without what it leaves at its defaults of the keys that came after the first containers."""
    first = first_keys(layer.layer)
    later = {
        name for name, field in type(layer).model_fields.items()
        if (field.alias or name) not in first and getattr(layer, name) == field.get_default(call_default_factory=True)
    }  # fmt: skip
    return layer.model_dump(mode="json", by_alias=True, exclude=later)


def weights_hash(model: Network) -> bytes:
    """8 bytes that depend on every weight, not on the precision in which the same numbers are kept."""
    found = blake2b(digest_size=HASH)
    for name, value in sorted(model.weights().items()):
        found.update(f"{name} {tuple(value.shape)}\n".encode())
        found.update(value.detach().cpu().double().contiguous().numpy().tobytes())
    return found.digest()
