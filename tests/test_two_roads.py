"""Two roads to one fact: what the labels of a pass of a compiled spec say is what its proof says."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import nn

from arspec.analysis.contexts import seen
from arspec.analysis.known_at import Relations
from arspec.verification.labels import labelled_contexts
from tests.small import MEMBERS, ROOT, every_spec, randomised, shared, small


@every_spec
def test_labels_of_the_compiled_module_are_the_proven_contexts(path: Path) -> None:
    """Pair by pair, for all variables."""
    model = shared(path)
    for member in range(min(MEMBERS, len(model.spec.members))):
        proven = seen(Relations(model.spec.graph(), model.spec.members[member])).matrix()
        found = labelled_contexts(model, member)
        assert found is not None
        np.testing.assert_array_equal(found, proven)


def test_a_module_that_does_something_else_is_told_apart() -> None:
    """A mask that is lifted in the compiled module shows in labels, though the proof knows nothing of it."""
    model = randomised(small(ROOT / "specs" / "made.yaml"))
    proven = seen(Relations(model.spec.graph(), model.spec.members[0])).matrix()
    with torch.no_grad():
        for buffer in model.buffers():
            if buffer.dtype == torch.bool or (buffer.is_floating_point() and (buffer == 0).any()):
                buffer.fill_(1)
    assert isinstance(model, nn.Module)
    found = labelled_contexts(model)
    assert found is not None
    assert (found & ~proven).any()
