"""Builds a causal class of the installed transformers, tiny and random, or loads a checkpoint from a folder."""

from __future__ import annotations

import copy
import dataclasses
import inspect
import json
import logging
import re
import sys
import warnings
from collections.abc import Callable, Container, Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, cast

import torch
from torch import nn

from arspec.auditing.memories import CACHES
from arspec.auditing.transformers.calling import LanguageModel, offering
from arspec.auditing.transformers.shrinking import LENGTH, fill, merge, shrink
from arspec.diagnostics import InputError, Source, did_you_mean
from arspec.extras import need
from arspec.syntax.yaml import parse, plain

PREFIX = "transformers:"
MAX_WEIGHTS = 4_000_000  # of a tiny model; a configuration that makes more was not understood
ATTENTION = ("eager", "sdpa")
EXPERTS = ("eager", "batched_mm", "grouped_mm")

_MEMORY = ("past_key_values", "use_cache")
_PACKING = re.compile(r"mask\w*\([^()]*position_ids|mask_kwargs = \{[^}]*position_ids")


@dataclass(frozen=True)
class Causal:
    """A causal class that builds: the arguments that an audit takes, and how to build it once more.

    `build(attn_implementation="eager")` gives another module with the same weights. `variants` are the arguments of
    `build` that this class takes, by name; the module itself was built without any. `offers` names the modes.
    """

    name: str
    module: LanguageModel
    build: Callable[..., LanguageModel]
    configuration: dict[str, Any]
    length: int
    levels: int
    variants: dict[str, dict[str, str]] = field(default_factory=dict[str, dict[str, str]])
    input: str = "b t"
    output: str = "b t k"
    offset: int = 1
    take: str = "logits"

    @property
    def documents(self) -> str | None:
        """The keyword of its call that takes numbers of documents, where it has one."""
        return "documents" if "documents" in self.offers else None

    @property
    def offers(self) -> tuple[str, ...]:
        """Which of cache, padding and documents its call has keywords for."""
        keywords = {"past_key_values": "cache", "attention_mask": "padding", "documents": "documents"}
        taken = inspect.signature(self.module.forward).parameters
        return tuple(mode for keyword, mode in keywords.items() if keyword in taken)


def load_causal(target: str, config: Mapping[str, Any] | None = None, *, length: int = LENGTH, seed: int = 0) -> Causal:
    """The class `transformers:NAME`, tiny and random, or the checkpoint of the folder `transformers:FOLDER`.

    `config` replaces entries of the configuration; a dot leads into a nested one. InputError where transformers is
    missing, has no such class, or where the class does not build or run.
    """
    transformers = need("transformers")
    name = target.removeprefix(PREFIX)
    with _quiet(transformers):
        if "/" in name or name.startswith(".") or Path(name).is_dir():
            return _checkpoint(transformers, Path(name), _nested(config or {}), length)
        return _tiny(transformers, name, _nested(config or {}), length, seed)


def causal_classes() -> list[str]:
    """The names of all causal classes of the installed transformers: those of its mapping and those named so."""
    transformers = need("transformers")
    mapping = need("transformers", "transformers.models.auto.modeling_auto").MODEL_FOR_CAUSAL_LM_MAPPING_NAMES
    mapped = {name for entry in mapping.values() for name in ([entry] if isinstance(entry, str) else entry)}
    named = {name for name in dir(transformers) if name.endswith("ForCausalLM") and not name.startswith("Auto")}
    return sorted(mapped | named)


@cache
def _table() -> dict[str, dict[str, Any]]:
    """Class -> what its configuration needs beside what `shrink` makes."""
    file = files("arspec.auditing.transformers") / "configurations.yaml"
    return cast("dict[str, dict[str, Any]]", plain(parse(Source("configurations.yaml", file.read_text("utf-8")))))


def _tiny(transformers: Any, name: str, config: dict[str, Any], length: int, seed: int) -> Causal:
    kind = getattr(transformers, name, None)
    if not (isinstance(kind, type) and issubclass(kind, nn.Module)):
        raise InputError(
            "AR980",
            f"transformers {transformers.__version__} has no class {name!r}",
            help=did_you_mean(name, causal_classes(), what="its causal classes"),
        )
    source: Any = getattr(kind, "config_class", None)
    if source is None or not hasattr(kind, "_from_config"):
        raise InputError(
            "AR980", f"{name} is no model with a configuration", help="name a class such as LlamaForCausalLM"
        )
    type_name = str(getattr(kind, "config_class", None)).rpartition(".")[2].rstrip("'>")
    unheard = [key for key in config if not _known(source, key)]
    if unheard:
        fields = [each.name for each in dataclasses.fields(source)] if dataclasses.is_dataclass(source) else []
        raise InputError(
            "AR981",
            f"the configuration of {name}, a {type_name}, has no {unheard[0]!r}",
            help=did_you_mean(unheard[0], fields, what="it has"),
        )
    failures: list[str] = []
    candidates = _candidates(source, _table().get(name, {}), config, length)
    while True:
        try:
            candidate = next(candidates, None)
            if candidate is None:
                break
            return _settle(kind, lambda candidate=candidate: source(**copy.deepcopy(candidate)), length, seed)
        except Exception as error:  # whatever a configuration or a class says of numbers that do not suit it
            failures.append(f"{type(error).__name__}: {' '.join(str(error).split())[:300]}")
    raise InputError(
        "AR982",
        f"{name} does not build and run with a tiny configuration",
        help="\n".join([*dict.fromkeys(failures), "set other sizes with --config key=value"]),
    )


def _known(source: Any, key: str) -> bool:
    fields = {each.name for each in dataclasses.fields(source)} if dataclasses.is_dataclass(source) else None
    return fields is None or key in fields or hasattr(source, key) or key in getattr(source, "attribute_map", {})


def _candidates(source: Any, row: Mapping[str, Any], config: dict[str, Any], length: int) -> Iterator[dict[str, Any]]:
    """Configurations to try, as arguments: what is derived from other entries is left to the class at first."""
    start = cast("dict[str, Any]", row.get("default", {}))
    small = shrink(source(**start).to_dict(), length)
    over = merge(cast("dict[str, Any]", row.get("config", {})), config)
    stated = _stated(source)
    lean = {key: value for key, value in small.items() if key in stated or isinstance(value, list)}
    for candidate in (lean, small, fill(lean), fill(small)):
        yield merge(candidate, over)


def _stated(source: Any) -> set[str]:
    """The keys whose default the class states; it derives the others."""
    if not dataclasses.is_dataclass(source):
        return set()
    stated: set[str] = set()
    for each in dataclasses.fields(source):
        if each.default is not None or each.default_factory is not dataclasses.MISSING:
            stated.add(each.name)
    return stated


def _settle(kind: Any, configure: Callable[[], Any], length: int, seed: int) -> Causal:
    """The class of this configuration, once it has run; raises whatever it raises."""
    configuration = configure()
    with torch.device("meta"):
        size = sum(weight.numel() for weight in kind(copy.deepcopy(configuration)).parameters())
    if size > MAX_WEIGHTS:
        raise ValueError(f"this configuration makes {size:,} weights, more than a tiny model has")
    alphabet = _alphabet(configuration)

    def build(**implementations: str) -> LanguageModel:
        with torch.random.fork_rng(devices=[]), _quiet(need("transformers")):
            torch.manual_seed(seed)
            model = kind._from_config(configure(), dtype=torch.float32, **implementations).eval()
        return _wrapped(model, alphabet, silent)

    silent: set[str] = set()
    module = build()
    _try(module, length, len(alphabet))
    if not _remembers(module):
        silent.update(_MEMORY)
        module = build()
    return _described(kind.__name__, module, build, configuration, length, len(alphabet))


def _described(
    name: str, module: LanguageModel, build: Callable[..., LanguageModel], configuration: Any, length: int, levels: int
) -> Causal:
    variants: dict[str, dict[str, str]] = {}
    own: Any = module.model.config
    chosen = own._attn_implementation
    tried = [(other, {"attn_implementation": other}) for other in ATTENTION if other != chosen]
    if any(path.endswith("experts") for path, _ in module.model.named_modules()):
        chosen = own._experts_implementation
        tried += [(f"experts {other}", {"experts_implementation": other}) for other in EXPERTS if other != chosen]
    for variant, arguments in tried:
        try:
            _try(build(**arguments), length, levels)
        except Exception:  # this class does not offer it, or it does not run here
            continue
        variants[variant] = arguments
    return Causal(name, module, build, configuration.to_dict(), length, levels, variants)


def _wrapped(model: nn.Module, alphabet: list[int], silent: Container[str] = ()) -> LanguageModel:
    return offering([name for name in _keywords(model) if name not in silent])(model, alphabet)


def _remembers(module: LanguageModel) -> bool:
    """Whether a call gives its memory back where it has the keyword. Some classes keep a state in the module instead,
    which a caller cannot go on from."""
    if "past_key_values" not in _keywords(module.model):
        return True
    try:
        with torch.random.fork_rng(devices=[]), torch.no_grad():
            return module(torch.zeros(1, 4, dtype=torch.long), use_cache=True).past_key_values is not None
    except Exception:  # told by the audit of its cache
        return True


def _keywords(model: nn.Module) -> list[str]:
    """What the wrapped call takes: `past_key_values` and `use_cache`, `attention_mask`, `documents`, `position_ids`."""
    taken = inspect.signature(model.forward).parameters
    keywords: list[str] = []
    if any(name in taken for name in CACHES):
        keywords += _MEMORY
    if "attention_mask" in taken:
        keywords.append("attention_mask")
    if "position_ids" in taken:
        keywords += ["documents", "position_ids"] if _packs(model) else ["position_ids"]
    return keywords


def _packs(model: nn.Module) -> bool:
    """Whether its masks are told of positions, which is how these classes promise to keep packed documents apart."""
    homes = {type(part).__module__ for part in model.modules() if hasattr(part, "config_class")}
    return any(_PACKING.search(inspect.getsource(sys.modules[home])) is not None for home in homes)


def _try(module: LanguageModel, length: int, levels: int) -> None:
    """Runs it once; raises what it raises, and where it gives no logits for every token."""
    ids = torch.arange(2 * length).reshape(2, length) % levels
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        logits = module(ids).logits
    if tuple(logits.shape[:2]) != (2, length):
        raise ValueError(f"logits of the shape {tuple(logits.shape)} for ids of the shape (2, {length})")
    if not bool(logits.isfinite().all()):
        raise ValueError("logits that are no numbers")


def _alphabet(configuration: Any) -> list[int]:
    """The ids that are plain: in the vocabulary, and without a meaning of their own, such as padding."""
    text = configuration.get_text_config()
    vocabulary = cast("int", text.vocab_size)
    special: set[int] = set()
    for part in (configuration, text):
        for key, value in part.to_dict().items():
            if key.endswith(("token_id", "token_index")):
                special.update(value if isinstance(value, list) else [] if value is None else [value])
    plain_ids = [token for token in range(vocabulary) if token not in special]
    return plain_ids if len(plain_ids) > 1 else list(range(vocabulary))


def _checkpoint(transformers: Any, folder: Path, config: dict[str, Any], length: int) -> Causal:
    if not (folder / "config.json").is_file() or not list(folder.glob("*.safetensors")):
        raise InputError(
            "AR983",
            f"{folder} holds no checkpoint: config.json and weights as *.safetensors are needed",
            help="a class is named without a folder, as in transformers:LlamaForCausalLM",
        )
    try:
        stated = json.loads((folder / "config.json").read_text("utf-8"))
        names = [str(name) for name in stated.get("architectures") or []]
        kind = next((found for name in names if (found := getattr(transformers, name, None)) is not None), None)
        kind = transformers.AutoModelForCausalLM if kind is None else kind

        def build(**implementations: str) -> LanguageModel:
            own = {"local_files_only": True, "use_safetensors": True, "trust_remote_code": False, "dtype": "float32"}
            with _quiet(transformers):
                model = kind.from_pretrained(str(folder), **own, **config, **implementations).eval()
            return _wrapped(model, _alphabet(model.config))

        module = build()
        levels = len(module.alphabet)
        _try(module, length, levels)
        return _described(type(module.model).__name__, module, build, module.model.config, length, levels)
    except Exception as error:  # whatever transformers says of files that it cannot read
        raise InputError(
            "AR983", f"{folder} cannot be loaded: {type(error).__name__}: {' '.join(str(error).split())[:300]}"
        ) from error


def _nested(config: Mapping[str, Any]) -> dict[str, Any]:
    """`{"text_config.hidden_size": 8}` as mappings within mappings."""
    out: dict[str, Any] = {}
    for key, value in config.items():
        place = out
        *path, last = key.split(".")
        for part in path:
            place = place.setdefault(part, {})
        place[last] = value
    return out


@contextmanager
def _quiet(transformers: Any) -> Generator[None]:
    """Without the library's warnings, which speak of other uses."""
    before = transformers.logging.get_verbosity()
    transformers.logging.set_verbosity(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        transformers.logging.set_verbosity(before)
