"""LeakBench: small torch modules, each of a kind that was publicly reported as faulty, and a mended twin of each.

A case is a folder NAME with `faulty.py` and `mended.py`, which differ in at most five lines and have `build()`. In the
faulty one a comment `# leak` stands at the line where a position first learns what it must not, or where the two ways
of computing one thing part. The modules were written before the rules that find them.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType, ModuleType
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from torch import nn

ROOT = Path(__file__).parent
MARK = "# leak"

Mode = Literal[
    "evaluation", "training", "lengths", "batch", "variants", "cache", "padding", "documents", "forbid", "sampler"
]
Twin = Literal["faulty", "mended"]


@dataclass(frozen=True)
class Case:
    """One kind of leak, and how its modules are audited.

    `report`: what was reported in public, in one line; `seen`: a thread that tells of it, where one was read.
    `mode`: where the leak shows. `input` to `kind` are arguments of the audit. `convention`: what the module offers
    beside its plain call (a keyword, a method). `variants`: arguments of `build`. `forbid`: the forbidden pairs of a
    length. `path`: the part of the module that the witness names beside the line. `given_route`: the mended twin is
    proven with the route given.
    """

    name: str
    report: str
    mode: Mode = "evaluation"
    seen: str = ""
    input: str = "b t"
    output: str = "b t k"
    size: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({"t": 16}))
    levels: int = 8
    offset: int = 1
    order: tuple[int, ...] | None = None
    take: str | int | None = None
    kind: Literal["int", "float"] = "int"
    convention: str = ""
    variants: Mapping[str, Mapping[str, Any]] = field(default_factory=lambda: MappingProxyType({}))
    forbid: Callable[[int], NDArray[np.bool_]] | None = None
    given_route: bool = False
    path: str = ""

    @property
    def title(self) -> str:
        """The kind in words: its name."""
        return self.name.replace("_", " ")

    def file(self, twin: Twin) -> Path:
        """The file of the faulty or of the mended module."""
        return ROOT / self.name / f"{twin}.py"

    def build(self, twin: Twin, **options: Any) -> nn.Module:
        """The faulty or the mended module, new at each call."""
        return load(self.file(twin)).build(**options)

    @property
    def line(self) -> int:
        """The number of the marked line of `faulty.py`, from 1."""
        lines = self.file("faulty").read_text().splitlines()
        marked = [number for number, line in enumerate(lines, 1) if line.endswith(MARK)]
        assert len(marked) == 1, f"{self.name} has {len(marked)} marked lines"
        return marked[0]


def load(path: Path) -> ModuleType:
    """The module of a file, imported anew."""
    spec = importlib.util.spec_from_file_location(f"leakbench_{path.parent.name}_{path.stem}", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _tokens(name: str, report: str, mode: Mode = "evaluation", **options: Any) -> Case:
    """Tokens [b, t] to logits [b, t, k] of the next token."""
    return Case(name, report, mode, **options)


def _series(name: str, report: str, mode: Mode = "evaluation", **options: Any) -> Case:
    """Floats [b, t] in -1 .. 1 to parameters [b, t, k] of the next step."""
    return Case(name, report, mode, kind="float", **options)


def _image(name: str, report: str, colours: int = 1, output: str = "b k h w", **options: Any) -> Case:
    """Floats [b, c, h, w] in raster order; an output speaks of its own pixel."""
    size = MappingProxyType({"c": colours, "h": 5, "w": 5} if colours == 1 else {"c": colours, "h": 4, "w": 4})
    return Case(name, report, kind="float", input="b c h w", output=output, size=size, levels=4, offset=0, **options)


def _later_beyond_prefix(t: int) -> NDArray[np.bool_]:
    """[output, input]: what comes later, but for the six variables of the prefix among themselves."""
    place = np.arange(t)
    return (place[None] > place[:, None]) & ~((place[None] < 6) & (place[:, None] < 6))


def _other_candidate(t: int) -> NDArray[np.bool_]:
    """[output, input]: what comes later, and the candidate (4 .. 9, 10 .. 15) that the output is not of."""
    place = np.arange(t)
    candidate = (place - 4) // 6
    other = (candidate[None] != candidate[:, None]) & (place[None] >= 4) & (place[:, None] >= 4)
    return (place[None] > place[:, None]) | other


_SHORT: Mapping[str, int] = MappingProxyType({"t": 4})
_TEN: Mapping[str, int] = MappingProxyType({"t": 10})
_GITHUB = "https://github.com/"

CASES: tuple[Case, ...] = (
    # Attention and its masks
    _tokens("mask_inverted", "a boolean mask is read the other way round: True where others mean False"),
    _tokens(
        "layer_three_of_ten",
        "one layer of many has its causal mask one diagonal too far to the right",
        path="layers.3",
    ),
    _tokens("softmax_over_queries", "the softmax of attention runs over queries, where keys are meant"),
    _tokens("mask_multiplied_before", "scores are multiplied by a mask of zeros, which a softmax does not ignore"),
    _tokens("mask_after_softmax", "the mask comes after the softmax, so that its denominator has seen every later key"),
    _tokens(
        "mask_too_small",
        "the constant of the mask is too small to mask: later keys keep a share of the weight",
        seen=_GITHUB + "nntrainer/nntrainer/issues/4333",
    ),
    _image(
        "masked_whole_row",
        "a row whose keys are all masked by a finite constant gives an even softmax over the whole image",
    ),
    _tokens(
        "topk_before_mask",
        "an indexer picks its best keys before the causal mask, so that later keys crowd out earlier ones",
        seen=_GITHUB + "deepseek-ai/DeepGEMM/issues/209",
    ),
    _tokens(
        "global_token", "a token that all others read itself reads all others, so that two layers join all with all"
    ),
    _tokens(
        "prefix_too_wide",
        "the part of a prefix that is read in both directions is one token longer than the prefix",
        "forbid",
        offset=0,
        forbid=_later_beyond_prefix,
    ),
    _tokens(
        "candidates_in_one_row",
        "candidates that share a context in one row (a tree of drafts, answers to rank) read one another",
        "forbid",
        offset=0,
        forbid=_other_candidate,
    ),
    _tokens("blocks_off_by_one", "the mask inside a block of block-sparse attention is off by one"),
    _tokens("heads_reshaped", "features are split into heads by a reshape without a transpose, which mixes the steps"),
    _tokens("cross_attention_unmasked", "cross-attention to states of the same sequence has no mask"),
    _tokens("encoder_mask_forgotten", "torch's encoder layers serve as a decoder, and their mask is not handed on"),
    _tokens(
        "linear_attention_normaliser",
        "the numerator of linear attention is causal, and its normaliser sums over the whole sequence",
    ),
    # Routes: experts, depths, capacities
    _tokens(
        "expert_choice",
        "experts choose their tokens among the whole sequence",
        seen=_GITHUB + "piotrpiekos/MoSA/issues/3",
    ),
    _tokens(
        "mixture_of_depths",
        "the best tokens of the whole sequence pass through a block",
        seen=_GITHUB + "sramshetty/mixture-of-depths/pull/4",
    ),
    _tokens(
        "capacity_by_batch",
        "the places of an expert are counted over the batch, so that examples push each other out",
        "batch",
    ),
    _tokens(
        "capacity_by_length",
        "the capacity of an expert grows with the length, so that a prefix has another route",
        "lengths",
    ),
    _tokens(
        "experts_unsorted",
        "tokens that were sorted by expert are put back by the order itself, not by its inverse",
        given_route=True,
    ),
    _tokens(
        "expert_statistics",
        "an expert centres the tokens that chose it by their common mean",
        given_route=True,
    ),
    # Norms, pools, ranges
    _series(
        "group_norm_over_time",
        "a norm in a causal network takes its statistics over all steps",
        seen=_GITHUB + "espnet/espnet/issues/5900",
    ),
    _series(
        "scale_by_window",
        "a series is normalised by the statistics of a window that holds what is to be forecast",
        seen=_GITHUB + "shiyu-coder/Kronos/issues/228",
    ),
    _series(
        "batch_norm", "batch norm holds in evaluation, and in training takes statistics over all steps", "training"
    ),
    _series(
        "squeeze_excite",
        "channels are gated by a mean over all steps",
        seen=_GITHUB + "exercise-book-yq/Supercodec/issues/4",
    ),
    _series(
        "quantised_by_tensor",
        "activations are quantised by the range of the whole tensor, which later steps set",
        seen=_GITHUB + "NVIDIA/TransformerEngine/issues/3248",
    ),
    # Convolutions, shifts, resampling
    _series(
        "chomp_too_little",
        "a convolution that is padded on both sides is cut in the middle, not at the end",
    ),
    _series(
        "transposed_crop",
        "the output of a transposed convolution is cut at its start, not at its end",
        seen=_GITHUB + "alibabasglab/FRCRN/issues/4",
    ),
    _image("circular_columns", "columns are padded circularly, so that the first pixel of a row sees the last"),
    _series("even_kernel", "the mask of an even kernel takes half its width for its centre", offset=0),
    _series("rolled_history", "a shift by roll brings the last step to the first place", offset=0),
    _series("token_shift_forward", "the shift of a token-shift mix goes the wrong way"),
    _series(
        "pooled_then_repeated",
        "steps are pooled in pairs, and the first of a pair is given the pair's value",
        seen=_GITHUB + "lucidrains/magvit2-pytorch/pull/27",
    ),
    _series("linear_upsampling", "linear interpolation between coarse steps reads the next coarse step"),
    # Images, orders
    _image(
        "mask_a_colours",
        "the mask of the first layer lets a colour see itself at its own pixel",
        colours=3,
        output="b (c k) h w",
    ),
    _image(
        "first_mask_b",
        "the first layer has the mask of the later ones, which holds the pixel itself",
        path="0",
    ),
    _image("stack_without_shift", "the stack that sees whole rows feeds the other without a shift by one row"),
    _series(
        "order_inverse",
        "an order of generation is undone by the order itself, not by its inverse",
        size=_TEN,
        offset=0,
        order=(2, 7, 5, 0, 9, 3, 8, 1, 6, 4),
    ),
    _series(
        "made_degrees",
        "the last mask of a MADE lets an output see hidden units of its own degree",
        size=MappingProxyType({"t": 12}),
        output="b t",
        offset=0,
        levels=2,
    ),
    # Recurrences, scans, long convolutions
    _tokens("bidirectional_rnn", "a recurrent layer is bidirectional by a flag"),
    _tokens("triangular_solve", "the triangular system of a delta rule is solved with the other triangle"),
    _series(
        "fft_circular",
        "a convolution by FFT without padding is circular: the end wraps around to the start",
        seen=_GITHUB + "karpathy/nanochat/issues/844",
    ),
    _series(
        "filter_by_length",
        "a long filter is a function of place divided by length, so that a prefix has another filter",
        "lengths",
    ),
    _series(
        "chunk_summary",
        "the mean of a chunk is given to all of its steps",
        seen=_GITHUB + "karpathy/nanochat/issues/844",
    ),
    _tokens("chunk_state_inclusive", "the state that enters a chunk already holds the chunk"),
    _tokens(
        "chunks_from_the_end",
        "a length that the chunk does not divide is padded at the start, so that chunks lie elsewhere in a prefix",
        "lengths",
    ),
    _series("zero_phase_filter", "a series is smoothed forward and backward, as offline filters do"),
    _series("complex_kernel", "a kernel over lags takes their absolute value"),
    # How data flow
    _series("value_read_by_python", "Python branches on a sum over the whole input"),
    _series("noise_seeded_by_data", "a generator of noise is seeded by the sum of the input"),
    _series("inplace_view", "a write in place through a view adds the next step to this one"),
    _tokens("flag_cumsum_reversed", "segments are numbered by a running count of a separator from the end"),
    _series("residual_around_shift", "a residual connection goes around the shift that makes a block causal", offset=0),
    _series("detached_lookahead", "features of the next step come in as a copy without gradient"),
    _series("behind_zero_gate", "a branch that looks ahead is hidden by a gate that starts at zero"),
    _series("custom_function", "a function with a backward of its own sums from the wrong end in its forward"),
    _series("codes_of_pairs", "a vector quantiser codes pairs of steps, and the first of a pair is given the code"),
    _series("join_to_next", "features of another clock are joined to the first row after a step, not the last before"),
    _series(
        "patch_without_shift", "steps are modelled in patches, and a patch is an input to its own outputs", offset=0
    ),
    _series(
        "own_event",
        "the likelihood of an event is computed from a state that has seen the event",
        offset=0,
        seen=_GITHUB + "SimiaoZuo/Transformer-Hawkes-Process/issues/10",
    ),
    _tokens(
        "label_as_input",
        "the targets, which training hands over, are an input to the outputs that speak of them",
        offset=0,
        convention="targets",
    ),
    _tokens("offset_one_head", "outputs are moved to the next step, although the loss moves its targets as well"),
    _tokens(
        "multi_token_head",
        "the head for the token after the next is given one token too many",
        offset=2,
        take=1,
    ),
    # Training, batches, implementations
    _tokens("training_path", "the mask depends on the mode, and is missing in training", "training"),
    _tokens(
        "batch_first_forgotten", "a recurrent layer takes the batch for time, since batch_first is not set", "batch"
    ),
    _tokens("batch_time_view", "the axes of batch and time are exchanged by a view, not by a transpose", "batch"),
    _tokens(
        "backend_without_mask",
        "one of two implementations of attention has no mask",
        "variants",
        variants=MappingProxyType({"fused": MappingProxyType({"attention": "fused"})}),
    ),
    # Cached decoding
    _tokens(
        "cache_rotary_offset",
        "rotary angles start at zero again when decoding goes on from a cache",
        "cache",
        convention="past_key_values",
        seen=_GITHUB + "lucidrains/rotary-embedding-torch/issues/11",
    ),
    _tokens(
        "cache_window_lost",
        "the cache of a sliding window keeps one token too few",
        "cache",
        convention="past_key_values",
        seen=_GITHUB + "ml-explore/mlx-lm/pull/390",
    ),
    _tokens(
        "cache_chunked_prefill",
        "the causal mask of fewer queries than keys is aligned at the wrong corner",
        "cache",
        convention="past_key_values",
        seen=_GITHUB + "pytorch/pytorch/issues/144858",
    ),
    _series(
        "cache_queue_off_by_one", "the queue of a dilated convolution is one step too short", "cache", convention="step"
    ),
    _series(
        "cache_token_shift",
        "step by step, the last token of a token shift is not the one that is kept",
        "cache",
        convention="step",
        seen=_GITHUB + "ggml-org/llama.cpp/pull/11445",
    ),
    _tokens(
        "cache_short_prefill",
        "a prompt that is shorter than the kernel fills the state of a convolution from the wrong side",
        "cache",
        convention="past_key_values",
    ),
    _tokens(
        "cache_unequal_rows",
        "places in decoding are counted from the width of the cache, where rows are padded",
        "cache",
        convention="past_key_values, attention_mask",
    ),
    # Padding
    _tokens(
        "padding_positions",
        "places are counted from the start of the row, also where it starts with padding",
        "padding",
        convention="attention_mask",
        seen=_GITHUB + "huggingface/transformers/issues/22707",
    ),
    _tokens("padding_ignored", "attention reads the tokens of padding", "padding", convention="attention_mask"),
    _tokens(
        "padding_through_conv",
        "padding is masked after a convolution, which has carried it into real tokens",
        "padding",
        convention="attention_mask",
        seen=_GITHUB + "huggingface/transformers/pull/46773",
    ),
    _tokens(
        "padding_replaces_causal",
        "a mask of padding takes the place of the causal mask",
        "padding",
        convention="attention_mask",
    ),
    # Packed documents
    _tokens(
        "documents_attention",
        "attention reads the documents before in a packed row",
        "documents",
        convention="documents",
    ),
    _tokens(
        "documents_convolution",
        "a convolution reads across the border of two documents",
        "documents",
        convention="documents",
        seen=_GITHUB + "huggingface/transformers/pull/46588",
    ),
    _tokens(
        "documents_state",
        "a recurrent state goes on into the next document",
        "documents",
        convention="documents",
        seen=_GITHUB + "PrimeIntellect-ai/prime-rl/issues/3000",
    ),
    _tokens("documents_positions", "places are counted on through a packed row", "documents", convention="documents"),
    # Lengths
    _tokens("log_length_scaling", "scores are scaled by the length of the whole sequence", "lengths"),
    # Samplers
    _tokens(
        "sampler_stale",
        "the sampler conditions on tokens that are not those before",
        "sampler",
        convention="sample",
        size=_SHORT,
        levels=4,
        offset=0,
    ),
    _tokens(
        "sampler_temperature",
        "the sampler draws at another temperature than the one that is scored",
        "sampler",
        convention="sample",
        size=_SHORT,
        levels=4,
        offset=0,
    ),
)
