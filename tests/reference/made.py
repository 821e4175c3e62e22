"""MADE: masked autoencoder for distribution estimation (Germain, Gregor, Murray, Larochelle 2015).

Every unit has a degree. Input ``d`` has its rank in the order of generation, from 1 to V. Hidden unit ``k`` of layer
``l`` has a degree drawn elsewhere and handed over here. The masks, with ``m_0`` the ranks:

* hidden layer ``l``: ``M[k', k] = 1`` where ``m_l(k') >= m_{l-1}(k)`` (equation 13)
* output: ``M[d, k] = 1`` where ``m_0(d) > m_L(k)`` (equation 14)
* direct connection from input to output, optional, without bias: ``M[d, e] = 1`` where ``m_0(d) > m_0(e)``

Only comparisons matter, so ranks and degrees may count from any number as long as they count from the same one.
Hidden units are rectified. The input is the vector of zeros and ones as it is; the output is one Bernoulli logit for
each variable.
"""

import itertools
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F


def degree_mask(outputs: Sequence[int], inputs: Sequence[int], strict: bool) -> Tensor:
    """0/1 matrix ``[outputs, inputs]``: 1 where the output's degree is at least (strict: above) the input's."""
    mask = torch.zeros(len(outputs), len(inputs))
    for row, above in enumerate(outputs):
        for column, below in enumerate(inputs):
            if above > below or (above == below and not strict):
                mask[row, column] = 1.0
    return mask


class MaskedLinear(nn.Linear):
    """A linear layer whose weight is multiplied by a mask at each call."""

    def __init__(self, mask: Tensor, bias: bool = True) -> None:
        super().__init__(mask.shape[1], mask.shape[0], bias=bias)
        self.mask: Tensor
        self.register_buffer("mask", mask, persistent=False)

    def forward(self, input: Tensor) -> Tensor:
        return F.linear(input, self.weight * self.mask, self.bias)


class MADE(nn.Module):
    """Bernoulli MADE.

    Args:
        size: number of variables V.
        hidden: widths of the hidden layers.
        degrees: for each hidden layer the degrees of its units.
        ranks: rank of each input in the order of generation; ``None`` is the natural order 1..V.
        direct: whether inputs are connected to the outputs directly as well.
    """

    def __init__(
        self,
        size: int,
        hidden: Sequence[int],
        degrees: Sequence[Sequence[int]],
        ranks: Sequence[int] | None = None,
        direct: bool = False,
    ) -> None:
        super().__init__()
        order = [int(rank) for rank in ranks] if ranks is not None else list(range(1, size + 1))
        levels = [order] + [[int(degree) for degree in layer] for layer in degrees]
        if [len(level) for level in levels] != [size, *hidden]:
            raise ValueError(f"degrees of {[len(level) for level in levels]} units for widths {[size, *hidden]}")
        self.hidden = nn.ModuleList(
            MaskedLinear(degree_mask(above, below, strict=False)) for below, above in itertools.pairwise(levels)
        )
        self.output = MaskedLinear(degree_mask(order, levels[-1], strict=True))
        self.direct = MaskedLinear(degree_mask(order, order, strict=True), bias=False) if direct else None

    def forward(self, x: Tensor) -> Tensor:
        """Logits ``[B, V]`` of the variables being one, for ``x`` of zeros and ones, ``[B, V]``."""
        x = x.to(self.output.weight.dtype)
        features = x
        for layer in self.hidden:
            features = F.relu(layer(features))
        logits = self.output(features)
        if self.direct is not None:
            logits = logits + self.direct(x)
        return logits
