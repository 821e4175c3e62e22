"""Gated PixelCNN and Conditional PixelCNN (van den Oord, Kalchbrenner, Vinyals, Espeholt, Graves, Kavukcuoglu 2016,
"Conditional Image Generation with PixelCNN Decoders", sections 2.1 to 2.3, figure 2).

Two stacks without a blind spot. A layer takes the vertical stack v and the horizontal stack h, and with p features:

* ``v_conv``: k x k convolution of v to 2p, masked to the rows at or above, all groups
* v out: gate(``v_conv``)
* ``v_to_h``: ``v_conv``, before condition and gate, shifted down by one row, then 1 x 1 to 2p, all groups
* ``h_conv``: 1 x k convolution of h to 2p, masked: earlier positions, and at the position itself earlier groups in the
  first layer, earlier groups and its own in the others
* gated: gate(``h_conv`` + ``v_to_h``)
* ``skip``: 1 x 1 of gated to p; ``h_1x1``: 1 x 1 of gated to p; both with the groups masked so far
* h out: ``h_1x1`` + h, except in the first layer, where h is the image and nothing is added

Both stacks of the first layer read the scaled image, ``2x / (L - 1) - 1``. The head is the sum of all skips, ReLU,
1 x 1, ReLU, 1 x 1, groups masked so far.

Gate (equations 2, 4 and 5): ``tanh(a) * sigmoid(b)``; a and b are the two halves of the features *inside each group*,
after the condition has been added to all 2p. The condition is one of

* none
* a class: V h, a linear map without bias from the one-hot class to 2p, one for each gate
* a map: s = m(h) by transposed convolutions up to the image's size, ReLU between them, then a 1 x 1 convolution of s to
  2p, unmasked, one for each gate
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class RowsSoFarConv2d(nn.Conv2d):
    """k x k convolution over the rows at or above; the weight's rows below the middle are multiplied by zero."""

    def __init__(self, inputs: int, outputs: int, kernel: int) -> None:
        super().__init__(inputs, outputs, kernel, padding=kernel // 2)
        self.mask: Tensor
        self.register_buffer("mask", torch.zeros_like(self.weight), persistent=False)
        for row in range(kernel):
            if row <= kernel // 2:
                self.mask[:, :, row, :] = 1.0

    def forward(self, input: Tensor) -> Tensor:
        return F.conv2d(input, self.weight * self.mask, self.bias, padding=self.padding)


class InRowConv2d(nn.Conv2d):
    """1 x k convolution along the row: all groups to the left; here the earlier groups, and its own if inclusive."""

    def __init__(self, inputs: int, outputs: int, kernel: int, groups: int, inclusive: bool) -> None:
        super().__init__(inputs, outputs, (1, kernel), padding=(0, kernel // 2))
        self.mask: Tensor
        self.register_buffer("mask", torch.zeros_like(self.weight), persistent=False)
        o, i = outputs // groups, inputs // groups
        for reader in range(groups):
            for read in range(groups):
                for column in range(kernel):
                    allowed = column < kernel // 2
                    if column == kernel // 2:
                        allowed = read < reader or (inclusive and read == reader)
                    if allowed:
                        self.mask[reader * o : (reader + 1) * o, read * i : (read + 1) * i, 0, column] = 1.0

    def forward(self, input: Tensor) -> Tensor:
        return F.conv2d(input, self.weight * self.mask, self.bias, padding=self.padding)


class Gate(nn.Module):
    """tanh times sigmoid of the halves of each group, the condition added first. 2p features in, p out."""

    def __init__(self, width: int, groups: int, classes: int | None, maps: int | None, map_bias: bool) -> None:
        super().__init__()
        self.groups = groups
        self.condition = None
        if classes is not None:
            self.condition = nn.Linear(classes, 2 * width, bias=False)
        elif maps is not None:
            self.condition = nn.Conv2d(maps, 2 * width, 1, bias=map_bias)

    def forward(self, x: Tensor, condition: Tensor | None) -> Tensor:
        if self.condition is not None:
            added = self.condition(condition)
            x = x + (added if added.dim() == 4 else added[:, :, None, None])
        gated: list[Tensor] = []
        for group in x.chunk(self.groups, dim=1):
            a, b = group.chunk(2, dim=1)
            gated.append(torch.tanh(a) * torch.sigmoid(b))
        return torch.cat(gated, dim=1)


class Layer(nn.Module):
    """One layer of both stacks (figure 2)."""

    def __init__(
        self,
        inputs: int,
        width: int,
        kernel: int,
        groups: int,
        first: bool,
        classes: int | None,
        maps: int | None,
        map_bias: bool,
    ) -> None:
        super().__init__()
        self.first = first
        self.v_conv = RowsSoFarConv2d(inputs, 2 * width, kernel)
        self.v_gate = Gate(width, groups, classes, maps, map_bias)
        self.v_to_h = nn.Conv2d(2 * width, 2 * width, 1)
        self.h_conv = InRowConv2d(inputs, 2 * width, kernel, groups, inclusive=not first)
        self.h_gate = Gate(width, groups, classes, maps, map_bias)
        self.skip = InRowConv2d(width, width, 1, groups, inclusive=True)
        self.h_1x1 = InRowConv2d(width, width, 1, groups, inclusive=True)

    def forward(self, v: Tensor, h: Tensor, condition: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
        vertical = self.v_conv(v)
        down = torch.zeros_like(vertical)
        down[:, :, 1:] = vertical[:, :, :-1]
        gated = self.h_gate(self.h_conv(h) + self.v_to_h(down), condition)
        out = self.h_1x1(gated)
        if not self.first:
            out = out + h
        return self.v_gate(vertical, condition), out, self.skip(gated)


class LocationNet(nn.Module):
    """s = m(h): transposed convolutions, each (channels, kernel, stride, padding), with ReLU between them."""

    def __init__(self, inputs: int, layers: Sequence[tuple[int, int, int, int]]) -> None:
        super().__init__()
        widths = [inputs] + [channels for channels, _, _, _ in layers]
        self.layers = nn.ModuleList(
            nn.ConvTranspose2d(before, channels, kernel, stride, padding)
            for before, (channels, kernel, stride, padding) in zip(widths[:-1], layers, strict=True)
        )

    def forward(self, h: Tensor) -> Tensor:
        for index, layer in enumerate(self.layers):
            h = layer(h if index == 0 else F.relu(h))
        return h


class GatedPixelCNN(nn.Module):
    """Gated PixelCNN over images whose channels are generated in sequence, one group of features for each.

    Args:
        groups: channels of the image, G (1 or 3).
        levels: levels of a channel, L.
        width: features p, a multiple of G.
        repeats: layers after the first one.
        kernel: k, odd.
        head: features of the head's hidden layer; ``None`` is p.
        outputs: logits for each channel; ``None`` is L, and 1 (Bernoulli) for two levels.
        scale: whether the input is scaled to [-1, 1].
        classes: number of classes, for a class condition.
        location: channels of a map condition (a vector is a map of 1 x 1).
        location_layers: its transposed convolutions, each (channels, kernel, stride, padding).
        location_bias: whether the 1 x 1 convolutions of s have a bias.
    """

    def __init__(
        self,
        groups: int,
        levels: int,
        width: int,
        repeats: int,
        kernel: int,
        head: int | None = None,
        outputs: int | None = None,
        scale: bool = True,
        classes: int | None = None,
        location: int | None = None,
        location_layers: Sequence[tuple[int, int, int, int]] = (),
        location_bias: bool = False,
    ) -> None:
        super().__init__()
        if width % groups or kernel % 2 == 0 or (classes is not None and location is not None):
            raise ValueError("width must be a multiple of the groups, the kernel odd, the condition at most one")
        self.levels, self.scale, self.classes = levels, scale, classes
        head = width if head is None else head
        if outputs is None:
            outputs = 1 if levels == 2 else levels
        self.location = None
        maps = None
        if location is not None:
            self.location = LocationNet(location, location_layers)
            maps = location_layers[-1][0] if location_layers else location

        def layer(inputs: int, first: bool) -> Layer:
            return Layer(inputs, width, kernel, groups, first, classes, maps, location_bias)

        self.layers = nn.ModuleList([layer(groups, True)] + [layer(width, False) for _ in range(repeats)])
        self.head_1 = InRowConv2d(width, head, 1, groups, inclusive=True)
        self.head_2 = InRowConv2d(head, groups * outputs, 1, groups, inclusive=True)

    def forward(self, x: Tensor, condition: Tensor | None = None) -> Tensor:
        """Logits ``[B, G * outputs, H, W]`` for ``x`` in 0..L-1, ``[B, G, H, W]``.

        The condition is the classes ``[B]``, or the map h ``[B, C, h, w]`` (or a vector ``[B, C]``).
        """
        dtype = self.head_1.weight.dtype
        x = x.to(dtype)
        if self.scale:
            x = 2 * x / (self.levels - 1) - 1
        if condition is not None and self.classes is not None:
            condition = F.one_hot(condition, self.classes).to(dtype)
        if condition is not None and self.location is not None:
            condition = condition.to(dtype)
            condition = self.location(condition[:, :, None, None] if condition.dim() == 2 else condition)
        v, h = x, x
        skips: list[Tensor] = []
        for layer in self.layers:
            v, h, skip = layer(v, h, condition)
            skips.append(skip)
        total = torch.stack(skips).sum(dim=0)
        return self.head_2(F.relu(self.head_1(F.relu(total))))
