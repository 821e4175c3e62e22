"""Diagonal BiLSTM, a PixelRNN (van den Oord, Kalchbrenner, Kavukcuoglu 2016, "Pixel Recurrent Neural Networks",
sections 3.2 to 3.5, figure 3).

* first: k x k convolution (7 x 7), mask A, to 2h features
* layers (figure 5, right): both directions read 2h features and give h; the right-to-left map is shifted down by one
  row and added to the left-to-right map; 1 x 1 with mask B from h to 2h; plus the layer's input
* head: one or two layers of ReLU and 1 x 1 to f features, then ReLU and 1 x 1 to the logits, all with mask B

A direction, in unskewed terms (the paper skews the map so that a diagonal is a column): the state at (i, j) reads

* the input at (i, j): 1 x 1 with mask B to 4h, which holds the bias
* h at (i - 1, j) and h at the cell before in its row, (i, j - 1) or, right to left, (i, j + 1): the two taps of the
  2 x 1 convolution, in this order, unmasked, without bias
* c at the cell before in its row

``[o, f, i, g] = [sigmoid, sigmoid, sigmoid, tanh]`` of the sum, in this order inside each group. With c' the c of the
cell before, ``c = f * c' + i * g`` and ``h = o * tanh(c)``. The state before the first cell of every row is learned,
one vector for h and one for c, or zero; above the first row h is zero. There are no padding cells, since cells are
visited one after another.

Masks: all groups at earlier positions; at the position itself group g reads j < g under A, j <= g under B.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class MaskedConv2d(nn.Conv2d):
    """A convolution of odd kernel, padded to keep the size, whose weight is multiplied by mask A or B at each call."""

    def __init__(self, inputs: int, outputs: int, kernel: int, groups: int, mask: str) -> None:
        super().__init__(inputs, outputs, kernel, padding=kernel // 2)
        self.mask: Tensor
        self.register_buffer("mask", torch.zeros_like(self.weight), persistent=False)
        o, i = outputs // groups, inputs // groups
        for reader in range(groups):
            for read in range(groups):
                for row in range(kernel):
                    for column in range(kernel):
                        place = (row - kernel // 2, column - kernel // 2)
                        allowed = place < (0, 0)
                        if place == (0, 0):
                            allowed = read < reader or (mask == "B" and read == reader)
                        if allowed:
                            self.mask[reader * o : (reader + 1) * o, read * i : (read + 1) * i, row, column] = 1.0

    def forward(self, input: Tensor) -> Tensor:
        return F.conv2d(input, self.weight * self.mask, self.bias, padding=self.padding)


class Direction(nn.Module):
    """The diagonal LSTM in one direction: 2h features in, h out."""

    def __init__(self, width: int, groups: int, backwards: bool, learned_state: bool) -> None:
        super().__init__()
        self.width, self.groups, self.backwards = width, groups, backwards
        self.input_to_state = MaskedConv2d(2 * width, 4 * width, 1, groups, "B")
        self.state_to_state = nn.Conv2d(width, 4 * width, (2, 1), bias=False)
        self.h0 = nn.Parameter(torch.zeros(width)) if learned_state else None
        self.c0 = nn.Parameter(torch.zeros(width)) if learned_state else None

    def forward(self, x: Tensor) -> Tensor:
        batch, _, height, columns = x.shape
        inputs = self.input_to_state(x)
        from_above, from_beside = self.state_to_state.weight[:, :, 0, 0], self.state_to_state.weight[:, :, 1, 0]
        nothing = x.new_zeros(batch, self.width)
        above = [nothing] * columns
        rows: list[Tensor] = []
        for row in range(height):
            h = nothing if self.h0 is None else nothing + self.h0
            c = nothing if self.c0 is None else nothing + self.c0
            here = list(above)
            for column in reversed(range(columns)) if self.backwards else range(columns):
                gates = inputs[:, :, row, column] + F.linear(above[column], from_above) + F.linear(h, from_beside)
                gates = gates.reshape(batch, self.groups, 4, self.width // self.groups)
                o, f, i, g = (gates[:, :, part].reshape(batch, self.width) for part in range(4))
                c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
                h = torch.sigmoid(o) * torch.tanh(c)
                here[column] = h
            rows.append(torch.stack(here, dim=2))
            above = here
        return torch.stack(rows, dim=2)


class Layer(nn.Module):
    """Both directions, the 1 x 1 and the residual connection. 2h features in and out."""

    def __init__(self, width: int, groups: int, learned_state: bool, skips: bool) -> None:
        super().__init__()
        self.left_to_right = Direction(width, groups, backwards=False, learned_state=learned_state)
        self.right_to_left = Direction(width, groups, backwards=True, learned_state=learned_state)
        self.expand = MaskedConv2d(width, 2 * width, 1, groups, "B")
        self.skip = MaskedConv2d(width, 2 * width, 1, groups, "B") if skips else None

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor | None]:
        backwards = self.right_to_left(x)
        down = torch.zeros_like(backwards)
        down[:, :, 1:] = backwards[:, :, :-1]
        both = self.left_to_right(x) + down
        return x + self.expand(both), None if self.skip is None else self.skip(both)


class DiagonalBiLSTM(nn.Module):
    """Diagonal BiLSTM over images whose channels are generated in sequence, one group of features for each.

    Args:
        groups: channels of the image, G (1 or 3).
        levels: levels of a channel, L.
        width: features h of the LSTMs (2h between them), a multiple of G.
        layers: number of LSTM layers.
        head: features of the head's hidden layer, a multiple of G.
        first_kernel: kernel of the first convolution.
        outputs: logits for each channel; ``None`` is L, and 1 (Bernoulli) for two levels.
        scale: whether the input is scaled to [-1, 1].
        learned_state: whether the state before each row is learned; otherwise it is zero.
        skips: whether every layer has a 1 x 1 connection to the head as well.
        deep_head: whether the head has two hidden layers, as in table 1, rather than one.
    """

    def __init__(
        self,
        groups: int,
        levels: int,
        width: int,
        layers: int,
        head: int,
        first_kernel: int = 7,
        outputs: int | None = None,
        scale: bool = True,
        learned_state: bool = True,
        skips: bool = False,
        deep_head: bool = False,
    ) -> None:
        super().__init__()
        self.levels, self.scale = levels, scale
        if outputs is None:
            outputs = 1 if levels == 2 else levels
        self.first = MaskedConv2d(groups, 2 * width, first_kernel, groups, "A")
        self.layers = nn.ModuleList(Layer(width, groups, learned_state, skips) for _ in range(layers))
        self.head_1 = MaskedConv2d(2 * width, head, 1, groups, "B")
        self.head_middle = MaskedConv2d(head, head, 1, groups, "B") if deep_head else None
        self.head_2 = MaskedConv2d(head, groups * outputs, 1, groups, "B")

    def forward(self, x: Tensor) -> Tensor:
        """Logits ``[B, G * outputs, H, W]`` for ``x`` in 0..L-1, ``[B, G, H, W]``."""
        x = x.to(self.first.weight.dtype)
        if self.scale:
            x = 2 * x / (self.levels - 1) - 1
        features = self.first(x)
        total = 0
        for layer in self.layers:
            features, skip = layer(features)
            total = total if skip is None else total + skip
        hidden = F.relu(self.head_1(F.relu(features + total)))
        if self.head_middle is not None:
            hidden = F.relu(self.head_middle(hidden))
        return self.head_2(hidden)
