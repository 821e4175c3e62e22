"""AR83x: compression."""

from __future__ import annotations

from arspec.diagnostics.codes.page import code

CODES = (
    code(
        "AR830",
        "a container that is not as it was written",
        """A container has a version, lengths and checksums. One that is cut short, altered or not a container is
        refused as a whole: nothing of it is written.""",
        """
        arspec decompress runs/first damaged.ars -o there
        """,
        """
        arspec decompress runs/first damaged.ars -o there --recover       # the files before the damage
        """,
        "get the container anew, or restore what stands before the damage with --recover.",
    ),
    code(
        "AR831",
        "a model that codes nothing",
        """The parameters of the head's distribution are finite numbers; from others no probabilities follow.""",
        """
        model.compress(x)       # the weights hold a NaN
        """,
        """
        model.compress(x)       # the weights are finite
        """,
        "use a checkpoint from before training left the numbers.",
    ),
    code(
        "AR832",
        "a decoder that is too far from the encoder",
        """What the decoder computes may differ from what the encoder computed by the noise that was allowed for. Beyond
        it the decoder could draw other numbers, notices that, and gives nothing.""",
        """
        arspec compress runs/first photo.png -o x.ars --noise 48
        """,
        """
        arspec compress runs/first photo.png -o x.ars --noise 35
        """,
        "compress anew with more room for noise (a smaller --noise), or decompress in the surroundings of the encoder.",
    ),
    code(
        "AR833",
        "a container of another model",
        """A container holds the hashes of the spec and of the weights by which it was made, and nothing but that model
        reads it.""",
        """
        arspec decompress runs/second x.ars -o there      # made with runs/first
        """,
        """
        arspec decompress runs/first x.ars -o there
        """,
        "give the model that the container was made with.",
    ),
)
