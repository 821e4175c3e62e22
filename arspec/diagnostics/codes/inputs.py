"""AR8xx: input at run time: weights, conditions, flags, files, runs."""

from __future__ import annotations

from arspec.diagnostics.codes.page import code

CODES = (
    code(
        "AR801",
        "weights that do not fit the spec",
        """Every weight of the model is in the file with the same name and shape, and nothing else is.""",
        """
        arspec sample runs/first -o a.png          # spec.yaml in it was changed since
        """,
        """
        arspec sample runs/first -o a.png
        """,
        "use the spec and the parameters that the weights were trained with.",
    ),
    code(
        "AR802",
        "a file of weights that cannot be read",
        """Weights are safetensors. Pickled files can run programs and are never opened.""",
        """
        arspec sample model.pt -o a.png
        """,
        """
        arspec sample model.safetensors -o a.png
        """,
        "save the weights as safetensors.",
    ),
    code(
        "AR805",
        "completion of a part that does not come first",
        """Fixing the given variables and drawing the others is exact only where the given part comes first in the
        order. Elsewhere the drawn ones would not know of the given ones after them.""",
        """
        arspec complete specs/pixelcnn.yaml --data digits --given bottom-half --how order -o a.png
        """,
        """
        arspec complete specs/pixelcnn.yaml --data digits --given bottom-half -o a.png
        """,
        "give the part that comes first, use a model whose order begins with the part, or let another way be chosen.",
    ),
    code(
        "AR806",
        "a condition is missing",
        """The model was specified with a condition, and its value must be given.""",
        """
        model.sample(8)
        """,
        """
        model.sample(8, label=torch.arange(8))
        """,
        "give a value for each condition of the spec.",
    ),
    code(
        "AR807",
        "a condition that does not fit",
        """A class is an integer below the number of classes, for each example; vectors, maps and series have
        the shape that the spec states. Other names are refused.""",
        """
        model.sample(8, label=torch.full((8,), 10))      # of ten classes: 0 ... 9
        """,
        """
        model.sample(8, label=torch.full((8,), 9))
        """,
        "give a value of the kind, range and shape that the message names.",
    ),
    code(
        "AR808",
        "an option that does not hold",
        """The value of an option or argument is out of range, or two options exclude one another.""",
        """
        arspec sample specs/pixelcnn.yaml -o a.png --temperature -1
        """,
        """
        arspec sample specs/pixelcnn.yaml -o a.png --temperature 0.9
        """,
        "give a value that the message allows.",
    ),
    code(
        "AR809",
        "an unknown file format",
        """The ending of a file says what is written.""",
        """
        arspec sample specs/pixelcnn.yaml -o picture.bmp
        """,
        """
        arspec sample specs/pixelcnn.yaml -o picture.png
        """,
        "use one of the endings that the message lists.",
    ),
    code(
        "AR810",
        "a file that cannot be written",
        """The folder is missing or read-only, or the file exists and would be lost.""",
        """
        arspec train specs/made.yaml --data digits --out runs/first       # exists
        """,
        """
        arspec train specs/made.yaml --data digits --out runs/second
        """,
        "choose another name, or say that it may be replaced.",
    ),
    code(
        "AR811",
        "a program is missing",
        """Some data sets and commands need a program that is installed separately: `dot` of Graphviz, or `apt-get`.""",
        """
        arspec render specs/made.yaml -o made.svg       # without Graphviz
        """,
        """
        arspec render specs/made.yaml -o made.dot
        """,
        "install what the message names, or use what works without it.",
    ),
    code(
        "AR814",
        "a run that cannot be resumed",
        """A run is resumed with the spec, the parameters and the options that it was begun with.""",
        """
        arspec train specs/made.yaml --data digits --out runs/first --resume --set hidden=32    # begun with 64
        """,
        """
        arspec train specs/made.yaml --data digits --out runs/first --resume
        """,
        "resume with the same settings, or begin another run.",
    ),
    code(
        "AR815",
        "a device that is not there",
        """The named device is not available on this machine, or has no compiler where `--compile` asks for one.""",
        """
        arspec train specs/made.yaml --data digits --out run --device cuda      # without a GPU
        """,
        """
        arspec train specs/made.yaml --data digits --out run --device cpu
        """,
        "choose a device that the message lists.",
    ),
    code(
        "AR816",
        "a member that the family does not have",
        """A spec with a family of orders has members 0 ... n - 1; a spec without one has member 0.""",
        """
        model.log_prob(x, member=8)       # of eight
        """,
        """
        model.log_prob(x, member=7)
        """,
        "give a member below model.members.",
    ),
    code(
        "AR817",
        "there is no such diagnostic",
        """`arspec explain` has a page for each code that a message shows.""",
        """
        arspec explain AR999
        """,
        """
        arspec explain AR701
        """,
        "take the code from the message.",
    ),
    code(
        "AR818",
        "training that has left the numbers",
        """The loss or a gradient is infinite or not a number, and no step can be taken from there.""",
        """
        arspec train specs/made.yaml --data digits --out run --lr 10000
        """,
        """
        arspec train specs/made.yaml --data digits --out run --lr 0.001
        """,
        "lower the learning rate, clip the gradient, or use full precision; the last checkpoint is kept.",
    ),
    code(
        "AR819",
        "a method of sampling that does not exist",
        """Samples are drawn by the method once, depth or fixed-point, or by the one that auto chooses. All of them
        give the same samples.""",
        """
        arspec sample specs/pixelcnn.yaml -o a.png --method jacobi
        """,
        """
        arspec sample specs/pixelcnn.yaml -o a.png --method fixed-point
        """,
        "name one of the methods, or leave it out.",
    ),
    code(
        "AR820",
        "rejection that finds nothing",
        """Rejection proposes completions that were drawn without looking at what is given after them, and keeps one
        with the probability of that. Where it is small, or much is given, none is kept in reasonable time.""",
        """
        arspec complete specs/pixelcnn.yaml --data digits --given bottom-half --how rejection -o a.png
        """,
        """
        arspec complete specs/pixelcnn.yaml --data digits --given bottom-half --how gibbs -o a.png
        """,
        "take particles, gibbs or metropolis, or allow more tries.",
    ),
    code(
        "AR822",
        "a model that has no stream",
        """A stream goes on for ever. Each step does what the one before it did, one place further on, and caches keep
        what is still to be read. So it is of sequences that are generated from their beginning, and every layer looks
        back by a window: a convolution, a recurrent layer, or attention whose mask ends somewhere. Attention over
        everything has no bound, and learned positions have numbers for the spec's own steps alone. Such models are
        drawn up to the spec's own length, from a prefix too. The message names the layer.""",
        """
        arspec sample specs/gpt.yaml --length 100000 -o x.txt
        """,
        """
        arspec sample specs/gpt.yaml --length 64 -o x.txt
        """,
        "draw no more steps than the spec has, or give attention a window (`this.step - that.step < 64`).",
    ),
    code(
        "AR823",
        "steps that can't be compiled",
        """Steps of a stream are compiled once and for all that are like them. Where a model has no stream (AR822), no
        two of its steps are alike: each reads more than the one before it.""",
        """
        arspec sample specs/gpt.yaml --length 64 --compile -o x.txt
        """,
        """
        arspec sample specs/gpt.yaml --length 64 -o x.txt
        """,
        "leave out --compile; the numbers are the same.",
    ),
    code(
        "AR824",
        "guidance that a model has not been made for",
        """Guidance draws from logits that lead away from what the model says without a condition, beyond what it says
        under it. The model must have a condition that may be left out (`drop`), which the call gives, and a head whose
        parameters are logits.""",
        """
        arspec sample specs/gated_pixelcnn_class.yaml --label 3 --guidance 3.0 -o a.png
        """,
        """
        arspec sample specs/gated_pixelcnn_class.yaml --label 3 -o a.png
        """,
        "state `drop: 0.1` in the condition, train the spec, and give the condition with the guidance.",
    ),
    code(
        "AR850",
        "classes that the model was not trained with",
        """A model keeps the names of the classes that it was trained with, and labels of other data are numbered by
        these names. A class that has no number there cannot be given. In a folder with a sub-folder for each split, the
        classes are those of the training split.""",
        """
        arspec eval runs/pets --data photos       # photos/cat, photos/dog, photos/horse
        """,
        """
        arspec eval runs/pets --data photos       # photos/cat, photos/dog
        """,
        "take the classes that the message names out of the data, give them the model's names, or train a model with "
        "them.",
    ),
    code(
        "AR860",
        "truncation of a head without probabilities of levels",
        """Top-k, top-p and min-p leave unlikely levels out of a table of probabilities, which categorical and Bernoulli
        heads have. A mixture of logistics draws a number of any size and rounds it, so that there is no table.""",
        """
        arspec sample specs/wavenet_mol.yaml --top-k 40 -o x.wav
        """,
        """
        arspec sample specs/wavenet_mol.yaml --temperature 0.9 -o x.wav
        """,
        "set the temperature instead, or use a model with a categorical head.",
    ),
    code(
        "AR862",
        "a prompt that a model cannot go on with",
        """A prompt is the beginning of a sequence, and leaves something to be drawn. A model that has a stream goes on
        after a prompt of any length; any other draws sequences of its spec's length, or less. Where the first steps are
        `given` in the spec's data section, a prompt has these at the least, and a sample without one needs `start`.""",
        """
        arspec sample specs/gpt.yaml --prefix book.txt -o x.txt      # of more than 63 characters
        """,
        """
        arspec sample specs/gpt.yaml --prompt "To be, or not" -o x.txt
        """,
        "shorten the prompt to the number of steps that the message names.",
    ),
    code(
        "AR890",
        "a command line that cannot be read",
        """`arspec COMMAND --help` lists the options and arguments of a command. They may stand in any order.""",
        """
        arspec sample runs/first -o a.png --temprature 0.8
        """,
        """
        arspec sample runs/first -o a.png --temperature 0.8
        """,
        "correct the name; the help line shows the nearest ones.",
    ),
)
