"""The spec `inside_out` by hand: masked convolutions and strict attention in any order of an image's pixels.

The order is a table of ranks [H, W]; colours follow one another inside a pixel. Features are in one group a colour.
Group g at a pixel comes before group j at another where the pixel's rank is lower, or at the same pixel where g < j.

* first: k x k convolution of the image, scaled to [-1, 1], reading what comes before
* residual: concat_elu, 3 x 3; concat_elu, dropout, 3 x 3 to twice the features; first half times the sigmoid of the
  second; plus the input. Both convolutions read what comes before and the site itself
* block: two residual layers; a layer norm over the channels of each group; with the place (row, column, from -1/2 on)
  as two further channels a group 1 x 1 to the queries, with place and image 1 x 1 to keys and values; attention over
  the sites that come before, zeros where there are none; 1 x 1; plus the second residual layer's output
* head: elu, 1 x 1 to the logits

Concatenations, halves and norms are inside each group; every 1 x 1 reads the groups up to its own.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class OrderedConv2d(nn.Conv2d):
    """A convolution of odd kernel with a mask for each pixel, over all places of its window."""

    def __init__(
        self, inputs: int, outputs: int, kernel: int, rank: Sequence[Sequence[int]], groups: int, inclusive: bool
    ) -> None:
        super().__init__(inputs, outputs, kernel, padding=kernel // 2)
        height, width, o, i = len(rank), len(rank[0]), outputs // groups, inputs // groups
        self.mask: Tensor
        self.register_buffer("mask", torch.zeros(outputs, inputs, kernel * kernel, height * width), persistent=False)
        for row in range(height):
            for column in range(width):
                for tap in range(kernel * kernel):
                    that = row + tap // kernel - kernel // 2, column + tap % kernel - kernel // 2
                    if not (0 <= that[0] < height and 0 <= that[1] < width):
                        continue
                    before = rank[that[0]][that[1]] < rank[row][column]
                    for reader in range(groups):
                        for read in range(groups):
                            here = that == (row, column) and (read < reader or (inclusive and read == reader))
                            if before or here:
                                at = row * width + column
                                self.mask[reader * o : (reader + 1) * o, read * i : (read + 1) * i, tap, at] = 1.0

    def forward(self, input: Tensor) -> Tensor:
        assert self.bias is not None and not isinstance(self.padding, str)
        taps = F.unfold(input, self.kernel_size, padding=self.padding).unflatten(1, (input.shape[1], -1))
        weight = self.weight.flatten(2)[..., None] * self.mask
        out = torch.einsum("bitp,oitp->bop", taps, weight) + self.bias[None, :, None]
        return out.view(len(input), -1, *input.shape[2:])


def grouped(groups: int, *xs: Tensor) -> Tensor:
    """Concatenation inside each group."""
    return torch.cat([x.unflatten(1, (groups, -1)) for x in xs], dim=2).flatten(1, 2)


class Residual(nn.Module):
    def __init__(self, features: int, rank: Sequence[Sequence[int]], groups: int) -> None:
        super().__init__()
        self.groups = groups
        self.conv1 = OrderedConv2d(2 * features, features, 3, rank, groups, inclusive=True)
        self.conv2 = OrderedConv2d(2 * features, 2 * features, 3, rank, groups, inclusive=True)

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv1(F.elu(grouped(self.groups, x, -x)))
        y = self.conv2(F.elu(grouped(self.groups, y, -y))).unflatten(1, (self.groups, 2, -1))
        return x + (y[:, :, 0] * torch.sigmoid(y[:, :, 1])).flatten(1, 2)


class GroupNorm(nn.Module):
    """Layer norm over the channels of each group, at each pixel."""

    def __init__(self, features: int, groups: int) -> None:
        super().__init__()
        self.groups = groups
        self.gain, self.bias = nn.Parameter(torch.ones(features)), nn.Parameter(torch.zeros(features))

    def forward(self, x: Tensor) -> Tensor:
        y = x.unflatten(1, (self.groups, -1))
        mean, variance = y.mean(2, keepdim=True), y.var(2, keepdim=True, unbiased=False)
        y = ((y - mean) / torch.sqrt(variance + 1e-5)).flatten(1, 2)
        return y * self.gain[:, None, None] + self.bias[:, None, None]


class Block(nn.Module):
    def __init__(self, features: int, keys: int, rank: Sequence[Sequence[int]], groups: int) -> None:
        super().__init__()
        self.groups = groups
        self.first, self.second = Residual(features, rank, groups), Residual(features, rank, groups)
        self.norm = GroupNorm(features, groups)

        def point(inputs: int, outputs: int) -> OrderedConv2d:
            return OrderedConv2d(inputs, outputs, 1, rank, groups, inclusive=True)

        self.queries = point(features + 2 * groups, keys)
        self.keys = point(features + 3 * groups, keys)
        self.values = point(features + 3 * groups, features)
        self.mixed = point(features, features)
        order = [(pixel, group) for group in range(groups) for row in rank for pixel in row]
        self.earlier = torch.tensor([[that < this for that in order] for this in order])

    def sites(self, x: Tensor) -> Tensor:
        """[B, G * C, H, W] -> [B, G * H * W, C]."""
        return x.unflatten(1, (self.groups, -1)).flatten(3).transpose(2, 3).flatten(1, 2)

    def forward(self, x: Tensor, image: Tensor, place: Tensor) -> Tensor:
        second = self.second(self.first(x))
        norm = self.norm(second)
        there = grouped(self.groups, norm, place, image)
        queries = self.sites(self.queries(grouped(self.groups, norm, place)))
        keys, values = self.sites(self.keys(there)), self.sites(self.values(there))
        found: list[Tensor] = []
        for site, earlier in enumerate(self.earlier):
            scores = (keys[:, earlier] @ queries[:, site, :, None]).squeeze(2) / queries.shape[2] ** 0.5
            found.append((torch.softmax(scores, 1)[:, :, None] * values[:, earlier]).sum(1))
        seen = torch.stack(found, 1).unflatten(1, (self.groups, -1)).transpose(2, 3).reshape(x.shape)
        return second + self.mixed(seen)


class InsideOut(nn.Module):
    """Args: groups (channels of the image), levels, features and keys (multiples of the groups), kernel of the first
    convolution, blocks, rank [H, W]."""

    def __init__(
        self,
        groups: int,
        levels: int,
        features: int,
        keys: int,
        kernel: int,
        blocks: int,
        rank: Sequence[Sequence[int]],
    ) -> None:
        super().__init__()
        self.levels, self.groups = levels, groups
        self.first = OrderedConv2d(groups, features, kernel, rank, groups, inclusive=False)
        self.blocks = nn.ModuleList(Block(features, keys, rank, groups) for _ in range(blocks))
        self.head = OrderedConv2d(features, groups * levels, 1, rank, groups, inclusive=True)

    def forward(self, x: Tensor) -> Tensor:
        """Logits ``[B, G * L, H, W]`` for ``x`` in 0..L-1, ``[B, G, H, W]``."""
        image = 2 * x.to(self.first.weight.dtype) / (self.levels - 1) - 1
        height, width = x.shape[2:]
        rows = torch.arange(height, dtype=image.dtype) / height - 0.5
        columns = torch.arange(width, dtype=image.dtype) / width - 0.5
        one = torch.stack([rows[:, None].expand(height, width), columns[None].expand(height, width)])
        place = one.repeat(self.groups, 1, 1).expand(len(x), -1, -1, -1)
        features = self.first(image)
        for block in self.blocks:
            features = block(features, image, place)
        return self.head(F.elu(features))
