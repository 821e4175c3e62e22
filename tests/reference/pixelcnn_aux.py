"""Grayscale PixelCNN (Kolesnikov & Lampert 2017; layers in the form of the authors' released code), with free outputs.

The grey view is one channel, the image C channels, both scaled to [-1, 1]. A PixelCNN of two streams gives the view's
outputs; a second one, conditioned on an embedding of the whole view, the image's.

* gated_resnet(x, a): c = 3 x 3 conv(concat_elu(x)); plus 1 x 1 of concat_elu(a) where a is given; concat_elu, 3 x 3
conv
  to 2n; x + first half * sigmoid(second half). Padding: "same" in the embedding; two rows on top and a column on both
  sides for u; two rows on top and two columns on the left for ul
* embedding(view): 3 x 3; L resnets; 3 x 3 of stride 2 (a row below and a column to the right of zeros); L resnets; on
the
  way up L resnets with what those on the way down gave, last first; transposed 3 x 3 of stride 2, the first 2H rows and
  2W columns of it; L resnets likewise; 3 x 3
* PixelCNN(x, c): a channel of ones is appended; u = down_shift(2 x 3), ul = down_shift(1 x 3) + right_shift(2 x 1), the
2 x .
  reading the row above and their own; l times u = resnet(u, c), ul = resnet(ul, concat(u, c)), or u and ul without c
  where there is none; 1 x 1 of elu(ul)

Every convolution has weight norm, one scale for each output channel.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import weight_norm

SAME, UP, UP_LEFT = (1, 1, 1, 1), (1, 1, 2, 0), (2, 0, 2, 0)  # zeros on the left, on the right, above, below


def conv(inputs: int, outputs: int, kernel: int | tuple[int, int], stride: int = 1) -> nn.Module:
    return weight_norm(nn.Conv2d(inputs, outputs, kernel, stride), dim=0)


def concat_elu(x: Tensor) -> Tensor:
    return F.elu(torch.cat([x, -x], dim=1))


class GatedResnet(nn.Module):
    """`extra`: channels of a, 0 for none."""

    def __init__(self, filters: int, extra: int, padding: tuple[int, int, int, int]) -> None:
        super().__init__()
        self.padding = padding
        self.conv1 = conv(2 * filters, filters, 3)
        self.extra = conv(2 * extra, filters, 1) if extra else None
        self.conv2 = conv(2 * filters, 2 * filters, 3)

    def forward(self, x: Tensor, a: Tensor | None = None) -> Tensor:
        c = self.conv1(F.pad(concat_elu(x), self.padding))
        if self.extra is not None:
            assert a is not None
            c = c + self.extra(concat_elu(a))
        first, second = self.conv2(F.pad(concat_elu(c), self.padding)).chunk(2, dim=1)
        return x + first * torch.sigmoid(second)


class Embedding(nn.Module):
    def __init__(self, n: int, resnets: int) -> None:
        super().__init__()
        self.first, self.halve, self.last = conv(1, n, 3), conv(n, n, 3, stride=2), conv(n, n, 3)
        self.doubled = weight_norm(nn.ConvTranspose2d(n, n, 3, stride=2), dim=1)
        self.down = nn.ModuleList([GatedResnet(n, 0, SAME) for _ in range(2 * resnets)])
        self.up = nn.ModuleList([GatedResnet(n, n, SAME) for _ in range(2 * resnets)])
        self.resnets = resnets

    def forward(self, view: Tensor) -> Tensor:
        x = self.first(F.pad(view, SAME))
        found: list[Tensor] = []
        for k, layer in enumerate(self.down):
            if k == self.resnets:
                x = self.halve(F.pad(x, (0, 1, 0, 1)))
            x = layer(x)
            found.append(x)
        for k, layer in enumerate(self.up):
            if k == self.resnets:
                x = self.doubled(x)[:, :, : view.shape[2], : view.shape[3]]
            x = layer(x, found.pop())
        return self.last(F.pad(x, SAME))


class Streams(nn.Module):
    """A PixelCNN of two streams; `known`: channels of what it is conditioned on."""

    def __init__(self, channels: int, n: int, layers: int, known: int, outputs: int) -> None:
        super().__init__()
        self.u_conv, self.above = conv(channels + 1, n, (2, 3)), conv(channels + 1, n, (1, 3))
        self.beside, self.output = conv(channels + 1, n, (2, 1)), conv(n, outputs, 1)
        self.u = nn.ModuleList([GatedResnet(n, known, UP) for _ in range(layers)])
        self.ul = nn.ModuleList([GatedResnet(n, n + known, UP_LEFT) for _ in range(layers)])

    def forward(self, x: Tensor, known: Tensor | None = None) -> Tensor:
        x = torch.cat([x, torch.ones_like(x[:, :1])], 1)
        u = F.pad(self.u_conv(F.pad(x, (1, 1, 1, 0))), (0, 0, 1, 0))[:, :, :-1]
        ul = F.pad(self.above(F.pad(x, (1, 1, 0, 0))), (0, 0, 1, 0))[:, :, :-1]
        ul = ul + F.pad(self.beside(F.pad(x, (0, 0, 1, 0))), (1, 0))[:, :, :, :-1]
        for u_layer, ul_layer in zip(self.u, self.ul, strict=True):
            u = u_layer(u, known)
            ul = ul_layer(ul, u if known is None else torch.cat([u, known], 1))
        return self.output(F.elu(ul))


class PixelCNNAux(nn.Module):
    """Args: channels of the image; levels of the view and of a channel; filters n; resnets L of a resolution of the
    embedding; layers l of each PixelCNN; outputs for each pixel of the image (the view has as many as levels)."""

    def __init__(
        self, channels: int, levels: tuple[int, int], filters: int, resnets: int, layers: int, outputs: int
    ) -> None:
        super().__init__()
        self.levels = levels
        self.embedding = Embedding(filters, resnets)
        self.grey = Streams(1, filters, layers, 0, levels[0])
        self.colours = Streams(channels, filters, layers, filters, outputs)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """x [B, 1 + C, H, W], the view in front -> the view's outputs [B, levels, H, W], the image's [B, outputs,
        H, W]."""
        dtype = next(self.parameters()).dtype
        view, image = (
            2 * part.to(dtype) / (n - 1) - 1 for part, n in zip((x[:, :1], x[:, 1:]), self.levels, strict=True)
        )
        return self.grey(view), self.colours(image, self.embedding(view))
