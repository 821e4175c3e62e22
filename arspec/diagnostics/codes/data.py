"""AR80x, AR84x, AR86x: data, and the options behind their names."""

from __future__ import annotations

from arspec.diagnostics.codes.page import code

CODES = (
    code(
        "AR803",
        "data that cannot be read",
        """Data are images, sounds or texts (a file or a folder of them), .npy or .npz, or a named set.
        Files and examples are split into train, valid and test, so that three are the least. One sound or one text
        that is named by itself, such as recordings/0.wav, is cut in time.""",
        """
        arspec train specs/made.yaml --out run --data digits.pkl
        """,
        """
        arspec train specs/made.yaml --out run --data digits
        """,
        "convert the data to one of the formats; of files too few to be split, give more, or name one of them.",
    ),
    code(
        "AR804",
        "data that do not fit the spec",
        """Examples have the spec's shape, and their integers lie in 0 ... levels - 1.""",
        """
        arspec eval specs/made.yaml --data digits --set height=9
        """,
        """
        arspec eval specs/made.yaml --data digits --set height=8 --set width=8
        """,
        "change the spec's data section by its parameters, or convert the data.",
    ),
    code(
        "AR840",
        "an option of a data source that does not hold",
        """Options stand behind the name of a source, each as @key=value. One may follow another. A key is known, comes
        once, and fits the kind of the source. The options are:
        @levels=N brings the values of images and arrays to N levels, fewer by steps of equal width.
        @channel=left|right|N|mix takes one channel of a sound, or the mean of all. Without it the mean is taken, and
        refused where the channels cancel one another.
        @rate=HZ resamples a sound, by a polyphase low-pass filter under a Kaiser window (beta 5).
        @crop=HxW cuts the middle of H rows and W columns out of each image.
        @resize=HxW stretches each image.
        @size=HxW scales each image until it covers this size, then cuts its middle.
        @filter=NAME names the filter of @resize and @size: lanczos (the usual one), bicubic, bilinear, box, nearest.
        @background=COLOUR is what transparent pixels are composited on, white without it.
        @join=SYMBOL stands between the files of a text: newline, space, tab, none, a byte's number, or a text with \\n.
        @alphabet=auto makes the levels the characters that the text holds.
        Pictures are turned upright first. Then come channels, @crop, @resize or @size, and @levels, whatever the order
        in which they are written.""",
        """
        arspec train specs/made.yaml --out run --data digits@level=2
        """,
        """
        arspec train specs/made.yaml --out run --data digits@levels=2
        """,
        "write the key as the message names it, or leave the option out.",
    ),
    code(
        "AR861",
        "text and an alphabet that do not fit each other",
        """A model of text has a level for each byte, or for each character of its alphabet. `@alphabet=auto` behind the
        data of `arspec train` makes the alphabet of the characters that the text holds, and the model keeps it. Text
        that meets the model later holds no other characters.""",
        """
        arspec train specs/gpt.yaml --data play.txt@alphabet=auto --set levels=200 --out run   # it has 65
        """,
        """
        arspec train specs/gpt.yaml --data play.txt@alphabet=auto --out run
        """,
        "let the alphabet set the levels, replace the characters that it lacks, or train on a text that has them.",
    ),
)
