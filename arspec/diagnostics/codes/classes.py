"""AR98x: audits of the causal classes of other packages."""

from __future__ import annotations

from arspec.diagnostics.codes.page import code

CODES = (
    code(
        "AR980",
        "a class that transformers does not have",
        """`arspec audit transformers:NAME` audits a causal class of the installed package transformers. It builds the
        class by itself, tiny and with random weights. The name is that of the class, as Python imports it.""",
        """
        arspec audit transformers:MixtralForCausal
        """,
        """
        arspec audit transformers:MixtralForCausalLM
        """,
        "choose a name that the installed version has; the help line shows the nearest ones.",
    ),
    code(
        "AR981",
        "a key that the configuration does not have",
        """`--config key=value` replaces one entry of the configuration of a class. A dot leads into a configuration
        within it. The class itself says which keys it has.""",
        """
        arspec audit transformers:MixtralForCausalLM --config expert=8
        """,
        """
        arspec audit transformers:MixtralForCausalLM --config num_local_experts=8
        """,
        "choose a key that the help line shows, or one of the documentation of the class.",
    ),
    code(
        "AR982",
        "a class that does not build at a tiny size",
        """A tiny configuration is made from the default one: every size that its keys name becomes small, and every
        kind of layer is kept. The class must then take ids [b, t] and give logits for every token. The help lines hold
        what the class said of each configuration that was tried.""",
        """
        arspec audit transformers:LlamaForCausalLM --config num_attention_heads=0
        """,
        """
        arspec audit transformers:LlamaForCausalLM --config num_attention_heads=8
        """,
        "state with --config what the class asks for, or name a function of your own that builds the module.",
    ),
    code(
        "AR983",
        "a folder that holds no checkpoint",
        """`arspec audit transformers:FOLDER` loads a checkpoint from a folder of this machine: config.json, and weights
        as safetensors. Nothing is unpickled, no code of the checkpoint is run, and nothing is downloaded.""",
        """
        arspec audit transformers:./empty
        """,
        """
        arspec audit transformers:./checkpoint       # config.json and model.safetensors
        """,
        "save the model with save_pretrained, which writes both, and name that folder.",
    ),
)
