"""Convolutions by Fourier transforms: labels are those of the convolution in time, found by exhaustive perturbation."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.fft import fft, ifft, irfft, rfft

from tests.shadow_brute import read

STEPS = 6
START = torch.linspace(0.3, 1.0, STEPS, dtype=torch.float64)
FILTER = torch.linspace(1.0, 2.0, STEPS, dtype=torch.float64)
WIDE = torch.linspace(1.0, 2.0, 3 * STEPS, dtype=torch.float64).reshape(3, STEPS)


def padded(x: Tensor) -> Tensor:
    return irfft(rfft(x, 12) * rfft(FILTER, 12), 12)[..., :STEPS]


def circular(x: Tensor) -> Tensor:
    return irfft(rfft(x, 6) * rfft(FILTER, 6), 6)


def padded_too_little(x: Tensor) -> Tensor:
    return irfft(rfft(x, 9) * rfft(FILTER, 9), 9)[..., :STEPS]


def both_from_data(x: Tensor) -> Tensor:
    return irfft(rfft(x.tanh(), 12) * rfft(x.flip(0)[:2], 12), 12)[..., :STEPS]


def complex_numbers(x: Tensor) -> Tensor:
    return ifft(fft(x.to(torch.complex128), 12) * fft(FILTER, 12), 12)[..., :STEPS].real


def scaled_and_twice(x: Tensor) -> Tensor:
    return irfft(2 * rfft(x, 20) * (rfft(FILTER, 20) / 20) * rfft(FILTER[:3], 20), 20)[..., :STEPS]


def of_channels(x: Tensor) -> Tensor:
    spectrum = torch.einsum("bl,hl->bhl", rfft(x[None], 12), rfft(WIDE, 12))
    return irfft(spectrum, 12)[..., :STEPS].sum(1)


def along_the_first_axis(x: Tensor) -> Tensor:
    return irfft((rfft(x[:, None], 12, 0) * rfft(WIDE.T, 12, 0)).transpose(0, 1), 12, 1)[:, :STEPS].sum(0)


def a_filter_of_frequencies(x: Tensor) -> Tensor:
    return irfft(rfft(x, 12) * torch.linspace(1, 2, 7), 12)[..., :STEPS]


def written_over(x: Tensor) -> Tensor:
    spectrum = rfft(x, 12) * rfft(FILTER, 12)
    spectrum[1] += spectrum[2] * 0.5
    return irfft(spectrum, 12)[..., :STEPS]


def another_length(x: Tensor) -> Tensor:
    return irfft(rfft(x, 12) * rfft(FILTER, 12), 10)[..., :STEPS]


def correlated(x: Tensor) -> Tensor:
    return irfft(rfft(x, 12) * rfft(FILTER, 12).conj(), 12)[..., :STEPS]


EXACT = [padded, circular, padded_too_little, both_from_data, complex_numbers, scaled_and_twice, of_channels,
         along_the_first_axis, correlated]  # fmt: skip
NO_LESS = [a_filter_of_frequencies, written_over, another_length]


def moved(run: Callable[[Tensor], Tensor]) -> Tensor:
    """[outputs, inputs]: what moves what, by more than rounding."""
    rows = [(run(START + 0.5 * one) - run(START)).abs() > 1e-9 for one in torch.eye(STEPS, dtype=START.dtype)]
    return torch.stack([row.reshape(-1) for row in rows], 1)


@pytest.mark.parametrize("run", EXACT, ids=lambda run: run.__name__)
def test_labels_are_those_of_the_convolution(run: Callable[[Tensor], Tensor]):
    assert torch.equal(read(run, [START])[0], moved(run))


@pytest.mark.parametrize("run", NO_LESS, ids=lambda run: run.__name__)
def test_what_is_no_such_convolution_reads_no_less_than_it_does(run: Callable[[Tensor], Tensor]):
    assert not (moved(run) & ~read(run, [START])[0]).any()
