"""Temporal convolutional network for characters (Bai, Kolter, Koltun 2018, "An Empirical Evaluation of Generic
Convolutional and Recurrent Networks for Sequence Modeling", section 3, figure 1).

* input: embedding of the symbols, shifted right by one step, zero before the beginning, dropout
* block i: twice [causal convolution of kernel k and dilation 2^i, weight-normalised; ReLU; dropout]; plus the block's
  input, through a 1 x 1 convolution where the widths differ; ReLU after the addition
* head: linear map to L logits, optionally with the embedding's weight
"""

import itertools
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import weight_norm as normalised


def causal(conv: nn.Module, kernel: int, dilation: int, x: Tensor) -> Tensor:
    """The convolution padded with zeros on the left only: output t reads t, t - d, ..., t - (k - 1) d."""
    return conv(F.pad(x, ((kernel - 1) * dilation, 0)))


class Block(nn.Module):
    """A residual block (figure 1b)."""

    def __init__(
        self, inputs: int, outputs: int, kernel: int, dilation: int, dropout: float, weight_norm: bool
    ) -> None:
        super().__init__()
        self.kernel, self.dilation = kernel, dilation
        self.conv1 = nn.Conv1d(inputs, outputs, kernel, dilation=dilation)
        self.conv2 = nn.Conv1d(outputs, outputs, kernel, dilation=dilation)
        if weight_norm:
            normalised(self.conv1, dim=0)
            normalised(self.conv2, dim=0)
        self.resize = nn.Conv1d(inputs, outputs, 1) if inputs != outputs else None
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        y = self.dropout(F.relu(causal(self.conv1, self.kernel, self.dilation, x)))
        y = self.dropout(F.relu(causal(self.conv2, self.kernel, self.dilation, y)))
        return F.relu(y + (x if self.resize is None else self.resize(x)))


class CausalTCN(nn.Module):
    """Character-level TCN.

    Args:
        levels: size of the alphabet, L.
        embedding: channels of the embedding.
        channels: width of each block; block i has dilation 2^i.
        kernel: kernel of the convolutions.
        dropout: rate in the blocks.
        embedding_dropout: rate after the embedding.
        weight_norm: whether the blocks' convolutions are weight-normalised.
        tied: whether the head uses the embedding's weight (the last width must be the embedding's).
    """

    def __init__(
        self,
        levels: int,
        embedding: int,
        channels: Sequence[int],
        kernel: int,
        dropout: float = 0.1,
        embedding_dropout: float = 0.1,
        weight_norm: bool = True,
        tied: bool = False,
    ) -> None:
        super().__init__()
        self.embedding = nn.Embedding(levels, embedding)
        self.embedding_dropout = nn.Dropout(embedding_dropout)
        widths = [embedding, *channels]
        self.blocks = nn.ModuleList(
            Block(inputs, outputs, kernel, 2**index, dropout, weight_norm)
            for index, (inputs, outputs) in enumerate(itertools.pairwise(widths))
        )
        self.head = nn.Linear(widths[-1], levels)
        if tied:
            if widths[-1] != embedding:
                raise ValueError(f"tied weights need the last width {widths[-1]} to be the embedding's {embedding}")
            self.head.weight = self.embedding.weight

    def forward(self, x: Tensor) -> Tensor:
        """Logits ``[B, L, T]`` for ``x`` in 0..L-1, ``[B, T]``."""
        embedded = self.embedding(x)
        shifted = torch.zeros_like(embedded)
        shifted[:, 1:] = embedded[:, :-1]
        features = self.embedding_dropout(shifted).transpose(1, 2)
        for block in self.blocks:
            features = block(features)
        return self.head(features.transpose(1, 2)).transpose(1, 2)
