"""Character RNN (Graves 2013; Karpathy 2015): torch's own recurrent layers over shifted embeddings.

* input: embedding of the characters, shifted right by one step, zero before the beginning
* layers: LSTM, GRU or plain tanh, each from a learned start state, dropout between them
* head: linear map to L logits
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

CELLS = {"lstm": nn.LSTM, "gru": nn.GRU, "rnn": nn.RNN}


class CharRNN(nn.Module):
    """x [B, T] of integers -> logits [B, L, T]."""

    def __init__(self, levels: int, width: int, layers: int, cell: str, dropout: float = 0.5) -> None:
        super().__init__()
        self.cell = cell
        self.embedding = nn.Embedding(levels, width)
        self.layers = nn.ModuleList(CELLS[cell](width, width, batch_first=True) for _ in range(layers))
        self.starts = nn.ParameterList(
            nn.Parameter(torch.zeros(2 if cell == "lstm" else 1, width)) for _ in range(layers)
        )
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(width, levels)

    def forward(self, x: Tensor) -> Tensor:
        h = F.pad(self.embedding(x), (0, 0, 1, 0))[:, :-1]
        for i, (layer, start) in enumerate(zip(self.layers, self.starts, strict=True)):
            h = self.dropout(h) if i else h
            states = [s.expand(1, len(x), -1).contiguous() for s in start]
            h, _ = layer(h, tuple(states) if self.cell == "lstm" else states[0])
        return self.head(self.dropout(h)).transpose(1, 2)
