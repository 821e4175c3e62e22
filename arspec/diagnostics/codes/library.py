"""AR90x: what comes with an installation of arspec, and what does not."""

from __future__ import annotations

from arspec.diagnostics.codes.page import code

CODES = (
    code(
        "AR900",
        "a spec that there is not",
        """Specs are given as files, or by a name. A name without an ending means the file of that name in the working
        folder, with or without .yaml, and where there is none the spec of that name that ships with arspec.""",
        """
        arspec verify gated_pixelcn
        """,
        """
        arspec verify gated_pixelcnn
        """,
        "choose a name that `arspec list` shows, or give the path of the file with its ending.",
    ),
    code(
        "AR901",
        "a spec of the installation, which is not written",
        """The specs that ship with arspec belong to the installation. A command that edits a spec edits files of your
        own alone.""",
        """
        arspec verify pixelcnn --fix --write
        """,
        """
        arspec verify mine.yaml --fix --write       # a file that begins with `extends: pixelcnn`
        """,
        "write a spec of your own that extends the shipped one, and let the command edit that.",
    ),
    code(
        "AR902",
        "a file that is no spec",
        """A spec is a text in YAML. The ending of a file's name tells that it is something else: Python, a picture, a
        sound, an array, weights or a container. Other commands take these.""",
        """
        arspec verify net.py
        """,
        """
        arspec audit net.py:build --input "b t" --output "b t k"
        """,
        "name a spec, or use the command that the message names.",
    ),
    code(
        "AR907",
        "a spec that is built wrongly",
        """`arspec.build` makes a spec from Python. Names are taken once, keys are those of the kind, nodes are given by
        what its methods return, and a value that depends on a parameter has no truth value before there is a spec.""",
        """
        b.conv(h, out=2 * width, kernl=3)
        """,
        """
        b.conv(h, out=2 * width, kernel=3)
        """,
        "follow the help line; an editor that completes the keys of arspec.build shows them all.",
    ),
    code(
        "AR908",
        "a model that cannot be written as plain torch",
        """`arspec export MODEL --torch FILE.py` reads each layer's computation off a pass, writes it as Python, and
        compares the file with the model in float64 before it takes its place. A computation that takes numbers out of
        tensors, to choose what it does next, can't be written down so.""",
        """
        arspec export runs/first --torch model.txt
        """,
        """
        arspec export runs/first --torch model.py
        """,
        "name the file as a module of Python; where a layer is named, keep the model: it is a torch.nn.Module.",
    ),
    code(
        "AR909",
        "a model that cannot be written as ONNX",
        """`arspec export MODEL --onnx FOLDER` reads each layer's computation off a pass, writes it as nodes of ONNX,
        and compares what onnxruntime computes with torch before the files take their places. The message names the
        layer and what it does that has no form there. `arspec guide onnx` has a table of the shipped specs.""",
        """
        arspec export runs/first --onnx first       # of a layer that chooses by the numbers of a tensor
        """,
        """
        arspec export runs/first --onnx first --forward-only
        """,
        "leave out the sampler where that is what can't be written, or export plain torch by --torch.",
    ),
    code(
        "AR910",
        "a package is missing",
        """arspec itself needs few packages. What else some commands need comes with extras: `plots`, `train`, `audio`,
        `codec`, `data`, `hub`, `onnx` and `transformers`, or `all` of them. The message names the package, what
        needs it, and the command that installs it.""",
        """
        arspec compress runs/first pictures -o pictures.ars       # without constriction
        """,
        """
        pip install 'arspec[codec]'
        """,
        "run the command that the help line shows, in the environment in which arspec is installed.",
    ),
    code(
        "AR911",
        "a repository that a hub does not give, or does not take",
        """`arspec.open("owner/name")`, `from_pretrained` and `push_to_hub` speak with a hub of models by the package
        huggingface_hub. The message holds what that says.""",
        """
        arspec.open("nobody/nothing")
        """,
        """
        arspec.open("runs/first")
        """,
        "look at the name of the repository, at the network, and at what your account may read or write.",
    ),
    code(
        "AR950",
        "a spec where a trained model is wanted",
        """A spec says how a model is built; it holds no weights. `arspec.open` and `arspec.load_model` read what
        training or `model.save` has written. Commands that take either build an untrained model of a spec, and say
        so.""",
        """
        arspec.open("gated_pixelcnn")
        """,
        """
        model = arspec.compile("gated_pixelcnn")         # untrained
        run = arspec.train("made", "digits", "runs/made", params={"height": 8, "width": 8}, steps=100)
        model = arspec.open("runs/made")
        """,
        "make a model of the spec by `arspec.compile`, or train it and open the folder of the run.",
    ),
    code(
        "AR951",
        "a page that cannot be served",
        """`arspec explore --serve` serves its page at 127.0.0.1, to this machine alone. The port that was named is in
        use, may not be taken, or is no port.""",
        """
        arspec explore gated_pixelcnn --serve 80
        """,
        """
        arspec explore gated_pixelcnn --serve
        """,
        "leave the number out, so that a free port is taken, or name another.",
    ),
    code(
        "AR952",
        "a folder with more below it than can be meant",
        """A folder stands for all files below it. The root of the disk is refused, and so is a folder with more than
        131,072 files and folders below it where these are to be compressed: the walk would take minutes, and a
        container is made in memory.""",
        """
        arspec compress runs/first / -o all.ars
        """,
        """
        arspec compress runs/first pictures -o pictures.ars
        """,
        "name the folder that holds the files, or a pattern of them.",
    ),
    code(
        "AR970",
        "a picture that nothing draws",
        """Specs and reports are drawn by packages that stand above them, which tell so when they are imported. `import
        arspec` with any of its functions imports them; the inner modules of arspec alone do not.""",
        """
        from arspec.language.load import load
        load("pixelcnn").field((12, 16))
        """,
        """
        import arspec
        arspec.load("pixelcnn").field((12, 16))
        """,
        "load the spec by `arspec.load`.",
    ),
)
