"""Masks and index tables of the nodes as buffers of a module."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import nn

from arspec.language.graph import Graph
from arspec.layers.base import Constants, Node


class HeldConstants(nn.Module):
    """Masks and index tables of every node under every member, as buffers that are not saved. Equal arrays of repeated
    blocks are one buffer."""

    def __init__(self, graph: Graph) -> None:
        super().__init__()
        self._names: dict[tuple[Node, int], dict[str, str]] = {}
        self._plain: dict[tuple[Node, int], dict[str, Any]] = {}
        count = 0
        for member in graph.members:
            seen: dict[bytes, str] = {}
            for node in [*graph.live, *graph.extra]:
                found: dict[str, str] = {}
                plain = self._plain[node, member.index] = dict[str, Any]()
                for key, array in node.layer.constants(node, member).items():
                    if not isinstance(array, np.ndarray):
                        plain[key] = array
                        continue
                    content = b"%s %s " % (str(array.dtype).encode(), str(array.shape).encode()) + array.tobytes()
                    if content not in seen:
                        seen[content] = f"c{count}"
                        self.register_buffer(seen[content], torch.from_numpy(array.copy()), persistent=False)
                        count += 1
                    found[key] = seen[content]
                self._names[node, member.index] = found

    def of(self, node: Node, member: int) -> Constants:
        """The constants of a node's layer in a member, its arrays as buffers."""
        found = self._plain[node, member]
        names = self._names[node, member]
        return {**found, **{key: self._buffers[name] for key, name in names.items()}} if names else found

    def found(self, node: Node, member: int) -> tuple[tuple[tuple[str, Any], ...], tuple[tuple[str, str], ...]]:
        """What `of` is made of: the constants that are no arrays; the names of those that are, and of their buffers."""
        return tuple(self._plain[node, member].items()), tuple(self._names[node, member].items())
