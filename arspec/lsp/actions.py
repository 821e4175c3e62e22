"""Code actions: what the help of a fault says, and the checked mends of leaks and of what is not seen."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from lsprotocol import types as lsp

from arspec.analysis.fix import Proposal
from arspec.diagnostics import Diagnostic, InputError, Source
from arspec.language.shipped import check_own
from arspec.lsp.checking import OF_CONTEXTS
from arspec.lsp.documents import Document
from arspec.lsp.edits import at_places, between
from arspec.lsp.publishing import LEAKS, Shown
from arspec.lsp.server import Server

PATIENCE = 3.0  # seconds that a request waits for mends; it is asked again at the next move of the cursor
LONGEST = 60  # characters of a text that a title quotes
ALL = lsp.CodeActionKind.SourceFixAll


def register(server: Server) -> None:
    """Answers `textDocument/codeAction`."""

    @server.answers(lsp.TEXT_DOCUMENT_CODE_ACTION, lsp.CodeActionOptions([lsp.CodeActionKind.QuickFix, ALL]))
    async def _actions(server: Server, params: lsp.CodeActionParams) -> list[lsp.CodeAction] | None:
        document = server.documents.get(params.text_document.uri)
        if document is None:
            return None
        only = [str(getattr(kind, "value", kind)) for kind in params.context.only or ()]
        found: list[lsp.CodeAction] = []
        if not only or lsp.CodeActionKind.QuickFix.value in only:
            found += await _quick(server, document, params.range)
        if any(kind in ("source", ALL.value) for kind in only):
            found += _every(server, document)
        return found


async def _quick(server: Server, document: Document, range: lsp.Range) -> list[lsp.CodeAction]:
    """The actions for what is shown in a range of a document."""
    found: list[lsp.CodeAction] = []
    mended: set[str] = set()
    for name, one in [(name, one) for name, of in server.shown.items() for one in of]:
        if one.uri != document.uri or not _touch(one.lsp.range, range):
            continue
        if one.diagnostic.edits:
            found.append(_helped(server, one))
        elif one.diagnostic.code in (*LEAKS, *OF_CONTEXTS) and name not in mended:
            mended.add(name)
            owner = server.documents.get(name)
            if owner is not None:
                found += [
                    _mend(server, each, one) for each in await _proposals(server, owner) if _current(server, each)
                ]
    return found


def _touch(one: lsp.Range, other: lsp.Range) -> bool:
    ends = [((r.start.line, r.start.character), (r.end.line, r.end.character)) for r in (one, other)]
    return ends[0][0] <= ends[1][1] and ends[1][0] <= ends[0][1]


def _helped(server: Server, one: Shown) -> lsp.CodeAction:
    """What the help of a fault says, for programs."""
    edits = one.diagnostic.edits
    words = [f"replace `{_short(place.text)}` by `{_short(text)}`" if place.text and text else
             f"write `{_short(text)}`" if text else f"remove `{_short(place.text)}`"
             for place, text in edits[:1]]  # fmt: skip
    more = f" and {len(edits) - 1} more" if len(edits) > 1 else ""
    return lsp.CodeAction(
        _capital(words[0]) + more, lsp.CodeActionKind.QuickFix, [one.lsp], is_preferred=True,
        edit=lsp.WorkspaceEdit(_by_file(server, [one.diagnostic])),
    )  # fmt: skip


def _mend(server: Server, mend: Proposal, one: Shown) -> lsp.CodeAction:
    """A checked mend of a whole text."""
    title = f"{_capital(mend.message)} (then proven, {mend.coverage:.2%} of the legal pairs seen)"
    source = Source(mend.name, mend.original)
    edit = lsp.WorkspaceEdit({server.documents.uri_of(mend.name): between(source, mend.text)})
    preferred = one.diagnostic.code in LEAKS
    return lsp.CodeAction(title, lsp.CodeActionKind.QuickFix, [one.lsp], is_preferred=preferred, edit=edit)


async def _proposals(server: Server, document: Document) -> tuple[Proposal, ...]:
    """The checked mends of a document's text, which are sought when they are first asked for, if not before. None
    where they take longer than PATIENCE."""
    checked = document.checked
    if checked is None or checked.source is not document.source:
        return ()
    if checked.proposals is None:
        work = server.seek(document)
        if work is not None:
            try:
                await asyncio.wait_for(asyncio.shield(asyncio.wrap_future(work)), PATIENCE)
            except (TimeoutError, asyncio.CancelledError):
                return ()
            await asyncio.sleep(0)  # what was found is taken in first
        checked = document.checked
    return (checked.proposals if checked is not None else None) or ()


def _current(server: Server, mend: Proposal) -> bool:
    """Whether a mend is of a text as it is open, and may be made: a spec of the installation is not changed."""
    try:
        check_own(mend.name)
    except InputError:
        return False
    document = server.documents.named(mend.name)
    return document is None or document.source.text == mend.original


def _every(server: Server, document: Document) -> list[lsp.CodeAction]:
    """All that helps say to programs, at once."""
    faults = [one.diagnostic for one in server.shown.get(document.uri, []) if one.diagnostic.edits]
    changes = _by_file(server, faults)
    if not changes:
        return []
    return [lsp.CodeAction("Mend all that is misspelt", ALL, edit=lsp.WorkspaceEdit(changes))]


def _by_file(server: Server, faults: Iterable[Diagnostic]) -> dict[str, list[lsp.TextEdit]]:
    found: dict[str, list[lsp.TextEdit]] = {}
    for place, text in dict.fromkeys(edit for fault in faults for edit in fault.edits):
        edits = found.setdefault(server.documents.uri_of(place.source.name), [])
        (new,) = at_places([(place, text)])
        if not any(_touch(each.range, new.range) for each in edits):  # the editor takes none that overlap
            edits.append(new)
    return found


def _short(text: str) -> str:
    one = " ".join(text.split())
    return one if len(one) <= LONGEST else one[: LONGEST - 3] + "..."


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
