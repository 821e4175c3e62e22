"""AR86x: checkpoints of others."""

from __future__ import annotations

from arspec.diagnostics.codes.page import code

CODES = (
    code(
        "AR863",
        "a checkpoint that can't be read",
        """A checkpoint is a folder with config.json and the weights as safetensors: one model.safetensors, or several
        files and model.safetensors.index.json, which says where each tensor stands. All of them lie in the folder
        itself. A file that is cut short, missing, or a link to another place is refused, and nothing is written.""",
        """
        arspec import models--gpt2/snapshots/607a30d -o gpt2      # links into another folder
        """,
        """
        arspec import gpt2-copy -o gpt2                           # after cp -rL
        """,
        "download the checkpoint again as a whole, as files; transformers writes safetensors by `save_pretrained`.",
    ),
    code(
        "AR864",
        "a config.json that is not understood",
        """Every key of a config.json is known to the table of its family: it says a number, it chooses a form that the
        spec has, or it changes nothing that is computed. A key or a value that is not known might change the numbers,
        so that it is refused by its name. Code that a folder brings (auto_map) is never run.""",
        """
        arspec import gpt2-scaled -o run      # "scale_attn_by_inverse_layer_idx": true
        """,
        """
        arspec import gpt2 -o run
        """,
        "import a checkpoint of the family's own form; remove a key from config.json where it surely changes nothing.",
    ),
    code(
        "AR865",
        "tensors that are not those of a config.json",
        """The table of a family says which tensor is which weight. It is checked both ways: every tensor is used once,
        every weight is filled, and each shape is the one that config.json makes. Tensors that two names share are
        equal.""",
        """
        arspec import gpt2-medium-config-with-small-weights -o run
        """,
        """
        arspec import gpt2 -o run
        """,
        "put the config.json and the tensors of one checkpoint together.",
    ),
    code(
        "AR866",
        "a .pt file that holds more than tensors",
        """A .pt file is a pickle, and a pickle may run code. It is read by `torch.load(weights_only=True)` alone, which
        takes tensors, numbers, texts, lists and dictionaries, and refuses all else. What it refuses is refused.""",
        """
        arspec import out/whole_module.pt -o run
        """,
        """
        arspec import out/ckpt.pt -o run      # nanoGPT's: a dictionary of tensors and model_args
        """,
        "save a dictionary of tensors (`model.state_dict()`), or write safetensors.",
    ),
    code(
        "AR867",
        "a run that can't be exported",
        """A run is written back in the form of others where it came from a checkpoint: `checkpoint.json` beside its
        spec holds the family and the config. Files that stand in the folder already are not replaced.""",
        """
        arspec export runs/digits --huggingface out      # a run that was trained here
        """,
        """
        arspec export run --huggingface out              # a run that `arspec import` has written
        """,
        "export what `arspec import` has written, into a new folder.",
    ),
    code(
        "AR868",
        "a tokenizer that can't be used",
        """A model of tokens reads and writes text by the tokenizer.json of its checkpoint, which stays with the run. It
        is read by the library tokenizers, and gives numbers that are levels of the model.""",
        """
        arspec import llama-with-the-tokenizer-of-another -o run
        """,
        """
        arspec import llama -o run
        """,
        "take the tokenizer.json that the model was trained with; without one a run takes whole numbers as .npy.",
    ),
    code(
        "AR869",
        "a checkpoint of a family that is not known",
        """The key model_type of config.json says which family a checkpoint is of. Each family has a table in
        arspec/checkpoints/families, which says how its config makes a spec, and which tensor is which weight.""",
        """
        arspec import bert -o run
        """,
        """
        arspec import gpt2 -o run
        """,
        "import a checkpoint of a family that the message names.",
    ),
)
