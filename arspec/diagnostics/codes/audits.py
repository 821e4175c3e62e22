"""AR81x, AR96x: audited modules, and what they are called with."""

from __future__ import annotations

from arspec.diagnostics.codes.page import code

CODES = (
    code(
        "AR812",
        "an audited module that cannot be had",
        """`package.module:callable` or `path/to/file.py:callable` is imported and called, and gives a torch module.""",
        """
        arspec audit model.py --input 'b t' --output 'b k t'
        """,
        """
        arspec audit model.py:build --kwargs '{width: 32}' --input 'b t' --output 'b k t' --size t=8
        """,
        "name a callable that returns an nn.Module, and give its arguments.",
    ),
    code(
        "AR813",
        "axes that do not hold",
        """The patterns of an audit name the axes of input and output; every axis has a size, and the shapes of
        the module agree.""",
        """
        arspec audit model.py:build --input 'b c h w' --output 'b (k c) h w' --size c=3
        """,
        """
        arspec audit model.py:build --input 'b c h w' --output 'b (k c) h w' --size c=3,h=8,w=8
        """,
        "name every axis and give its size.",
    ),
    code(
        "AR960",
        "an audited module fails",
        """The module raised an error in a call that the audit made. The message has its own words and its line.""",
        """
        arspec audit model.py:build --size t=8 --lengths 4096        # its table of places has 1,024 rows
        """,
        """
        arspec audit model.py:build --size t=8 --lengths 7,9
        """,
        "mend the line, or call it with what the module takes.",
    ),
    code(
        "AR961",
        "a mode that an audited module does not offer",
        """A mode was asked for by name, and the module lacks the argument or the method that the mode needs.""",
        """
        arspec audit model.py:build --size t=8 --modes cache        # neither past_key_values nor a method step
        """,
        """
        arspec audit model.py:build --size t=8 --cache decode_one
        """,
        "leave the mode out, or name the argument or method that the module has for it.",
    ),
    code(
        "AR962",
        "pairs or ranks that do not fit",
        """Forbidden pairs are truth values [V, V], row the output and column the input. Ranks are whole numbers, one
        for each position.""",
        """
        arspec audit model.py:build --size t=8 --forbid pairs.npy        # of shape 7 x 7
        """,
        """
        arspec audit model.py:build --size t=8 --forbid masks.py:pairs        # a function of V
        """,
        "give an array of the shape that the message names.",
    ),
)
