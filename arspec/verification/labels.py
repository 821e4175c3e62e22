"""What the labels of a pass of a compiled spec say: exact contexts, found without the proof."""

from __future__ import annotations

import torch
from torch import Tensor

from arspec.language.further import Further
from arspec.network.module import Network
from arspec.shadow.contexts import contexts
from arspec.types import Bools
from arspec.verification.subject import random_conditions, variables_of


def labelled_contexts(
    model: Network, member: int = 0, seed: int = 0, route_given: bool = False, head: Further | None = None
) -> Bools | None:
    """[V, V]: which variables (column) the parameters of each variable (row) read, under a member of the family; those
    of a further head where one is given.

    The network runs on random data with its weights as they are: weights of zero cut. None where an operator has no
    rule, memory was written unseen, or what is computed depends on values, as where sites are grouped by the experts
    that they take. route_given: such a grouping is taken as it is in this pass. What is found then holds for this route
    alone: which sites stand together may depend on all of them, and does not show."""
    graph, data = model.graph, model.graph.data
    generator = torch.Generator().manual_seed(seed)
    shape = (1, *model.spec.data.shape)
    x = torch.randint(min(model.spec.data.channel_levels), shape, generator=generator)
    values = {data: model.data_tensor(x).clone(), **model.condition_tensors(random_conditions(model, seed), 1)}
    variables = torch.from_numpy(variables_of(data).copy()).reshape(1, *values[data].shape[1:])

    def rows() -> Tensor:
        return model.rows(model.headed(dict(values), member, head=head)).amax(-1)[0]

    with torch.no_grad():
        count = graph.members[member].order.variables
        found = contexts(rows, [(values[data], variables)], count, route_given=route_given)
    exact = not (found.opaque or found.unseen or any(not read.given for read in found.python))
    return found.reads if exact else None
