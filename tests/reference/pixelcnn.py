"""PixelCNN (van den Oord, Kalchbrenner, Kavukcuoglu 2016, "Pixel Recurrent Neural Networks", sections 3.3 to 3.5).

Pixels are ordered by rows from the top and from the left within a row, colours in sequence within a pixel.

* first: k x k convolution (7 x 7), mask A, to 2h features
* n residual blocks (figure 5, left): ReLU, 1 x 1 from 2h to h, ReLU, 3 x 3 from h to h, ReLU, 1 x 1 from h to 2h, add
  the block's input; all with mask B
* head (table 1): two times ReLU and 1 x 1 to f features, then ReLU, 1 x 1 to the logits, all with mask B

Masks (section 3.4): a feature belongs to a colour's group. All groups may be read at earlier positions, none at later
ones. At the position itself group g reads the groups j < g under A and j <= g under B; this holds for the 1 x 1
convolutions too. The input is scaled to [-1, 1] by ``2x / (L - 1) - 1``.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class MaskedConv2d(nn.Conv2d):
    """A convolution of odd kernel, padded to keep the size, whose weight is multiplied by mask A or B at each call."""

    def __init__(self, inputs: int, outputs: int, kernel: int, groups: int, mask: str) -> None:
        super().__init__(inputs, outputs, kernel, padding=kernel // 2)
        if inputs % groups or outputs % groups or kernel % 2 == 0 or mask not in ("A", "B"):
            raise ValueError(f"no mask {mask!r} for {inputs} to {outputs} channels in {groups} groups, kernel {kernel}")
        self.mask: Tensor
        self.register_buffer("mask", torch.zeros_like(self.weight), persistent=False)
        middle, o, i = kernel // 2, outputs // groups, inputs // groups
        for reader in range(groups):
            for read in range(groups):
                for row in range(kernel):
                    for column in range(kernel):
                        here = row == middle and column == middle
                        allowed = row < middle or (row == middle and column < middle)
                        if here:
                            allowed = read < reader or (mask == "B" and read == reader)
                        if allowed:
                            self.mask[reader * o : (reader + 1) * o, read * i : (read + 1) * i, row, column] = 1.0

    def forward(self, input: Tensor) -> Tensor:
        return F.conv2d(input, self.weight * self.mask, self.bias, padding=self.padding)


class ResidualBlock(nn.Module):
    """Figure 5, left: 2h features in and out."""

    def __init__(self, width: int, groups: int) -> None:
        super().__init__()
        self.reduce = MaskedConv2d(2 * width, width, 1, groups, "B")
        self.conv = MaskedConv2d(width, width, 3, groups, "B")
        self.expand = MaskedConv2d(width, 2 * width, 1, groups, "B")

    def forward(self, x: Tensor) -> Tensor:
        y = self.reduce(F.relu(x))
        y = self.conv(F.relu(y))
        y = self.expand(F.relu(y))
        return x + y


class PixelCNN(nn.Module):
    """PixelCNN over images whose channels are generated in sequence, one group of features for each.

    Args:
        groups: channels of the image, G (1 or 3).
        levels: levels of a channel, L.
        width: features h of the residual blocks (2h between them), a multiple of G.
        blocks: number of residual blocks.
        head: features of the head's two hidden layers, a multiple of G.
        kernel: kernel of the first convolution.
        outputs: logits for each channel; ``None`` is L, and 1 (Bernoulli) for two levels.
        scale: whether the input is scaled to [-1, 1]; otherwise the integers are used as they are.
    """

    def __init__(
        self,
        groups: int,
        levels: int,
        width: int,
        blocks: int,
        head: int,
        kernel: int = 7,
        outputs: int | None = None,
        scale: bool = True,
    ) -> None:
        super().__init__()
        self.levels, self.scale = levels, scale
        if outputs is None:
            outputs = 1 if levels == 2 else levels
        self.first = MaskedConv2d(groups, 2 * width, kernel, groups, "A")
        self.blocks = nn.ModuleList(ResidualBlock(width, groups) for _ in range(blocks))
        self.head_1 = MaskedConv2d(2 * width, head, 1, groups, "B")
        self.head_2 = MaskedConv2d(head, head, 1, groups, "B")
        self.head_3 = MaskedConv2d(head, groups * outputs, 1, groups, "B")

    def forward(self, x: Tensor) -> Tensor:
        """Logits ``[B, G * outputs, H, W]`` for ``x`` in 0..L-1, ``[B, G, H, W]``."""
        x = x.to(self.first.weight.dtype)
        if self.scale:
            x = 2 * x / (self.levels - 1) - 1
        features = self.first(x)
        for block in self.blocks:
            features = block(features)
        return self.head_3(F.relu(self.head_2(F.relu(self.head_1(F.relu(features))))))
