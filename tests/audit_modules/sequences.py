"""Sequence models of integers and floats that hold, and samplers that do or do not draw what is scored."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

WIDTH = 8


class ShiftedGRU(nn.Module):
    """Tokens [B, T] -> logits [B, T, levels]; the input is shifted by one step behind a start token."""

    def __init__(self, levels: int = 5) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.embedding = nn.Embedding(levels + 1, WIDTH)
        self.gru = nn.GRU(WIDTH, WIDTH, batch_first=True)
        self.out = nn.Linear(WIDTH, levels)

    def forward(self, x: Tensor) -> Tensor:
        shifted = F.pad(x + 1, (1, -1))
        return self.out(self.gru(self.embedding(shifted))[0])


class OneHotGRU(nn.Module):
    """The same with time first and a one-hot input: no embedding to take a gradient at."""

    def __init__(self, levels: int = 5) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.levels = levels
        self.gru = nn.GRU(levels, WIDTH)
        self.out = nn.Linear(WIDTH, levels)

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        dtype = self.out.weight.dtype
        hot = F.pad(F.one_hot(x, self.levels).to(dtype), (0, 0, 0, 0, 1, -1))
        return {"logits": self.out(self.gru(hot)[0])}


class Transformer(nn.Module):
    """Causal transformer whose output t speaks of token t + 1; dropout, and an output layer that starts at zero.

    `strict` False lets every position see the next one too.
    """

    def __init__(self, levels: int = 6, length: int = 10, leak: bool = False) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.tokens = nn.Embedding(levels, WIDTH)
        self.places = nn.Embedding(length, WIDTH)
        self.norm = nn.LayerNorm(WIDTH)
        self.heads = nn.Linear(WIDTH, 3 * WIDTH)
        self.dropout = nn.Dropout(0.3)
        self.mlp = nn.Sequential(nn.Linear(WIDTH, 2 * WIDTH), nn.GELU(), nn.Linear(2 * WIDTH, WIDTH))
        self.out = nn.Linear(WIDTH, levels)
        nn.init.zeros_(self.out.weight)
        self.diagonal = 1 if leak else 0

    def forward(self, x: Tensor) -> tuple[Tensor, None]:
        time = x.shape[1]
        f = self.tokens(x) + self.places(torch.arange(time))
        q, k, v = self.heads(self.norm(f)).chunk(3, -1)
        mask = torch.ones(time, time, dtype=torch.bool).tril(self.diagonal)
        scores = (q @ k.transpose(1, 2) / WIDTH**0.5).masked_fill(~mask, float("-inf"))
        f = f + self.dropout(scores.softmax(-1)) @ v
        return self.out(f + self.mlp(f)), None


class Sampling(ShiftedGRU):
    """`fault`: None, 'temperature' (draws too evenly), 'stale' (conditions on all but the latest token),
    'shared' (the same noise for all examples), 'range' (numbers the levels from 1)."""

    def __init__(self, levels: int = 5, length: int = 6, fault: str | None = None) -> None:
        super().__init__(levels)
        self.length = length
        self.fault = fault

    def sample(self, n: int) -> Tensor:
        x = torch.zeros(n, self.length, dtype=torch.long)
        for t in range(self.length):
            seen = x
            if self.fault == "stale" and t > 0:
                seen = x.clone()
                seen[:, t - 1] = 0
            logits = self(seen)[:, t]
            if self.fault == "temperature":
                logits = 0.8 * logits
            p = logits.softmax(-1)
            if self.fault == "shared":
                x[:, t] = (p.cumsum(-1) < torch.rand(1)).sum(-1).clamp_max(p.shape[-1] - 1)
            else:
                x[:, t] = p.multinomial(1)[:, 0]
        return x + 1 if self.fault == "range" else x


class Bits(nn.Module):
    """Binary images [B, 1, H, W] of -1 and 1 through a masked linear map, Bernoulli logits, and its sampler."""

    def __init__(self, height: int = 3, width: int = 3, fault: bool = False) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.shape = (1, height, width)
        self.fault = fault
        self.linear = nn.Linear(height * width, height * width)
        self.mask = nn.Buffer(torch.ones(height * width, height * width).tril(-1))

    def forward(self, x: Tensor) -> Tensor:
        logits = F.linear(x.flatten(1), self.linear.weight * self.mask, self.linear.bias)
        return logits.reshape(-1, *self.shape)

    def sample(self, n: int) -> Tensor:
        x = torch.zeros(n, *self.shape)
        for t in range(x[0].numel()):
            i, j = divmod(t, self.shape[2])
            on = self(x)[:, 0, i, j].sigmoid()
            drawn = torch.rand(n) < (1 - on if self.fault and t == 4 else on)
            x[:, 0, i, j] = torch.where(drawn, 1.0, -1.0)
        return x
