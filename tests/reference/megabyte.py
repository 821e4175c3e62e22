"""MegaByte (Yu et al. 2023): a global decoder over patches of bytes, and a local one inside each patch.

* patch k: a linear layer of the embeddings of its bytes with their places, side by side
* global decoder: over the patches, moved by one so that patch k reads those before it, zeros for the first
* a linear layer gives each patch's bytes their shares; plus another embedding of the byte before, zero for the first
* local decoder: within each patch, a byte and those before it; norm, linear
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tests.reference.transformer import Block


class MegaByte(nn.Module):
    """x [B, T] of integers -> logits [B, L, T]"""

    def __init__(
        self, levels: int, length: int, patch: int, wide: int, narrow: int, heads: tuple[int, int],
        layers: tuple[int, int],
    ) -> None:  # fmt: skip
        super().__init__()
        self.patch, each = patch, wide // patch
        self.bytes, self.places = nn.Embedding(levels, each), nn.Parameter(torch.zeros(length, each))
        self.patches, self.shared = nn.Linear(wide, wide), nn.Linear(wide, patch * narrow, bias=False)
        self.shift = nn.Parameter(torch.zeros(narrow))
        self.own = nn.Embedding(levels, narrow)
        self.outer = nn.ModuleList(Block(wide, heads[0], 4 * wide, F.gelu) for _ in range(layers[0]))
        self.inner = nn.ModuleList(Block(narrow, heads[1], 4 * narrow, F.gelu) for _ in range(layers[1]))
        self.norm, self.output = nn.LayerNorm(narrow), nn.Linear(narrow, levels)

    def forward(self, x: Tensor) -> Tensor:
        batch, length = x.shape
        count = length // self.patch
        late = F.pad(self.bytes(x) + self.places, (0, 0, self.patch, 0))[:, :length]
        h = self.patches(late.reshape(batch, count, -1))
        for block in self.outer:
            h = block(h, torch.ones(count, count, dtype=torch.bool).tril())
        shares = self.shared(h).view(batch, length, -1) + self.shift
        before = F.pad(self.own(x), (0, 0, 1, 0))[:, :-1]
        h = (shares + before).view(batch * count, self.patch, -1)
        for block in self.inner:
            h = block(h, torch.ones(self.patch, self.patch, dtype=torch.bool).tril())
        return self.output(self.norm(h)).view(batch, length, -1).transpose(1, 2)
