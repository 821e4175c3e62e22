"""Causality as a test: `assert_causal(module, input="b t", output="b t k", size={"t": 16}, levels=8, offset=1)`.

Nothing heavy is imported before it is called. The fixture `assert_causal` of pytest is the same function.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import nn

    from arspec.auditing import AuditReport

__all__ = ["NotCausal", "assert_causal"]


class NotCausal(AssertionError):
    """A module that was not proven. `report` is the whole report of the audit."""

    def __init__(self, told: str, report: AuditReport) -> None:
        super().__init__(told)
        self.report = report


def assert_causal(
    module: nn.Module,
    input: str = "b t",
    output: str = "b t k",
    size: Mapping[str, int] | None = None,
    *,
    accept: str | Sequence[str] = (),
    modes: str | Sequence[str] | None = None,
    **options: Any,
) -> AuditReport:
    """Passes where every mode that the module offers is proven, or agrees; gives the report.

    size: of the axes of the input; 16 where none is given. accept: 'given-route' passes what is proven with the route
    of a token taken as given, 'not-decided' what is neither proven nor seen to leak. Further options are those of
    `arspec.audit`, such as offset=1, levels=256, order="zigzag", documents="segments".

    Raises NotCausal, an AssertionError, with one screen of text; InputError where the module cannot be run as stated.
    """
    from arspec.auditing.asserting import asserted

    report, told = asserted(module, input, output, size, accept=accept, modes=modes, **options)
    if told:
        raise NotCausal(told, report)
    return report
