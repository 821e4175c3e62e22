"""PixelSNAIL (Chen, Mishra, Rohaninejad, Abbeel 2017), in the form of the authors' code, with a free output layer.

* input: the image scaled to [-1, 1] and a channel of ones; first = down(1 x 3 of it) + right(2 x 1 of it)
* background: (row - H / 2) / H and (column - W / 2) / W, each in ``places`` equal channels: the code adds them to zeros
  of the image's shape, and so has one for each colour
* gated_resnet(x, a): conv(concat_elu(x)) [+ 1 x 1(concat_elu(a))]; concat_elu; dropout; conv to 2n; x + first *
  sigmoid(second)
* block: residual layers of 2 x 2 windows that reach up and to the left; attention; a residual layer with it as `a`
* attention: keys and values from 1 x 1 of a 1 x 1 residual layer over [image, features, background], queries likewise
  over [features, background]; only strictly earlier positions, the first attends to nothing and gets zeros

Weight norm is optional, one scale for each output channel. With `ranks` [H, W] another order than raster: windows leave
out what comes later than the position, and the two first convolutions become one of 3 x 3 that leaves out the position,
too.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import weight_norm as normalised


def concat_elu(x: Tensor) -> Tensor:
    return F.elu(torch.cat([x, -x], 1))


def by_order(conv: nn.Conv2d, x: Tensor, first: int, ranks: Tensor, strict: bool) -> Tensor:
    """A convolution whose window begins `first` rows above and columns to the left, tap by tap: each position takes
    what has a lower rank than its own, or not a higher one."""
    rows, columns = ranks.shape
    assert conv.bias is not None
    y = x.new_zeros(len(x), conv.out_channels, rows, columns) + conv.bias.view(-1, 1, 1)
    for i in range(rows):
        for j in range(columns):
            for a in range(conv.kernel_size[0]):
                for b in range(conv.kernel_size[1]):
                    r, c = i - first + a, j - first + b
                    if not (0 <= r < rows and 0 <= c < columns):
                        continue
                    if ranks[r, c] < ranks[i, j] or (ranks[r, c] == ranks[i, j] and not strict):
                        y[:, :, i, j] = y[:, :, i, j] + x[:, :, r, c] @ conv.weight[:, :, a, b].T
    return y


class Resnet(nn.Module):
    """A gated residual layer whose k x k window ends at the position itself."""

    ranks: Tensor | None = None

    def __init__(self, width: int, kernel: int, extra: int = 0, dropout: float = 0.5) -> None:
        super().__init__()
        self.kernel = kernel
        self.conv1 = nn.Conv2d(2 * width, width, kernel)
        self.conv2 = nn.Conv2d(2 * width, 2 * width, kernel)
        self.extra = nn.Conv2d(2 * extra, width, 1) if extra else None
        self.dropout = nn.Dropout(dropout)

    def window(self, conv: nn.Conv2d, x: Tensor) -> Tensor:
        if self.ranks is not None:
            return by_order(conv, x, self.kernel - 1, self.ranks, False)
        return conv(F.pad(x, (self.kernel - 1, 0, self.kernel - 1, 0)))

    def forward(self, x: Tensor, a: Tensor | None = None) -> Tensor:
        y = self.window(self.conv1, concat_elu(x))
        if self.extra is not None:
            assert a is not None
            y = y + self.extra(concat_elu(a))
        first, second = self.window(self.conv2, self.dropout(concat_elu(y))).chunk(2, 1)
        return x + first * torch.sigmoid(second)


class Block(nn.Module):
    ranks: Tensor | None = None

    def __init__(self, channels: int, filters: int, resnets: int, keys: int, values: int, places: int) -> None:
        super().__init__()
        content, place = channels + filters + 2 * places, filters + 2 * places
        self.body = nn.ModuleList(Resnet(filters, 2) for _ in range(resnets))
        self.content = Resnet(content, 1)
        self.place = Resnet(place, 1)
        self.keys = nn.Conv2d(content, keys, 1)
        self.values = nn.Conv2d(content, values, 1)
        self.queries = nn.Conv2d(place, keys, 1)
        self.out = Resnet(filters, 1, extra=values)

    def forward(self, h: Tensor, image: Tensor, background: Tensor) -> Tensor:
        for layer in self.body:
            h = layer(h)
        content = self.content(torch.cat([image, h, background], 1))
        q, k, v = self.queries(self.place(torch.cat([h, background], 1))), self.keys(content), self.values(content)
        n = q.shape[2] * q.shape[3]
        scores = q.flatten(2).transpose(1, 2) @ k.flatten(2) / math.sqrt(q.shape[1])
        ranks = torch.arange(n) if self.ranks is None else self.ranks.flatten()
        earlier, seeing = ranks[None, :] < ranks[:, None], ranks > 0
        shares = torch.zeros_like(scores)
        shares[:, seeing] = scores.masked_fill(~earlier, -math.inf)[:, seeing].softmax(-1)
        seen = (v.flatten(2) @ shares.transpose(1, 2)).view(*v.shape)
        return self.out(h, seen)


class PixelSNAIL(nn.Module):
    """x [B, C, H, W] of integers -> [B, outputs, H, W]."""

    def __init__(
        self, channels: int, levels: int, filters: int, blocks: int, resnets: int, keys: int, values: int, outputs: int,
        places: int = 1, weight_norm: bool = False, ranks: Tensor | None = None,
    ) -> None:  # fmt: skip
        super().__init__()
        self.levels, self.places, self.ranks = levels, places, ranks
        if ranks is None:
            self.above = nn.Conv2d(channels + 1, filters, (1, 3), padding=(0, 1))
            self.beside = nn.Conv2d(channels + 1, filters, (2, 1))
        else:
            self.first = nn.Conv2d(channels + 1, filters, 3)
        self.blocks = nn.ModuleList(Block(channels, filters, resnets, keys, values, places) for _ in range(blocks))
        self.head = nn.Conv2d(filters, outputs, 1)
        if weight_norm:
            for conv in [m for m in self.modules() if isinstance(m, nn.Conv2d)]:
                normalised(conv, dim=0)
        for part in self.modules():
            if isinstance(part, Resnet | Block):
                part.ranks = ranks

    def forward(self, x: Tensor) -> Tensor:
        image = x.to(self.head.weight.dtype) * 2 / (self.levels - 1) - 1
        batch, _, rows, columns = image.shape
        row = ((torch.arange(rows, dtype=torch.float64) - rows / 2) / rows).view(1, 1, -1, 1)
        column = ((torch.arange(columns, dtype=torch.float64) - columns / 2) / columns).view(1, 1, 1, -1)
        where = [axis.expand(batch, self.places, rows, columns) for axis in (row, column)]
        background = torch.cat(where, 1).to(image.dtype)
        stem = torch.cat([image, torch.ones_like(image[:, :1])], 1)
        if self.ranks is None:
            above = F.pad(self.above(stem), (0, 0, 1, 0))[:, :, :-1]
            beside = F.pad(self.beside(F.pad(stem, (0, 0, 1, 0))), (1, 0))[..., :-1]
            h = above + beside
        else:
            h = by_order(self.first, stem, 1, self.ranks, True)
        for block in self.blocks:
            h = block(h, image, background)
        return self.head(F.elu(h))
