"""Facts: what the page is told of a spec, an audit or a model. `tools/page/src/facts.ts` is generated from here.

Everything that an analysis finds is data here: which sites a node reads, when each is known, when it is computed. The
page walks the relations, and states none by itself. Numbers of many sites are arrays in one block of bytes behind the
facts (`arspec.exploring.packing`), each kept once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal, TypedDict

VERSION = 1


@dataclass(frozen=True)
class Alias:
    """A number that TypeScript gives a name, and what it is a number of."""

    name: str
    about: str


Arr = Annotated[int, Alias("Arr", "the number of an array in `arrays`")]
RelationId = Annotated[int, Alias("RelationId", "the number of a relation in `relations`")]
NodeId = Annotated[int, Alias("NodeId", "the number of a node in `nodes`")]
State = Literal["proven", "proven_given_the_route", "leaks", "differs", "undecided"]
Strict = Literal["free", "strict", "inclusive", "ahead", "none"]
ClusterId = Annotated[int, Alias("ClusterId", "the number of a cluster in `clusters`")]


class ArrayFacts(TypedDict):
    """Whole numbers in the block of bytes."""

    type: Annotated[Literal["i8", "i16", "i32"], "of what is stored, little endian"]
    at: Annotated[int, "the offset of the first byte; a multiple of four"]
    length: int
    delta: Annotated[bool, "whether each is stored as its difference from the one before it, the first from 0"]


class RelationFacts(TypedDict):
    """Which input sites each output site reads, as runs of sites that follow one another. Site s has `counts[s]` runs,
    which lie behind those of the sites before it. Runs of a site do not overlap, and come in their order. `starts` and
    `lengths` are stored by column: the k-th run of a site as its difference from the k-th run of the site before, from
    0 where that has none."""

    outSites: int
    inSites: int
    counts: Annotated[Arr, "[outSites]"]
    starts: Annotated[Arr, "[runs]"]
    lengths: Annotated[Arr, "[runs]"]
    order: Annotated[
        Arr | None, "[inSites]: runs are of places in this list of input sites; null where they are of sites themselves"
    ]


class PlaceFacts(TypedDict):
    """Lines of a source; lines and columns count from 1."""

    source: Annotated[int, "number in `sources`"]
    line: int
    column: int
    endLine: int


class SourceFacts(TypedDict):
    """A text: a YAML file, or a file of an audited module."""

    name: str
    text: str
    language: Literal["yaml", "python"]


class Saying(TypedDict):
    """A diagnostic: its code, what it says, and how to mend it."""

    code: str
    severity: Literal["error", "warning", "note"]
    text: str
    help: str | None
    place: PlaceFacts | None


class Verdict(TypedDict):
    """What was found, in words and in numbers."""

    state: State
    words: Annotated[list[str], "the report, line by line, as the command line prints it"]
    coverage: Annotated[float | None, "share of the legal pairs that is seen, 0 to 1, over the members"]
    pairs: Annotated[int | None, "legal pairs (variable, earlier variable)"]
    unseen: int | None
    blind: Annotated[int | None, "unseen at any depth; null where depth does not tell"]
    outOfReach: int | None
    leaks: Annotated[int, "pairs (variable, what it sees and must not); without contexts variables"]
    exact: Annotated[bool, "whether contexts are of all variables, not of sampled ones"]
    parameters: int
    nodes: int
    sayings: Annotated[list[Saying], "its diagnostics"]


class Frame(TypedDict):
    """How the positions of a node lie on the data's grid. cells: position (i, j) is the data's cell origin + stride *
    (i, j). units: hidden units of a dense layer. free: they stand for no data."""

    kind: Literal["cells", "units", "free"]
    origin: list[int]
    stride: list[int]
    at: Annotated[
        Arr | None, "[P]: the data's position that each stands for, -1 off its grid; null where it is the same number"
    ]


class DataFacts(TypedDict):
    """What is modelled. Variable g * P + p is channel group g at position p."""

    kind: Literal["image", "sequence", "vector", "tensor"]
    grid: Annotated[list[int], "rows and columns, or one length"]
    axes: Annotated[list[str], "a word for each dimension of the grid: row, column; step; entry"]
    groups: int
    groupNames: list[str]
    parts: Annotated[
        list[str], "[groups]: of data in several parts the part of each, by which its name begins; else empty"
    ]
    channels: Annotated[int, "channels of a group, which are generated together"]
    positions: int
    variables: int
    levels: Annotated[int, "values that a channel can take; 0 where it is no whole number"]
    display: Annotated[list[int] | None, "rows and columns by which a vector is shown"]
    content: Annotated[str, "of a sequence: audio, text or tokens"]
    symbols: Annotated[list[str] | None, "of text: the character of each level"]


class InputFacts(TypedDict):
    """One input of a node."""

    port: Annotated[str, "`from`, or the key that names it"]
    node: NodeId


class WeightFacts(TypedDict):
    """A weight: its name, and its shape."""

    name: str
    shape: list[int]
    trained: bool


class NodeFacts(TypedDict):
    """A node: a source, a layer, or an operation of an audited module. Inputs stand before their readers."""

    name: Annotated[str, "its path name"]
    short: Annotated[str, "its own name"]
    kind: Annotated[str, "the layer's kind, `data`, a condition's kind, or the operation's name"]
    family: Annotated[str, "the family that gives its colour (`palette` of the page)"]
    text: Annotated[str, "a few words below its name"]
    doc: Annotated[str, "what its kind does"]
    role: Literal["data", "condition", "layer", "inner", "head"]
    inputs: list[InputFacts]
    inside: Annotated[NodeId | None, "of an inner node: the node whose graph it is a part of; it has no sites"]
    fold: Annotated[str, "equal for nodes that are drawn as one when repetitions are collapsed"]
    cluster: ClusterId | None
    grid: list[int]
    groups: int
    channels: Annotated[int, "of a group"]
    sites: Annotated[int, "groups * positions; site g * P + p"]
    frame: Frame
    place: PlaceFacts | None
    keys: Annotated[dict[str, str], "what it states, with parameters settled"]
    mask: str | None
    tied: Annotated[NodeId | None, "the node whose weights it has"]
    parameters: Annotated[int, "trained numbers of its own"]
    weights: list[WeightFacts]
    live: Annotated[bool, "whether the head depends on it; others have no relations"]


class ClusterFacts(TypedDict):
    """An instance of a block. Repetitions of one have the same `fold`."""

    name: str
    short: str
    block: str
    repetition: int | None
    repetitions: Annotated[int, "how many of it are folded into one"]
    count: Annotated[int, "copies with weights of their own, as of experts"]
    parent: ClusterId | None
    fold: str
    place: PlaceFacts | None


class HeadFacts(TypedDict):
    """A head: the first is drawn from, further ones are losses of training. At the place of a variable it predicts the
    one that is generated `ahead` steps later. Of the steps from that of its place on it may see the first `beyond`."""

    name: str
    node: NodeId
    kind: str
    title: str
    ahead: int
    beyond: int


class PathStep(TypedDict):
    """A site on a way."""

    node: NodeId
    site: Annotated[int, "-1 where it is not known, as of an audit"]
    text: Annotated[str, "row 3, column 4, r"]


class LeakFacts(TypedDict):
    """The shortest way of a variable to a distribution that must not see it, from the data to the head."""

    code: str
    variable: int
    seen: int
    text: str
    culprit: Annotated[NodeId | None, "the node that lets it through"]
    path: list[PathStep]


class ContextFacts(TypedDict):
    """What the head sees, variable by variable. Row k of the relations is of variable `rows[k]`; its runs are of places
    in the order of generation."""

    rows: Annotated[Arr, "the variables, by the order of generation"]
    relation: RelationId
    deep: Annotated[RelationId | None, "what it sees at any depth; null where depth does not tell"]
    legal: Annotated[Arr, "[rows]: how many variables come before each"]
    within: Annotated[Arr, "[rows]: how many of these are seen"]


class ScheduleFacts(TypedDict):
    """A sample, step by step, each site of the spec's own nodes computed once."""

    steps: int
    calls: Annotated[int, "how often a layer is called in all"]
    sites: Annotated[int, "sites that are computed in all, without those that depend on no data"]
    cached: Annotated[int, "rows of all caches together; a ring is as long as its sites are still to be read"]
    every: Annotated[int, "rows, if every computed site were kept"]


class MemberNode(TypedDict):
    """What holds of a node under one order. Arrays are [sites].

    A site is computed in step `first`: -1 is before the first step, `steps` never. It can be read up to step `last`:
    `steps` is to the end. Of the data `first` is the step that draws the variable. So at step t a site
    is never needed (first = steps), still to come (first > t), computed now (first = t), cached (t <= last), or
    dropped."""

    reads: Annotated[list[RelationId], "one for each of `inputs`"]
    scan: Annotated[RelationId | None, "with its own earlier sites"]
    known: Annotated[Arr | None, "the highest rank that each site depends on; -1 where there is none"]
    strict: Strict
    boundary: Annotated[bool, "whether the graph becomes strict here"]
    first: Arr | None
    last: Arr | None
    context: Annotated[
        RelationId | None, "of an operation of an audit, in place of `reads`: the variables that each site depends on"
    ]


class MemberFacts(TypedDict):
    """What holds under one order of a family."""

    name: str
    rank: Annotated[Arr, "[V]: equal ranks are generated together"]
    place: Annotated[Arr, "[V]: places of the order as a list: the variable at each place"]
    time: Annotated[Arr, "[V]: the step that draws each; -1 of what is given"]
    steps: int
    proven: bool
    leaking: Annotated[Arr, "the variables whose head sees what it must not"]
    leaks: list[LeakFacts]
    nodes: Annotated[list[MemberNode], "by NodeId"]
    contexts: ContextFacts | None
    schedule: Annotated[ScheduleFacts | None, "null where it leaks"]


class SampleFacts(TypedDict):
    """Samples that were drawn at one temperature, under one class."""

    temperature: float
    condition: Annotated[str, "in words; empty where there is none"]
    values: Annotated[Arr, "[count * numbers of an example], levels, channels first"]
    count: int


class ScoredFacts(TypedDict):
    """Examples, and how surprising each of their variables is."""

    name: str
    values: Annotated[Arr, "levels, channels first"]
    surprise: Annotated[Arr, "[V]: thousandths of a bit"]
    bits: Annotated[float, "bits a dimension, over the example"]


class ModelFacts(TypedDict):
    """What a trained model draws and finds surprising."""

    name: str
    card: Annotated[list[list[str]], "lines of (word, value)"]
    shape: Annotated[list[int], "of an example: channels, rows, columns; or a length"]
    samples: list[SampleFacts]
    scored: list[ScoredFacts]
    data: Annotated[str, "where the examples are from"]
    rate: Annotated[int | None, "of sound: values a second"]
    wave: Annotated[list[float] | None, "of sound: the amplitude of each level, -1 to 1"]


class CheckFacts(TypedDict):
    """One question of an audit, and its answer."""

    name: str
    answer: str
    words: list[str]


class AuditFacts(TypedDict):
    """What an audit of a module found."""

    target: str
    command: str
    checks: list[CheckFacts]


class Facts(TypedDict):
    """All that a page is told."""

    version: int
    kind: Literal["spec", "audit", "model"]
    title: str
    about: str
    notes: Annotated[list[str], "what is shown smaller than it is, or left out; to be said in the page"]
    verdict: Verdict
    sources: list[SourceFacts]
    data: DataFacts
    nodes: list[NodeFacts]
    clusters: list[ClusterFacts]
    heads: list[HeadFacts]
    members: list[MemberFacts]
    relations: list[RelationFacts]
    arrays: list[ArrayFacts]
    model: ModelFacts | None
    audit: AuditFacts | None


SHAPES = (
    ArrayFacts, RelationFacts, PlaceFacts, SourceFacts, Saying, Verdict, Frame, DataFacts, InputFacts, WeightFacts,
    NodeFacts, ClusterFacts, HeadFacts, PathStep, LeakFacts, ContextFacts, ScheduleFacts, MemberNode, MemberFacts,
    SampleFacts, ScoredFacts, ModelFacts, CheckFacts, AuditFacts, Facts,
)  # fmt: skip
