"""PixelCNN++ (Salimans, Karpathy, Chen, Kingma 2017; in the form of the authors' code), with a free output layer.

A channel of ones is appended to the image, scaled to [-1, 1]. Two streams, u (rows above) and ul (rows above and the
pixels to the left), through three resolutions and back:

* u0 = down_shift(u conv 2 x 3); ul0 = down_shift(u conv 1 x 3) + right_shift(ul conv 2 x 1)
* u convolution ("down shifted", kh x kw): kh - 1 rows of zeros on top, (kw - 1) / 2 columns on both sides
* ul convolution ("down-right shifted", kh x kw): kh - 1 rows of zeros on top, kw - 1 columns on the left
* gated_resnet(x, a): c = conv(concat_elu(x)); plus 1 x 1 of concat_elu(a) where a is given; concat_elu, dropout, conv
  to 2n, plus h W for a class (one-hot, no bias); x + first half * sigmoid(second half). u is 2 x 3, ul is 2 x 2
* up: at each resolution nr layers, u first, ul with a = u; between resolutions convolutions of the same kernels with
  stride 2. Every output, u0, ul0 and the strided ones too, goes on the stack of its stream
* down: starts from the top of both stacks; nr, nr + 1, nr + 1 layers; u with a = popped u; ul with a = concat(u, popped
  ul). Between resolutions transposed convolutions of stride 2, cropped to twice the size: of the (2H + kh - 1) x
  (2W + kw - 1) outputs the first 2H rows, and the columns from (kw - 1) / 2 for u and from 0 for ul
* output: 1 x 1 of elu(ul). Both stacks are then empty

concat_elu(x) is elu of x and -x, concatenated. Weight norm is optional, one scale for each output channel.
"""

from collections.abc import Iterator
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import weight_norm as normalised

U_KERNEL, UL_KERNEL = (2, 3), (2, 2)


def concat_elu(x: Tensor) -> Tensor:
    return F.elu(torch.cat([x, -x], dim=1))


def down_shift(x: Tensor) -> Tensor:
    return F.pad(x, (0, 0, 1, 0))[:, :, :-1]


def right_shift(x: Tensor) -> Tensor:
    return F.pad(x, (1, 0))[:, :, :, :-1]


class ShiftedConv(nn.Module):
    """A convolution that reads rows above and its own; sideways ("u") or to the left only ("ul")."""

    def __init__(
        self, stream: str, inputs: int, outputs: int, kernel: tuple[int, int], weight_norm: bool, stride: int = 1
    ) -> None:
        super().__init__()
        rows, columns = kernel
        left = (columns - 1) // 2 if stream == "u" else columns - 1
        self.padding = (left, columns - 1 - left, rows - 1, 0)
        self.conv = nn.Conv2d(inputs, outputs, kernel, stride)
        if weight_norm:
            normalised(self.conv, dim=0)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(F.pad(x, self.padding))


class ShiftedTransposedConv(nn.Module):
    """The transposed counterpart with stride 2, cropped to twice the size."""

    def __init__(self, stream: str, channels: int, kernel: tuple[int, int], weight_norm: bool) -> None:
        super().__init__()
        self.left = (kernel[1] - 1) // 2 if stream == "u" else 0
        self.conv = nn.ConvTranspose2d(channels, channels, kernel, stride=2, output_padding=1)
        if weight_norm:
            normalised(self.conv, dim=1)  # a transposed convolution's weight has its outputs in dimension 1

    def forward(self, x: Tensor) -> Tensor:
        height, width = 2 * x.shape[2], 2 * x.shape[3]
        return self.conv(x)[:, :, :height, self.left : self.left + width]


class GatedResnet(nn.Module):
    """gated_resnet of one stream; ``extra`` is the number of channels of a, 0 for none."""

    def __init__(
        self, stream: str, filters: int, extra: int, dropout: float, weight_norm: bool, classes: int | None
    ) -> None:
        super().__init__()
        kernel = U_KERNEL if stream == "u" else UL_KERNEL
        self.conv1 = ShiftedConv(stream, 2 * filters, filters, kernel, weight_norm)
        self.extra = nn.Conv2d(2 * extra, filters, 1) if extra else None
        if self.extra is not None and weight_norm:
            normalised(self.extra, dim=0)
        self.dropout = nn.Dropout(dropout)
        self.conv2 = ShiftedConv(stream, 2 * filters, 2 * filters, kernel, weight_norm)
        self.condition = nn.Linear(classes, 2 * filters, bias=False) if classes is not None else None

    def forward(self, x: Tensor, a: Tensor | None, label: Tensor | None) -> Tensor:
        c = self.conv1(concat_elu(x))
        if self.extra is not None and a is not None:
            c = c + self.extra(concat_elu(a))
        c = self.conv2(self.dropout(concat_elu(c)))
        if self.condition is not None:
            c = c + self.condition(label)[:, :, None, None]
        first, second = c.chunk(2, dim=1)
        return x + first * torch.sigmoid(second)


def layers_of(u: nn.ModuleList, ul: nn.ModuleList, resolution: int) -> Iterator[tuple[nn.Module, nn.Module]]:
    """The layers of both streams at one resolution, side by side."""
    return zip(cast(nn.ModuleList, u[resolution]), cast(nn.ModuleList, ul[resolution]), strict=True)


class PixelCNNpp(nn.Module):
    """PixelCNN++ over images whose channels are generated jointly.

    Args:
        channels: channels of the image, C.
        levels: levels of a channel, L, for the scaling of the input.
        filters: features n of both streams.
        resnets: layers nr at each resolution.
        outputs: output channels for each pixel (10 K for K mixtures of logistics over RGB).
        dropout: rate in the gated resnets.
        weight_norm: whether all convolutions are weight-normalised.
        classes: number of classes, for a class condition.
    """

    def __init__(
        self,
        channels: int,
        levels: int,
        filters: int,
        resnets: int,
        outputs: int,
        dropout: float = 0.5,
        weight_norm: bool = False,
        classes: int | None = None,
    ) -> None:
        super().__init__()
        self.levels, self.classes = levels, classes
        n = filters

        def resnet(stream: str, extra: int) -> GatedResnet:
            return GatedResnet(stream, n, extra, dropout, weight_norm, classes)

        def stack(stream: str, extra: int, counts: tuple[int, ...]) -> nn.ModuleList:
            return nn.ModuleList(nn.ModuleList(resnet(stream, extra) for _ in range(count)) for count in counts)

        def strided(stream: str, kernel: tuple[int, int]) -> nn.ModuleList:
            return nn.ModuleList(ShiftedConv(stream, n, n, kernel, weight_norm, stride=2) for _ in range(2))

        def transposed(stream: str, kernel: tuple[int, int]) -> nn.ModuleList:
            return nn.ModuleList(ShiftedTransposedConv(stream, n, kernel, weight_norm) for _ in range(2))

        up, down = (resnets,) * 3, (resnets, resnets + 1, resnets + 1)
        self.u_init = ShiftedConv("u", channels + 1, n, U_KERNEL, weight_norm)
        self.ul_init_above = ShiftedConv("u", channels + 1, n, (1, 3), weight_norm)
        self.ul_init_left = ShiftedConv("ul", channels + 1, n, (2, 1), weight_norm)
        self.up_u, self.up_ul = stack("u", 0, up), stack("ul", n, up)
        self.stride_u, self.stride_ul = strided("u", U_KERNEL), strided("ul", UL_KERNEL)
        self.down_u, self.down_ul = stack("u", n, down), stack("ul", 2 * n, down)
        self.unstride_u, self.unstride_ul = transposed("u", U_KERNEL), transposed("ul", UL_KERNEL)
        self.output = nn.Conv2d(n, outputs, 1)
        if weight_norm:
            normalised(self.output, dim=0)

    def forward(self, x: Tensor, label: Tensor | None = None) -> Tensor:
        """Output ``[B, outputs, H, W]`` for ``x`` in 0..L-1, ``[B, C, H, W]``, H and W multiples of 4."""
        dtype = self.u_init.conv.weight.dtype
        x = 2 * x.to(dtype) / (self.levels - 1) - 1
        x = torch.cat([x, torch.ones_like(x[:, :1])], dim=1)
        known = F.one_hot(label, self.classes).to(dtype) if label is not None and self.classes is not None else None

        us = [down_shift(self.u_init(x))]
        uls = [down_shift(self.ul_init_above(x)) + right_shift(self.ul_init_left(x))]
        for resolution in range(3):
            for u_layer, ul_layer in layers_of(self.up_u, self.up_ul, resolution):
                us.append(u_layer(us[-1], None, known))
                uls.append(ul_layer(uls[-1], us[-1], known))
            if resolution < 2:
                us.append(self.stride_u[resolution](us[-1]))
                uls.append(self.stride_ul[resolution](uls[-1]))

        u, ul = us.pop(), uls.pop()
        for resolution in range(3):
            for u_layer, ul_layer in layers_of(self.down_u, self.down_ul, resolution):
                u = u_layer(u, us.pop(), known)
                ul = ul_layer(ul, torch.cat([u, uls.pop()], dim=1), known)
            if resolution < 2:
                u, ul = self.unstride_u[resolution](u), self.unstride_ul[resolution](ul)
        if us or uls:
            raise RuntimeError("the way down must use every output of the way up")
        return self.output(F.elu(ul))
