"""AR8xx: input at run time: weights, data, flags, files."""

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
