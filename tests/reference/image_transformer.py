"""Image Transformer (Parmar et al. 2018) with local attention over one dimension, in the paper's words:

* the pixels in raster order, each held by the place after it; plus sinusoids of row and column
* query blocks of `block` pixels that do not overlap; the memory of one is the block itself and `memory` pixels before
* layer: norm(x + attention(x)); norm(x + linear(relu(linear(x)))), without biases in the attention
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tests.reference.transformer import Block, sinusoids


class ImageTransformer(nn.Module):
    """x [B, C, H, W] of integers -> [B, outputs, H, W]"""

    def __init__(
        self, channels: int, levels: int, width: int, heads: int, wide: int, layers: int, block: int, memory: int,
        outputs: int,
    ) -> None:  # fmt: skip
        super().__init__()
        self.levels, self.block, self.memory = levels, block, memory
        self.pixels = nn.Linear(channels, width)
        self.blocks = nn.ModuleList(Block(width, heads, wide, F.relu, before=False, bias=False) for _ in range(layers))
        self.output = nn.Linear(width, outputs)

    def forward(self, x: Tensor) -> Tensor:
        batch, _, height, width = x.shape
        scaled = 2 * x.to(self.pixels.weight.dtype) / (self.levels - 1) - 1
        h = F.pad(self.pixels(scaled.flatten(2).transpose(1, 2)), (0, 0, 1, 0))[:, :-1]
        place = torch.arange(height * width)
        half = h.shape[2] // 2
        h = h + torch.cat([sinusoids(place // width, half), sinusoids(place % width, half)], 1)
        seen = torch.zeros(height * width, height * width, dtype=torch.bool)
        for first in range(0, height * width, self.block):
            for i in range(first, min(first + self.block, height * width)):
                seen[i, max(0, first - self.memory) : i + 1] = True
        for layer in self.blocks:
            h = layer(h, seen)
        return self.output(h).transpose(1, 2).reshape(batch, -1, height, width)
