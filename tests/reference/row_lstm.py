"""Row LSTM, a PixelRNN (van den Oord, Kalchbrenner, Kavukcuoglu 2016, "Pixel Recurrent Neural Networks", sections 3.1,
3.3 to 3.5, equation 3).

* first: k x k convolution (7 x 7), mask A, to 2h features
* layers (figure 5, right): the LSTM reads 2h features and gives h; 1 x 1 with mask B from h to 2h; plus the layer's
  input
* head: one or two layers of ReLU and 1 x 1 to f features, then ReLU and 1 x 1 to the logits, all with mask B

The LSTM goes down the rows, a whole row at once:

* ``[o, f, i, g] = [sigmoid, sigmoid, sigmoid, tanh](K_ss * h_{i-1} + K_is * x_i)``, in this order inside each group
* ``c_i = f * c_{i-1} + i * g``; ``h_i = o * tanh(c_i)``
* K_is: k x 1 along the row, mask B; it holds the bias
* K_ss: k x 1 along the row over the previous row, unmasked, zeros beyond the row's ends

The state of the row above the image is learned, one vector for h and one for c, the same in every column, or zero.
Masks: all groups at earlier positions; at the position itself group g reads j < g under A, j <= g under B.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class MaskedConv2d(nn.Conv2d):
    """A convolution of odd kernel, padded to keep the size, whose weight is multiplied by mask A or B at each call."""

    def __init__(self, inputs: int, outputs: int, kernel: tuple[int, int], groups: int, mask: str) -> None:
        rows, columns = kernel
        super().__init__(inputs, outputs, kernel, padding=(rows // 2, columns // 2))
        self.mask: Tensor
        self.register_buffer("mask", torch.zeros_like(self.weight), persistent=False)
        o, i = outputs // groups, inputs // groups
        for reader in range(groups):
            for read in range(groups):
                for row in range(rows):
                    for column in range(columns):
                        place = (row - rows // 2, column - columns // 2)
                        allowed = place < (0, 0)
                        if place == (0, 0):
                            allowed = read < reader or (mask == "B" and read == reader)
                        if allowed:
                            self.mask[reader * o : (reader + 1) * o, read * i : (read + 1) * i, row, column] = 1.0

    def forward(self, input: Tensor) -> Tensor:
        return F.conv2d(input, self.weight * self.mask, self.bias, padding=self.padding)


class Layer(nn.Module):
    """The LSTM, its 1 x 1 and the residual connection. 2h features in and out."""

    def __init__(self, width: int, kernel: int, groups: int, learned_state: bool, skips: bool) -> None:
        super().__init__()
        self.width, self.groups = width, groups
        self.input_to_state = MaskedConv2d(2 * width, 4 * width, (1, kernel), groups, "B")
        self.state_to_state = nn.Conv2d(width, 4 * width, (1, kernel), padding=(0, kernel // 2), bias=False)
        self.h0 = nn.Parameter(torch.zeros(width)) if learned_state else None
        self.c0 = nn.Parameter(torch.zeros(width)) if learned_state else None
        self.expand = MaskedConv2d(width, 2 * width, (1, 1), groups, "B")
        self.skip = MaskedConv2d(width, 2 * width, (1, 1), groups, "B") if skips else None

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor | None]:
        batch, _, height, columns = x.shape
        inputs = self.input_to_state(x)
        h = x.new_zeros(batch, self.width, 1, columns)
        c = x.new_zeros(batch, self.width, 1, columns)
        if self.h0 is not None and self.c0 is not None:
            h = h + self.h0[None, :, None, None]
            c = c + self.c0[None, :, None, None]
        rows: list[Tensor] = []
        for row in range(height):
            gates = inputs[:, :, row : row + 1] + self.state_to_state(h)
            gates = gates.reshape(batch, self.groups, 4, self.width // self.groups, 1, columns)
            o, f, i, g = (gates[:, :, part].reshape(h.shape) for part in range(4))
            c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
            h = torch.sigmoid(o) * torch.tanh(c)
            rows.append(h)
        states = torch.cat(rows, dim=2)
        return x + self.expand(states), None if self.skip is None else self.skip(states)


class RowLSTM(nn.Module):
    """Row LSTM over images whose channels are generated in sequence, one group of features for each.

    Args:
        groups: channels of the image, G (1 or 3).
        levels: levels of a channel, L.
        width: features h of the LSTMs (2h between them), a multiple of G.
        layers: number of LSTM layers.
        head: features of the head's hidden layer, a multiple of G.
        kernel: k of both convolutions of the LSTM, odd.
        first_kernel: kernel of the first convolution.
        outputs: logits for each channel; ``None`` is L, and 1 (Bernoulli) for two levels.
        scale: whether the input is scaled to [-1, 1].
        learned_state: whether the state above the first row is learned; otherwise it is zero.
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
        kernel: int = 3,
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
        self.first = MaskedConv2d(groups, 2 * width, (first_kernel, first_kernel), groups, "A")
        self.layers = nn.ModuleList(Layer(width, kernel, groups, learned_state, skips) for _ in range(layers))
        self.head_1 = MaskedConv2d(2 * width, head, (1, 1), groups, "B")
        self.head_middle = MaskedConv2d(head, head, (1, 1), groups, "B") if deep_head else None
        self.head_2 = MaskedConv2d(head, groups * outputs, (1, 1), groups, "B")

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
