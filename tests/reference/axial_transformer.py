"""Axial Transformer (Ho et al. 2019, section 3.2) over images of one channel: attention within rows and within columns.

* outer decoder: embedding plus places; attention in every row over all of it, then in every column over the rows so
  far, several times; shifted down by one row
* inner decoder: what the outer one gave, plus the embedding with places shifted right by one column, plus places;
  attention in every row over the columns so far, several times; norm, linear
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tests.reference.transformer import Block


class AxialTransformer(nn.Module):
    """x [B, 1, H, W] of integers -> logits [B, L, H, W]"""

    def __init__(self, levels: int, size: int, width: int, heads: int, wide: int, outer: int, inner: int) -> None:
        super().__init__()

        def blocks(count: int) -> nn.ModuleList:
            return nn.ModuleList(Block(width, heads, wide, F.relu) for _ in range(count))

        self.pixels, self.places = nn.Embedding(levels, width), nn.Parameter(torch.zeros(size, size, width))
        self.rows, self.columns, self.inner = blocks(outer), blocks(outer), blocks(inner)
        self.norm, self.output = nn.LayerNorm(width), nn.Linear(width, levels)

    def forward(self, x: Tensor) -> Tensor:
        batch, _, height, width = x.shape
        pixels = self.pixels(x[:, 0]) + self.places  # [B, H, W, C]
        everything = torch.ones(width, width, dtype=torch.bool)
        so_far = torch.ones(max(height, width), max(height, width), dtype=torch.bool).tril()
        h = pixels
        for row, column in zip(self.rows, self.columns, strict=True):
            h = row(h.flatten(0, 1), everything).view(batch, height, width, -1)
            turned = h.transpose(1, 2)
            turned = column(turned.flatten(0, 1), so_far[:height, :height]).view(batch, width, height, -1)
            h = turned.transpose(1, 2)
        above = F.pad(h, (0, 0, 0, 0, 1, 0))[:, :-1]
        left = F.pad(pixels, (0, 0, 1, 0))[:, :, :-1]
        h = above + left + self.places
        for layer in self.inner:
            h = layer(h.flatten(0, 1), so_far[:width, :width]).view(batch, height, width, -1)
        return self.output(self.norm(h)).movedim(3, 1)
