"""The network of the classical figure of cached generation (Ramachandran et al. 2017, "Fast Generation for
Convolutional Autoregressive Models", figure 2): two convolutions of kernel 2 and stride 2 over time,
two transposed ones back.

The values, scaled to [-1, 1], are shifted by one step. A strided convolution has one zero before the beginning, so that
its output t reads the inputs 2t - 1 and 2t; ReLU after every layer; a linear map to L logits.
"""

from torch import Tensor, nn
from torch.nn import functional as F


class FastGenerationToy(nn.Module):
    """x [B, T] of integers, T a multiple of 4 -> logits [B, L, T]."""

    def __init__(self, levels: int, width: int) -> None:
        super().__init__()
        self.levels = levels
        self.down1, self.down2 = nn.Conv1d(1, width, 2, stride=2), nn.Conv1d(width, width, 2, stride=2)
        self.up1, self.up2 = (nn.ConvTranspose1d(width, width, 2, stride=2) for _ in range(2))
        self.head = nn.Conv1d(width, levels, 1)

    def forward(self, x: Tensor) -> Tensor:
        values = 2 * x.to(self.head.weight.dtype)[:, None] / (self.levels - 1) - 1
        h = F.pad(values, (1, 0))[:, :, :-1]
        for layer in (self.down1, self.down2):
            h = F.relu(layer(F.pad(h, (1, 0))[:, :, : h.shape[2]]))
        for layer in (self.up1, self.up2):
            h = F.relu(layer(h))
        return self.head(h)
