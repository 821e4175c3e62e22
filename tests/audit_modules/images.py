"""Small image models with the faults that published implementations were found to have, and their right forms.

Input [B, C, H, W] of floats in -1 .. 1.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

WIDTH = 6


class MaskedConv(nn.Conv2d):
    """Weight times mask. Rows above, and in its own row what is left; the centre by `centre` (A: none, B: included).

    With `groups_of_channels` the centre follows groups: group i reads group j where j < i (A) or j <= i (B).
    """

    def __init__(self, inputs: int, outputs: int, kernel: int, centre: str, groups_of_channels: int = 1) -> None:
        super().__init__(inputs, outputs, kernel, padding=kernel // 2)
        mask = torch.zeros(outputs, inputs, kernel, kernel)
        half = kernel // 2
        mask[:, :, :half] = 1
        mask[:, :, half, :half] = 1
        group_in = torch.arange(inputs) * groups_of_channels // inputs
        group_out = torch.arange(outputs) * groups_of_channels // outputs
        strict = group_in[None] < group_out[:, None]
        mask[:, :, half, half] = (strict if centre == "A" else group_in[None] <= group_out[:, None]).float()
        self.mask = nn.Buffer(mask)

    def forward(self, x: Tensor) -> Tensor:
        return F.conv2d(x, self.weight * self.mask, self.bias, padding=self.padding)


class PixelCNN(nn.Module):
    """One stream of masked convolutions. `second` A repeats the strict mask, which loses R -> G and G -> B."""

    def __init__(self, channels: int = 3, layers: int = 2, second: str = "B", kernel: int = 3) -> None:
        super().__init__()
        torch.manual_seed(0)
        width = 2 * channels * 2
        self.convs = nn.ModuleList([MaskedConv(channels, width, kernel, "A", channels)])
        centres = [second] + ["B"] * (layers - 1)
        self.convs.extend(MaskedConv(width, width, 3, centre, channels) for centre in centres)
        self.out = MaskedConv(width, 2 * channels, 1, "B", channels)

    def forward(self, x: Tensor) -> Tensor:
        for conv in self.convs:
            x = torch.tanh(conv(x))
        return self.out(x)


class GatedPixelCNN(nn.Module):
    """A vertical stack of rows above and a horizontal one.

    fault None: the vertical stack sees its own row in inner layers, and feeds the horizontal one shifted down.
    'own_row_masked': it masks its own row in every layer, which leaves a triangle.
    'first_layer_only': it feeds the horizontal stack in the first layer alone.
    """

    def __init__(self, layers: int = 4, fault: str | None = None) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.fault = fault
        self.layers = layers
        inputs = [1] + [WIDTH] * (layers - 1)
        self.vertical = nn.ModuleList(nn.Conv2d(i, WIDTH, (2, 3)) for i in inputs)
        self.horizontal = nn.ModuleList(nn.Conv2d(i, WIDTH, (1, 2)) for i in inputs)
        self.link = nn.ModuleList(nn.Conv2d(WIDTH, WIDTH, 1) for _ in range(layers))
        self.out = nn.Conv2d(WIDTH, 3, 1)

    def forward(self, x: Tensor) -> Tensor:
        v = h = x
        for layer in range(self.layers):
            if self.fault == "own_row_masked":
                v = torch.tanh(self.vertical[layer](F.pad(v, (1, 1, 2, -1))))
                down = v
            else:
                v = torch.tanh(self.vertical[layer](F.pad(v, (1, 1, 1, 0))))
                down = F.pad(v, (0, 0, 1, -1))
            left = F.pad(h, (2, -1, 0, 0)) if layer == 0 else F.pad(h, (1, 0, 0, 0))
            h = self.horizontal[layer](left)
            if not (self.fault == "first_layer_only" and layer > 0):
                h = h + self.link[layer](down)
            h = torch.tanh(h)
        return self.out(h)


class TwoStacks(nn.Module):
    """Up and down passes of PixelCNN++ without strides. `wrong_stack`:
    the down pass feeds on the u stack throughout."""

    def __init__(self, layers: int = 3, wrong_stack: bool = False) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.layers = layers
        self.wrong_stack = wrong_stack
        self.first_u = nn.Conv2d(1, WIDTH, (2, 3))
        self.first_left = nn.Conv2d(1, WIDTH, (2, 1))
        self.first_above = nn.Conv2d(1, WIDTH, (1, 3))
        self.up_u = nn.ModuleList(nn.Conv2d(WIDTH, WIDTH, (2, 3)) for _ in range(layers))
        self.up_ul = nn.ModuleList(nn.Conv2d(2 * WIDTH, WIDTH, (2, 2)) for _ in range(layers))
        self.down_u = nn.ModuleList(nn.Conv2d(2 * WIDTH, WIDTH, (2, 3)) for _ in range(layers))
        self.down_ul = nn.ModuleList(nn.Conv2d(3 * WIDTH, WIDTH, (2, 2)) for _ in range(layers))
        self.out = nn.Conv2d(WIDTH, 4, 1)

    def forward(self, x: Tensor) -> Tensor:
        u = F.pad(self.first_u(F.pad(x, (1, 1, 1, 0))), (0, 0, 1, -1))
        above = F.pad(self.first_above(F.pad(x, (1, 1, 0, 0))), (0, 0, 1, -1))
        left = F.pad(self.first_left(F.pad(x, (0, 0, 1, 0))), (1, -1, 0, 0))
        us, uls = [u], [above + left]
        for layer in range(self.layers):
            u = torch.tanh(self.up_u[layer](F.pad(us[-1], (1, 1, 1, 0))))
            joined = torch.cat([uls[-1], u], 1)
            us.append(u)
            uls.append(torch.tanh(self.up_ul[layer](F.pad(joined, (1, 0, 1, 0)))))
        u = us.pop()
        ul = uls.pop()
        if self.wrong_stack:
            ul = u
        for layer in range(self.layers):
            skip_u, skip_ul = us.pop(), uls.pop()
            u = torch.tanh(self.down_u[layer](F.pad(torch.cat([u, skip_u], 1), (1, 1, 1, 0))))
            if self.wrong_stack:
                skip_ul = skip_u
            joined = torch.cat([ul, u, skip_ul], 1)
            ul = torch.tanh(self.down_ul[layer](F.pad(joined, (1, 0, 1, 0))))
        return self.out(ul)


class Snail(nn.Module):
    """Strict attention over the image between convolutions, in two blocks.

    The first position may attend to nothing. `zeroed` gives it zeros; without it a mask of -1e10 leaves a softmax
    that is even over the whole image.
    """

    def __init__(self, zeroed: bool = False) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.zeroed = zeroed
        self.stem = MaskedConv(1, WIDTH, 3, "A")
        self.convs = nn.ModuleList(MaskedConv(WIDTH, WIDTH, 3, "B") for _ in range(2))
        self.heads = nn.ModuleList(nn.Conv2d(WIDTH, 3 * WIDTH, 1) for _ in range(2))
        self.raw = nn.Conv2d(1, WIDTH, 1)
        self.out = nn.Conv2d(WIDTH, 3, 1)

    def forward(self, x: Tensor) -> Tensor:
        f = self.stem(x)
        sites = x.shape[2] * x.shape[3]
        earlier = torch.tril(torch.ones(sites, sites, dtype=x.dtype), -1)
        for conv, heads in zip(self.convs, self.heads, strict=True):
            f = torch.tanh(conv(f))
            q, k, v = heads(f).flatten(2).chunk(3, 1)
            v = v + self.raw(x).flatten(2)  # keys and values may see their own pixel: the mask is strict
            scores = torch.einsum("bcq,bck->bqk", q, k) / WIDTH**0.5
            weights = (scores * earlier - 1e10 * (1 - earlier)).softmax(-1)
            if self.zeroed:
                weights = weights * earlier
            f = f + torch.einsum("bqk,bck->bcq", weights, v).reshape(f.shape)
        return self.out(f)


class StemThenAttention(nn.Module):
    """Inclusive attention over the features of a strict 3x3 convolution: a row's last pixel reaches the start of the
    next row through no one."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.stem = MaskedConv(1, WIDTH, 3, "A")
        self.heads = nn.Conv2d(WIDTH, 3 * WIDTH, 1)
        self.out = nn.Conv2d(WIDTH, 3, 1)

    def forward(self, x: Tensor) -> Tensor:
        f = torch.tanh(self.stem(x))
        q, k, v = (part.transpose(1, 2) for part in self.heads(f).flatten(2).chunk(3, 1))
        read = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.out(f + read.transpose(1, 2).reshape(f.shape))


class DiagonalLSTM(nn.Module):
    """Both directions of a diagonal recurrence (a tanh cell for brevity) on the skewed map.

    fault None: the state at (i, j) reads (i, j - 1) and (i - 1, j), mirrored for the other direction, whose output is
    shifted down by one row. 'same_padding': the 2x1 state convolution looks one row down instead of up.
    'zeros_below': the mirrored map is not shifted, and its last row is zeros.
    """

    def __init__(self, fault: str | None = None) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.fault = fault
        self.stem = MaskedConv(1, WIDTH, 3, "A")
        self.inputs = nn.ModuleList(nn.Conv2d(WIDTH, WIDTH, 1) for _ in range(2))
        self.own = nn.ModuleList(nn.Conv1d(WIDTH, WIDTH, 1) for _ in range(2))
        self.other = nn.ModuleList(nn.Conv1d(WIDTH, WIDTH, 1) for _ in range(2))
        self.out = nn.Conv2d(WIDTH, 3, 1)

    def run(self, x: Tensor, direction: int) -> Tensor:
        height, width = x.shape[2:]
        x = self.inputs[direction](x)
        state = torch.zeros_like(x[..., 0])
        columns = []
        for step in range(height + width - 1):
            j = step - torch.arange(height)  # column of the plain map that each row of the skewed one has here
            inside = ((j >= 0) & (j < width)).to(x.dtype)
            now = x[:, :, torch.arange(height), j.clamp(0, width - 1)]
            rows = F.pad(state, (-1, 1)) if self.fault == "same_padding" else F.pad(state, (1, -1))
            state = torch.tanh(now + self.own[direction](state) + self.other[direction](rows)) * inside
            columns.append(state)
        skewed = torch.stack(columns, -1)
        return torch.stack([skewed[:, :, i, i : i + width] for i in range(height)], 2)

    def forward(self, x: Tensor) -> Tensor:
        f = self.stem(x)
        rightwards = self.run(f, 0)
        leftwards = self.run(f.flip(3), 1).flip(3)
        if self.fault == "zeros_below":
            leftwards = F.pad(leftwards[:, :, :-1], (0, 0, 0, 1))
        else:
            leftwards = F.pad(leftwards, (0, 0, 1, -1))
        return self.out(rightwards + leftwards)


class Vertical(nn.Module):
    """Joint channels: two convolutions over whole rows above; the output has no channel axis."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.conv = MaskedConv(3, WIDTH, 3, "A")
        self.out = MaskedConv(WIDTH, 5, 3, "B")

    def forward(self, x: Tensor) -> Tensor:
        return self.out(torch.tanh(self.conv(x)))
