"""What newcomers call the parts of a spec: other programs' names, and what they are called here.

Only help lines come from these tables; the language itself takes none of the names. All are lower case, with _ for -.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

Names = Mapping[str, tuple[str, ...]]  # what it is called here -> what it is called elsewhere

KEYS: Names = {
    "out": (
        "channels", "filters", "features", "out_channels", "out_features", "output_channels", "n_filters", "dim",
        "embedding_dim", "hidden_size", "width",
    ),
    "units": ("hidden", "hidden_units", "hidden_size", "features", "out_features", "size"),
    "kernel": ("kernel_size", "filter_size", "window", "size"),
    "from": ("in", "input", "inputs", "source", "src", "x"),
    "stride": ("strides",),
    "dilation": ("dilations", "dilation_rate"),
    "bias": ("use_bias",),
    "rate": ("p", "prob", "probability"),
    "heads": ("n_heads", "num_heads", "nhead", "n_head"),
    "keys": ("key", "k"),
    "values": ("value", "v"),
    "by": ("condition", "label", "cond"),
    "condition": ("by", "label", "cond"),
    "layer": ("type", "kind", "op", "operation", "class", "module"),
    "kind": ("type", "name", "distribution"),
    "scan": ("kind", "type", "name", "order"),
    "classes": ("num_classes", "n_classes", "labels", "number", "count", "size"),
    "levels": ("vocab", "vocab_size", "vocabulary", "values", "bins"),
    "height": ("rows", "h"),
    "width": ("columns", "cols", "w"),
    "channels": ("c", "depth"),
    "length": ("size", "steps", "time", "seq_len", "t"),
    "size": ("dim", "length", "n"),
    "steps": ("step", "time"),
    "rows": ("row", "down"),
    "columns": ("column", "cols"),
    "factor": ("scale", "scale_factor"),
    "repeat": ("times", "n", "count", "num_layers"),
    "inputs": ("in", "input", "args"),
    "outputs": ("out", "output", "returns"),
    "nodes": ("graph", "layers", "body"),
    "params": ("parameters", "args", "with"),
    "weights": ("weight", "tie", "tied", "tied_to", "tie_to", "tie_weights", "share", "shared", "share_weights"),
    "components": ("mixtures", "n_mix", "nr_mix", "n_mixtures", "num_mixtures", "n_components", "num_components"),
    "mask": ("mask_type", "attn_mask", "attention_mask"),
}  # fmt: skip

SECTIONS: Names = {
    "graph": ("layers", "nodes", "model", "network", "net", "architecture"),
    "params": ("parameters", "hyperparameters", "hparams", "config", "variables"),
    "condition": ("conditions", "conditioning"),
    "head": ("output", "loss", "distribution", "likelihood"),
    "data": ("dataset", "input"),
    "order": ("ordering", "scan"),
    "about": ("description", "doc", "title", "comment"),
    "arspec": ("version",),
    "extends": ("base", "include", "inherits", "parent", "from"),
}

LAYERS: Names = {
    "conv": ("convolution", "masked_conv", "maskedconv2d", "masked_conv2d", "causal_conv"),
    "norm": ("batch_norm", "layer_norm", "instance_norm", "group_norm", "rms_norm", "batchnorm", "batchnorm2d", "ln",
             "bn"),
    "attention": ("self_attention", "multihead_attention", "multi_head_attention", "mha"),
    "add": ("residual", "sum", "skip", "plus"),
    "concat": ("cat", "concatenate", "stack", "join"),
    "multiply": ("mul", "product", "times"),
    "gate": ("glu", "gated"),
    "silu": ("swish",),
    "top_k": ("topk",),
    "embedding": ("embed", "lookup"),
    "identity": ("noop",),
    "position": ("positional_encoding", "positional_embedding", "position_embedding"),
    "condition": ("conditioning", "film"),
    "pad": ("padding", "zero_pad"),
    "upsample": ("interpolate",),
}  # fmt: skip

HEADS: Names = {
    "categorical": ("softmax", "discrete", "multinomial", "cross_entropy"),
    "bernoulli": ("binary", "sigmoid"),
    "logistic_mixture": ("mixture", "logistic", "discretized_logistic", "mol", "dmol"),
}

DATA: Names = {
    "image": ("picture", "photo"),
    "sequence": ("text", "audio", "sound", "speech", "series", "tokens", "time_series", "wave"),
    "vector": ("table", "tabular", "binary"),
}

CONDITIONS: Names = {
    "class": ("label", "labels", "classes", "category"),
    "map": ("image", "spatial"),
    "series": ("sequence", "audio"),
    "vector": ("embedding",),
    "tokens": ("text", "words", "prompt", "caption"),
}

NO_LAYER: Mapping[str, str] = {
    **dict.fromkeys(
        ("linear", "fc", "fully_connected", "mlp"),
        "at each place of an image or a sequence that is `conv` with the kernel 1; over all entries of a vector "
        "`dense`",
    ),
    **dict.fromkeys(
        ("log_softmax", "logsoftmax"), "the head does that: head: {kind: categorical, from: ...} takes the logits"
    ),
    **dict.fromkeys(
        ("pool", "maxpool", "max_pool", "avgpool", "avg_pool", "maxpool2d"),
        "nothing pools here: a `conv` with a `stride` makes the grid coarser",
    ),
    **dict.fromkeys(
        ("conv_transpose", "convtranspose2d", "transposed_conv", "deconv"),
        "that is {layer: conv, transposed: true, stride: 2, ...}",
    ),
    **dict.fromkeys(("flatten", "reshape", "view"), "a node keeps its grid: leave this layer out"),
    **dict.fromkeys(
        ("sequential", "module_list", "modulelist"),
        "nodes follow one another as they stand; a block is what is repeated",
    ),
    **dict.fromkeys(
        ("experts", "moe", "mixture_of_experts", "mixture"),
        "experts are an entry of their own: moe: {experts: BLOCK, from: ..., router: ..., count: 8, take: 2}",
    ),
    **dict.fromkeys(("input", "data", "x"), "the data is there as x: write `from: x` in the first layer"),
}

NO_KEY: Mapping[str, str] = {
    **dict.fromkeys(
        ("in_channels", "in_features", "input_channels", "input_size", "input_dim"),
        "the channels of the input follow from the graph: leave it out",
    ),
    **dict.fromkeys(
        ("activation", "act", "nonlinearity"),
        "an activation is a layer of its own, such as {layer: relu}, behind this one",
    ),
    **dict.fromkeys(
        ("shape", "size", "resolution", "dims"),
        "an image has `height` and `width`, a sequence `length`, a vector `size`",
    ),
    **dict.fromkeys(
        ("order", "params", "masks", "blocks", "graph", "head", "extends"),
        "it is a section of its own, and begins at the left margin",
    ),
    **dict.fromkeys(
        ("causal", "is_causal"), "that is a mask: `mask: earlier` hides the site itself, `mask: so_far` lets it be read"
    ),
    **dict.fromkeys(
        ("batch_norm", "layer_norm", "normalization", "norm", "dropout"),
        "norms and dropout are layers of their own, such as {layer: norm}, behind this one",
    ),
    **dict.fromkeys(("bits", "bit_depth", "n_bits"), "data of b bits has 2 ** b `levels`: 8 bits are `levels: 256`"),
    "repeat": "a block is repeated, a layer is not: make a block of it",
    **dict.fromkeys(("batch", "batch_size"), "a spec says nothing of batches: see `arspec train --help`"),
    **dict.fromkeys(("lr", "epochs", "optimizer"), "a spec says nothing of training: see `arspec train --help`"),
}

NO_SECTION: Mapping[str, str] = dict.fromkeys(
    ("train", "training", "trainer", "optimizer", "optim", "scheduler", "loss", "lr", "learning_rate", "epochs",
     "batch_size",
     "seed", "device"),
    "a spec says nothing of training: see `arspec train --help`",
)  # fmt: skip

MASKS: Mapping[str, str] = {
    "causal": "`earlier` hides the site itself, as the first layer must; `so_far` lets it be read, as later layers may",
    "strict": "a mask that hides the site itself is `earlier`",
    **dict.fromkeys(("none", "no", "nothing", "all"), "a layer without the key `mask` reads everything"),
}


def folded(word: str) -> str:
    """A name as the tables hold it."""
    return word.lower().replace("-", "_")


def called_here(word: str, names: Names, known: Collection[str]) -> str | None:
    """What `word` is called here, among what is known at its place; None where the table has nothing."""
    return next((name for name, others in names.items() if folded(word) in others and name in known), None)
