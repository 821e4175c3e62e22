"""RWKV-6 "Finch" (Peng et al. 2024, section 4), step by step as its equations say, one head after another.

* ddlerp(a, b) of the five paths w, k, v, r, g: a + (b - a) ⊙ (m_i + tanh((a + (b - a) ⊙ m_x) A_i) B_i)
* decay exp(-exp(w + tanh(x_w D_1) D_2)), one number for each channel of a key
* of a head: y = (diag(u) kᵀ v + S)ᵀ r, then S = diag(decay) S + kᵀ v
* time mix: W_o (silu(g) ⊙ group norm of y); channel mix: σ(W_r x_r) ⊙ W_v relu(W_k x_k)²

The output t speaks of token t + 1.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

PATHS = ("w", "k", "v", "r", "g")


def before(x: Tensor) -> Tensor:
    return F.pad(x, (0, 0, 1, 0))[:, :-1]


class TimeMix(nn.Module):
    def __init__(self, width: int, heads: int, shares: int, falls: int) -> None:
        super().__init__()
        self.heads = heads
        self.first = nn.Parameter(torch.zeros(width))  # m_x
        self.into = nn.Linear(width, 5 * shares, bias=False)
        self.out_of = nn.ModuleList(nn.Linear(shares, width) for _ in PATHS)  # B_i, with m_i as their biases
        self.fall_in, self.fall_out = nn.Linear(width, falls, bias=False), nn.Linear(falls, width)
        self.k, self.v, self.r, self.g, self.o = (nn.Linear(width, width, bias=False) for _ in range(5))
        self.bonus = nn.Parameter(torch.zeros(heads, width // heads))
        self.norm = nn.GroupNorm(heads, width, eps=64e-5)

    def forward(self, x: Tensor) -> Tensor:
        change = before(x) - x
        small = torch.tanh(self.into(x + change * self.first)).chunk(5, -1)
        w, k, v, r, g = (x + change * m(s) for m, s in zip(self.out_of, small, strict=True))
        decay = torch.exp(-torch.exp(self.fall_out(torch.tanh(self.fall_in(w)))))
        k, v, r, g = self.k(k), self.v(v), self.r(r), F.silu(self.g(g))
        size = x.shape[2] // self.heads
        found = torch.zeros_like(x)
        for n in range(len(x)):
            for h in range(self.heads):
                mine = slice(h * size, (h + 1) * size)
                state = x.new_zeros(size, size)
                for t in range(x.shape[1]):
                    own = torch.outer(k[n, t, mine], v[n, t, mine])
                    found[n, t, mine] = r[n, t, mine] @ (self.bonus[h][:, None] * own + state)
                    state = decay[n, t, mine][:, None] * state + own
        normal = self.norm(found.flatten(0, 1)).view_as(found)
        return self.o(normal * g)


class ChannelMix(nn.Module):
    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.mix_k, self.mix_r = nn.Parameter(torch.zeros(width)), nn.Parameter(torch.zeros(width))
        self.k, self.v = nn.Linear(width, hidden, bias=False), nn.Linear(hidden, width, bias=False)
        self.r = nn.Linear(width, width, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        change = before(x) - x
        k, r = x + change * self.mix_k, x + change * self.mix_r
        return torch.sigmoid(self.r(r)) * self.v(torch.relu(self.k(k)).square())


class Layer(nn.Module):
    def __init__(self, width: int, heads: int, hidden: int, shares: int, falls: int) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.time, self.channel = TimeMix(width, heads, shares, falls), ChannelMix(width, hidden)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.time(self.norm1(x))
        return x + self.channel(self.norm2(x))


class RWKV(nn.Module):
    """x [B, T] of integers -> logits [B, T, L]."""

    def __init__(
        self, levels: int, width: int, heads: int, hidden: int, shares: int, falls: int, layers: int
    ) -> None:  # fmt: skip
        super().__init__()
        self.tokens, self.first = nn.Embedding(levels, width), nn.LayerNorm(width)
        self.layers = nn.ModuleList(Layer(width, heads, hidden, shares, falls) for _ in range(layers))
        self.last, self.head = nn.LayerNorm(width), nn.Linear(width, levels, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        h = self.first(self.tokens(x))
        for layer in self.layers:
            h = layer(h)
        return self.head(self.last(h))
