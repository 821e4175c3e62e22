"""Makes a configuration of transformers tiny: every size that its keys name becomes as small as it can usefully be.

A size keeps what makes a model special: grouped heads stay grouped, every kind of layer stays in, a window is shorter
than what is audited. No number is raised above its default.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, cast

LENGTH = 48  # tokens of an audit: windows, chunks and blocks are shorter
VOCABULARY = 96
HEADS, GROUPED, HEAD, WIDTH, INNER = 4, 2, 8, 32, 48
POSITIONS = 512
KINDS = 6  # kinds of layers that are kept at most

_Size = int | Callable[[int, Mapping[str, Any]], int]
_HEADS = ("num_attention_heads", "n_head", "n_heads", "num_heads", "decoder_attention_heads")
_LAYERS = ("num_hidden_layers", "n_layer", "n_layers", "num_layers", "num_blocks", "decoder_layers")


def _grouped(value: int, beside: Mapping[str, Any]) -> int:
    """Key and value heads: as many as heads, one, or between."""
    heads = next((beside[name] for name in _HEADS if isinstance(beside.get(name), int)), None)
    return HEADS if value == heads else 1 if value == 1 else GROUPED


def _values(value: int, beside: Mapping[str, Any]) -> int:
    """Value heads of linear attention, which may be twice as many as its key heads."""
    return 2 * HEADS if value > beside.get("linear_num_key_heads", value) else HEADS


SIZES: list[tuple[str, _Size]] = [
    (r"(unpadded_|decoder_|audio_)?vocab_size(_per_layer_input)?", VOCABULARY),
    (r"type_vocab_size|task_type_vocab_size", 2),
    (r"\w+_vocab_size|\w*codebook_size|num_centroids|encoder_hash_byte_group_vocab|ngram_vocab_size_base", VOCABULARY),
    (r"index(er)?_n_heads", 4 * HEADS),  # with few heads many scores are 0, and which of equals is chosen is chance
    (r"mamba_n_heads|mamba_num_heads|n_mamba_heads", 2 * HEADS),
    (r"num_heads", lambda _, beside: 2 * HEADS if "expand" in beside else HEADS),  # state spaces expand twofold
    (r"\w*(num_key_value_heads|num_kv_heads|kv_n_heads|num_query_groups|indexer_kv_heads)", _grouped),
    (r"\w*(num_attention_heads|num_heads|n_heads?|attention_heads|num_key_heads)", HEADS),
    (r"\w*num_value_heads", _values),
    (r"\w*head_dim|d_head|dim_head|\w*headdim|attention_head_size|kv_channels|rotary_dim|\w*_d_head", HEAD),
    (r"(\w*_)?hidden_size(_global)?|d_model|n_embd|embed_dim|embedding_size|embedding_dim|emb_dim|lru_width", WIDTH),
    (r"word_embed_proj_dim|dim_model_base|(input_|output_)?embedding_size|\w*_embed_dim|input_feat_size", WIDTH),
    (r"\w*intermediate_size\w*|\w*ffn_dim|d_inner|n_inner|dff|dim_ff|mlp_dim|\w*ffn_hidden_size", INNER),
    (r"feed_forward_size", INNER),
    (r"mamba_d_ssm", 2 * WIDTH),
    ("|".join((*_LAYERS, "num_decoder_layers")), 2),
    (r"encoder_layers|num_encoder_layers|conf_num_hidden_layers|\w*num_mel_attn_blocks|depth", 2),
    (r"num_experts|\w*num_local_experts|n_routed_experts|moe_num_experts", 4),
    (r"num_experts_per_tok(en)?|moe_top_?k|moe_k|top_k_experts", 2),
    (r"n_shared_experts|num_shared_experts|moe_num_shared_experts|zero_expert_num", 1),
    (r"n_group|num_expert_group|topk_group", 2),
    (r"first_k_dense_replace|num_dense_layers|num_nextn_predict_layers|num_kv_shared_layers", 1),
    (r"\w*(lora|laurel|dt|time_step|gate|adapter|norm)_(rank|lowrank)|hc_lowrank", 16),
    (r"(\w*_)?(d_state|state_size)", 8),
    (r"(mamba_)?n_groups|mamba_ngroups", 2),
    (r"sliding_window(_size)?|attention_window_size|window_size|local_attention(_window_len)?|keep_window_size", 8),
    (r"attention_chunk_size|local_attn_chunk_length|lsh_attn_chunk_length", 8),
    (r"(mamba_)?chunk_size|block_size|index_block_size", 16),
    (r"index_topk|index_topk_blocks|compressed_sparse_attention|heavily_compressed_attention", 4),
    (
        r"max_(position_embeddings|seq_len|target_positions)|n_positions|n_ctx|context_length|model_max_length",
        POSITIONS,
    ),
    (r"original_max_position_embeddings", POSITIONS // 2),
    (r"num_codebooks|num_quantizers", 1),
    (r"image_size|crop_size", 32),
    (r"nemo_conv_channels|ext_pw_out_channel|depthwise_separable_out_channel|output_channels", WIDTH),
]
"""Patterns of keys, and the size that each gets; the first that is the whole key holds, other keys stay as they are."""

UNSAID: dict[str, Any] = {
    "head_dim": HEAD,
    "num_key_value_heads": GROUPED,
    "num_experts_per_tok": 2,
    "num_experts": 4,
}
"""What is set where the default says None and nothing builds without it."""

_PATTERNS = [(re.compile(pattern), size) for pattern, size in SIZES]
_TOKEN = re.compile(r"\w*token_(id|index)|(pad|eos|bos|unk|mask)_index|vocab_offset")
_KINDS = re.compile(r"[^a-z]{3,}")  # layers as a string, a sign for each
_NO_SIZES = ("id2label", "label2id", "torch_dtype", "dtype", "transformers_version", "model_type", "architectures")


def shrink(default: Mapping[str, Any], length: int = LENGTH) -> dict[str, Any]:
    """A configuration, as a mapping, with small sizes; nested configurations are shrunk alike."""
    out: dict[str, Any] = {}
    for key, value in default.items():
        if key not in _NO_SIZES and not key.startswith("_"):
            out[key] = _shrunk(key, value, default, length)
    _keep_kinds(out, default)
    _move_tokens(out, out.get("vocab_size"))
    if out.get("is_decoder") is False:
        out["is_decoder"] = True
    return out


def fill(small: Mapping[str, Any]) -> dict[str, Any]:
    """The same with numbers for what the default leaves unsaid."""
    return {key: UNSAID.get(key) if value is None else value for key, value in small.items()}


def merge(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """`base` with the entries of `over` in their place, in nested mappings too. Another vocabulary moves its tokens."""
    out = dict(base)
    if "vocab_size" in over:
        _move_tokens(out, cast("int", over["vocab_size"]))
    for key, value in over.items():
        old = out.get(key)
        nested = isinstance(old, Mapping) and isinstance(value, Mapping) and not key.startswith("rope_")
        out[key] = merge(cast("Mapping[str, Any]", old), cast("Mapping[str, Any]", value)) if nested else value
    return out


def _shrunk(key: str, value: Any, beside: Mapping[str, Any], length: int) -> Any:
    if isinstance(value, Mapping):
        nested = cast("Mapping[str, Any]", value)
        return shrink(nested, length) if key.endswith("config") else dict(nested)
    if isinstance(value, list) and value and all(type(item) is int for item in cast("list[Any]", value)):
        return [_shrunk(key, item, beside, length) for item in cast("list[int]", value)]
    if isinstance(value, bool) or not isinstance(value, int) or value <= 0:
        return value
    for pattern, size in _PATTERNS:
        if pattern.fullmatch(key):
            small = size if isinstance(size, int) else size(value, beside)
            return min(value, max(2 * length, small) if small == POSITIONS else small)
    return value


def _keep_kinds(out: dict[str, Any], default: Mapping[str, Any]) -> None:
    """The number of layers, and lists with an entry for each: every kind of layer once, two layers at least."""
    name = next((name for name in _LAYERS if isinstance(default.get(name), int)), None)
    if name is None:
        return
    count = default[name]
    lists = {key: value for key, value in out.items() if _speaks_of_layers(value, count)}
    settings = _by_layer(default.get("per_layer_config"))
    rows = [tuple(repr(value[layer]) for value in lists.values()) for layer in range(count)]
    rows = [(*row, repr(settings.get(layer))) for layer, row in enumerate(rows)]
    kept = [rows.index(kind) for kind in list(dict.fromkeys(rows))[:KINDS]]
    kept = kept if len(kept) > 1 else [kept[0], min(kept[0] + 1, count - 1)]
    if not lists and not settings:
        return
    out[name] = len(kept)
    for key, value in lists.items():
        picked = [value[layer] for layer in kept]
        out[key] = "".join(picked) if isinstance(value, str) else picked
    if settings:
        small = {str(place): shrink(settings[layer]) for place, layer in enumerate(kept) if layer in settings}
        out["per_layer_config"] = small


def _speaks_of_layers(value: Any, count: int) -> bool:
    if count < 3 or not isinstance(value, (list, tuple, str)) or len(cast("list[Any]", value)) != count:
        return False
    return not isinstance(value, str) or _KINDS.fullmatch(value) is not None


def _by_layer(settings: Any) -> dict[int, dict[str, Any]]:
    if not isinstance(settings, Mapping):
        return {}
    return {int(layer): dict(own) for layer, own in cast("Mapping[Any, Any]", settings).items()}


def _move_tokens(small: dict[str, Any], vocabulary: Any) -> None:
    """Tokens with a meaning stand at the end of the vocabulary, so that the first ones are plain."""
    if not isinstance(vocabulary, int):
        return
    place = vocabulary - 1
    for key in [key for key in small if _TOKEN.fullmatch(key)]:
        if type(small[key]) is int and small[key] >= 0:
            small[key] = place
            place -= 1
