"""A model: the network of a spec, and what people do with it: draw, complete, score, compress."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from os import PathLike
from pathlib import Path

from torch import Tensor

from arspec.analysis.report import prove
from arspec.codec.codec import compress as compressed
from arspec.codec.codec import decompress as restored
from arspec.completion import complete as completed
from arspec.diagnostics import InputError, SpecError
from arspec.diagnostics.arguments import check_each, check_number, check_text, check_type, check_whole
from arspec.language.load import Spec
from arspec.network.module import Network
from arspec.network.numbers import Condition, Values, tensor_of
from arspec.notebook import drawers as drawers  # so that the spec and the report of a model are shown in notebooks
from arspec.notebook.model import model_page, shown
from arspec.notebook.samples import Samples
from arspec.progress import showing
from arspec.sampler.drive.drawing import check_counts
from arspec.sampler.drive.guidance import check_guidance
from arspec.sampler.drive.method import check_storage
from arspec.sampler.drive.method import sample as drawn
from arspec.sampler.drive.prompting import begun
from arspec.sampler.drive.stream import stream_of
from arspec.saving import hub
from arspec.saving.folder import save as saved
from arspec.scoring import Scores
from arspec.scoring import score as scored


class Model(Network):
    """A spec as a torch module (`Network`) that draws, completes, scores and compresses.

    `print(model)` shows its program."""

    def sample(
        self, n: int, *, seed: int = 0, temperature: float = 1.0, member: int = 0, progress: bool = False,
        first: int = 0, method: str = "auto", prefix: Values | None = None, top_k: int | None = None,
        top_p: float | None = None, min_p: float | None = None, guidance: float | None = None, weights: str = "exact",
        **condition: Condition,
    ) -> Tensor:  # fmt: skip
        """n examples as integers, [n, *shape]. The noise depends on the seed and the number of the example (from
        `first` on) alone. So neither batch size nor method changes a sample. `method`: auto, once, depth or
        fixed-point (`arspec.sampler.drive.method`). prefix [k] or [n, k]: what sequences begin with; the rest is drawn
        given it. top_k, top_p, min_p: leave unlikely levels out, after the temperature, in this order
        (`arspec.heads.truncation`). InputError where the head has no probability for each level. guidance: how far to
        follow the conditions, beyond 1 more closely than the model does (`arspec.sampler.drive.guidance`). InputError
        where none may be left out, or the head has no logits. weights: exact, bfloat16 or int8: in how many bits linear
        layers have theirs while drawing. Samples are then those of a model with these weights; likelihoods stay exact.

        condition: each condition of the spec by its name, as a tensor, an array or lists with a row for each example. A
        class may be given by its number or its name: label="cat" for all examples, label=["cat", "dog"] in turn."""
        check_counts(n=n, first=first)
        check_each(check_whole, seed=seed, member=member, top_k=top_k)
        check_each(check_number, temperature=temperature, top_p=top_p, min_p=min_p, guidance=guidance)
        check_text(method, "method")
        if guidance is not None:
            check_guidance(self, guidance, condition)
        given, known = (None, None) if prefix is None else begun(self, n, tensor_of(prefix, "a prompt"), member)
        with showing(progress):
            return drawn(
                self, n, self.numbered(condition, n), method=method, member=member, seed=seed, temperature=temperature,
                first=first, given=given, known=known, truncation=self.graph.head.truncation(top_k, top_p, min_p),
                guidance=guidance, storage=check_storage(weights),
            )  # fmt: skip

    def stream(
        self, n: int = 1, *, steps: int, chunk: int = 1024, seed: int = 0, temperature: float = 1.0, member: int = 0,
        first: int = 0, prefix: Values | None = None, compiled: bool | None = None, top_k: int | None = None,
        top_p: float | None = None, min_p: float | None = None, guidance: float | None = None, weights: str = "exact",
        **condition: Condition,
    ) -> Iterator[Tensor]:  # fmt: skip
        """Sequences of any length, piece by piece: integers [n, up to chunk], `steps` of them in all. They are the
        numbers of `sample` of a spec of that length. Memory does not grow with the steps. A model that has no stream,
        as with attention over everything, is drawn in the same way up to its spec's own length.

        prefix [k] or [n, k]: what they begin with, taken in by one parallel pass. compiled: whether steps are compiled;
        None does so where it saves time. Series conditions run over all steps. top_k, top_p, min_p, guidance,
        weights: as in `sample`.
        InputError for more steps than there are, with the reason."""
        check_counts(n=n, first=first)
        check_each(check_whole, steps=steps, chunk=chunk, seed=seed, member=member, top_k=top_k)
        check_each(check_number, temperature=temperature, top_p=top_p, min_p=min_p, guidance=guidance)
        if guidance is not None:
            check_guidance(self, guidance, condition)
        prefix = None if prefix is None else tensor_of(prefix, "a prompt")
        return stream_of(self, member, check_storage(weights)).run(
            n, steps, self.numbered(condition, n), chunk=chunk, seed=seed, temperature=temperature, first=first,
            prefix=prefix, compiled=compiled, truncation=self.graph.head.truncation(top_k, top_p, min_p),
            guidance=guidance,
        )  # fmt: skip

    def complete(
        self, x: Values, known: Values, *, how: str = "auto", method: str = "auto", seed: int = 0,
        temperature: float = 1.0, member: int | None = None, progress: bool = False, particles: int = 64,
        sweeps: int = 20, tries: int = 1000,
        top_k: int | None = None, top_p: float | None = None, min_p: float | None = None,
        guidance: float | None = None, **condition: Condition,
    ) -> Tensor:  # fmt: skip
        """x with what is not `known` drawn anew, given what is. known: booleans [*shape], any of them. Exact
        conditional samples where the given part comes first in the order of some member of the family.
        `arspec.completion.complete` takes the same arguments. It says of every way (`how`) what its samples are worth.
        method, top_k, top_p, min_p, guidance: as in `sample`, all but the first for the order alone."""
        x = _examples(x)
        check_each(check_whole, seed=seed, member=member, particles=particles, sweeps=sweeps, tries=tries, top_k=top_k)
        check_each(check_number, temperature=temperature, top_p=top_p, min_p=min_p, guidance=guidance)
        check_each(check_text, method=method, how=how)
        with showing(progress):
            return completed(
                self, x, tensor_of(known, "what is known"), self.numbered(condition, len(x)), how=how, method=method,
                member=member, seed=seed, temperature=temperature, particles=particles, sweeps=sweeps, tries=tries,
                top_k=top_k, top_p=top_p, min_p=min_p, guidance=guidance,
            ).values  # fmt: skip

    # -- scores ------------------------------------------------------------------------------------------------------

    def score(
        self, x: Values, *, background: Network | None = None, typical: float | None = None, codec: str | None = None,
        batch: int = 64, members: int = 0, **condition: Condition,
    ) -> Scores:  # fmt: skip
        """How likely each example of x [N, *shape] is, where it is surprising, and scores of how strange it is: see
        `arspec.scoring.score`."""
        x = _examples(x)
        check_each(check_whole, batch=batch, members=members)
        check_number(typical, "typical")
        check_text(codec, "codec")
        if background is not None:
            check_type(background, Network, "background", "another model")
        return scored(
            self, x, self.numbered(condition, len(x)), background=background, typical=typical, codec=codec, batch=batch,
            members=members,
        )  # fmt: skip

    # -- pictures ----------------------------------------------------------------------------------------------------

    def show(self, x: Values, *, surprise: bool = False, **condition: Condition) -> Samples:
        """Examples x [N, *shape], or one [*shape], as a notebook shows them: pictures, sounds with their wave forms,
        text, tables. `.save("x.pdf")` writes them. They stay what they are: `sample` gives a tensor.

        surprise: also the bits of each place, under the conditions. condition: as in `sample`; classes are told beside
        each example. InputError for examples that do not fit."""
        return shown(self, _examples(x), surprise, condition)

    # -- compression -------------------------------------------------------------------------------------------------

    def compress(self, x: Values, *, member: int = 0, noise: int = 35, **condition: Condition) -> bytes:
        """Examples [B, *shape] as a container of about -log2 p(x) bits, which any machine decompresses whose parameters
        differ by less than 2^-noise of their size. It computes in float64. A condition has one row, or B."""
        x = _examples(x)
        check_each(check_whole, member=member, noise=noise)
        return compressed(self, x, member, noise, self.numbered(condition, len(x)))

    def decompress(self, container: bytes) -> Tensor:
        """The examples that `compress` made the container of, in their own type of integers. InputError where it is
        damaged, of another model, or where the numbers computed here are too far from those of the encoder."""
        check_type(container, (bytes, bytearray, memoryview), "a container", "the bytes that compress gave")
        return restored(self, container)

    # -- folders and repositories ------------------------------------------------------------------------------------

    def save(self, folder: str | PathLike[str]) -> Path:
        """Writes the model into a folder that stands alone: weights, spec, names of classes, and a card (README.md)
        with a diagram. `arspec.open` reads it. Gives the folder. InputError where it can't be written, or holds a run
        of training."""
        return saved(self, folder)

    @classmethod
    def from_pretrained(
        cls, name: str | PathLike[str], *, device: str = "auto", revision: str | None = None,
        token: str | bool | None = None, cache_dir: str | PathLike[str] | None = None, force_download: bool = False,
        local_files_only: bool = False,
    ) -> Model:  # fmt: skip
        """The model of a repository `owner/name`, or of a folder, by the mixin of huggingface_hub, whose options these
        are. InputError where that package is missing, and for what can't be had or is no model."""
        return hub.download(name, proven, device=device, revision=revision, token=token, cache_dir=cache_dir,
                            force_download=force_download, local_files_only=local_files_only)  # fmt: skip

    def save_pretrained(
        self, folder: str | PathLike[str], *, push_to_hub: bool = False, repo_id: str | None = None,
        commit_message: str | None = None, private: bool | None = None, token: str | None = None,
        branch: str | None = None, create_pr: bool | None = None,
    ) -> str | None:  # fmt: skip
        """As `save`, by the mixin of huggingface_hub. push_to_hub: into the repository `repo_id` as well (by default
        one of the folder's name), with the options of `push_to_hub`; then the address that the hub answers is given.
        InputError for such options without push_to_hub."""
        options = {"repo_id": repo_id, "commit_message": commit_message, "private": private, "token": token,
                   "branch": branch, "create_pr": create_pr}  # fmt: skip
        return hub.write(self, folder, push_to_hub, {name: each for name, each in options.items() if each is not None})

    def push_to_hub(
        self, repo_id: str, *, commit_message: str = hub.MESSAGE, private: bool | None = None,
        token: str | None = None, branch: str | None = None, create_pr: bool | None = None,
    ) -> str:  # fmt: skip
        """Writes the model, with its card, into a repository `owner/name`, which is made where it is not there. Gives
        the address that the hub answers. InputError where huggingface_hub is missing, and where the hub refuses."""
        return hub.upload(self, repo_id, commit_message=commit_message, private=private, token=token, branch=branch,
                          create_pr=create_pr)  # fmt: skip

    # -- torch's own -------------------------------------------------------------------------------------------------

    def _repr_html_(self) -> str:
        return model_page(self)

    def __repr__(self) -> str:
        return f"{self.spec.name}: {self.graph.parameters:,} parameters\n{self.graph.describe()}"


def _examples(x: Values) -> Tensor:
    """Examples [N, *shape] as a tensor. InputError for what has no axis of examples."""
    found = tensor_of(x)
    if not found.ndim:
        raise InputError("AR804", "examples are [N, *shape]; a single number came")
    return found


def build(spec: Spec, seed: int = 0, worth: int | None = None) -> Model:
    """The model of a spec, unproven: `arspec.compile` is what users call."""
    return Model(spec, seed, worth)


def proven(spec: Spec, seed: int = 0) -> Model:
    """The model of a spec that is proven first. A spec that is not is refused with its leaks as a SpecError, whose help
    says how an edit is found."""
    report = prove(spec, contexts=False)
    if not report.ok:
        raise SpecError([replace(found, help=_with_a_way_on(found.help, spec)) for found in report.diagnostics])
    return build(spec, seed)


def _with_a_way_on(help: str | None, spec: Spec) -> str | None:
    """The help of a leak, and the command that looks for an edit of the spec's file."""
    if not os.path.isfile(spec.source.name):
        return help
    settings = "".join(f" --set {name}={spec.params[name]}" for name in sorted(spec.overridden))
    way = f"`arspec verify {spec.source.name}{settings} --fix` looks for an edit that mends it"
    return way if help is None else f"{way}\n{help}"


__all__ = ["Model", "build", "proven"]
