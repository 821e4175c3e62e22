"""The modes of an audit, one file each, in the order in which they are run.

A mode is a function from what is audited to a report. It raises `Absent` where the module does not offer it.
"""

from __future__ import annotations

from collections.abc import Callable

from arspec import choices
from arspec.auditing.audited import Audited
from arspec.auditing.judging import ModeReport
from arspec.auditing.modes.batch import batch
from arspec.auditing.modes.cache import cache
from arspec.auditing.modes.documents import documents
from arspec.auditing.modes.evaluation import evaluation
from arspec.auditing.modes.forbid import forbid
from arspec.auditing.modes.lengths import lengths
from arspec.auditing.modes.padding import padding
from arspec.auditing.modes.sampler import sampler
from arspec.auditing.modes.training import training
from arspec.auditing.modes.variants import variants

Mode = Callable[[Audited], ModeReport]

_ALL = (evaluation, training, forbid, batch, lengths, variants, cache, padding, documents, sampler)
_NAMED = {mode.__name__: mode for mode in _ALL}
MODES: dict[str, Mode] = {name: _NAMED[name] for name in choices.MODES}

# They hold calls of several lengths against each other.
COMPARING = frozenset({"lengths", "cache", "padding", "documents"})

__all__ = ["COMPARING", "MODES", "Mode"]
