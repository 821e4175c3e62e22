"""Operators that a trace knows by name: what they draw, fill or leave empty, and whose shape depends on values."""

from __future__ import annotations

# Operators that draw as many numbers as data say: later draws depend on those data.
DRAWS = {"_standard_gamma", "_sample_dirichlet", "poisson", "binomial", "rrelu_with_noise", "rrelu_with_noise_"}
SHAPES = {
    "index": "indices",
    "masked_select": "mask",
    "repeat_interleave": "repeats",
    "_pack_padded_sequence": "lengths",
    "_nested_tensor_from_mask": "mask",
}
EMPTY = {"empty", "empty_like", "new_empty", "empty_strided", "new_empty_strided", "empty_permuted"}
# Operators that write to memory without reading what stood there.
FILLS = {"copy_", "fill_", "zero_", "index_put_", "_index_put_impl_", "scatter_", "index_copy_", "index_fill_"} | {
    "masked_fill_",
    "masked_scatter_",
    "set_",
    "resize_",
    "bernoulli_",
    "cauchy_",
    "exponential_",
    "geometric_",
    "log_normal_",
    "normal_",
    "random_",
    "uniform_",
}
