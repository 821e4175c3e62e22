"""What is answered of a whole text: its layout, and the verdict above its first line."""

from __future__ import annotations

from lsprotocol import types as lsp

from arspec.diagnostics import InputError
from arspec.editor.layout import laid_out
from arspec.lsp.documents import Document
from arspec.lsp.edits import between
from arspec.lsp.server import Server


def register(server: Server) -> None:
    """Answers `textDocument/formatting` and `textDocument/codeLens`."""

    @server.answers(lsp.TEXT_DOCUMENT_FORMATTING)
    def _formatted(server: Server, params: lsp.DocumentFormattingParams) -> list[lsp.TextEdit] | None:
        document = server.documents.get(params.text_document.uri)
        if document is None or not document.is_spec:
            return None
        try:
            return between(document.source, laid_out(document.source))
        except InputError:  # its faults are shown already
            return None

    @server.answers(lsp.TEXT_DOCUMENT_CODE_LENS)
    def _lenses(server: Server, params: lsp.CodeLensParams) -> list[lsp.CodeLens] | None:
        document = server.documents.get(params.text_document.uri)
        if document is None or not server.settings.lens:
            return None
        said = verdict(document)
        if said is None:
            return []
        line = lsp.Range(lsp.Position(0, 0), lsp.Position(0, 0))
        return [lsp.CodeLens(line, lsp.Command(said, ""))]

    def refresh(document: Document) -> None:
        able = server.client_capabilities.workspace
        if server.settings.lens and able is not None and able.code_lens is not None and able.code_lens.refresh_support:
            server.workspace_code_lens_refresh(None)

    server.changed.append(refresh)


def verdict(document: Document) -> str | None:
    """What is known of a document in a line, of the last text that was looked at; None where nothing is."""
    checked = document.checked
    if checked is None:
        return None
    errors = sum(one.level == "error" for one in checked.diagnostics)
    return checked.verdict or (
        f"does not load: {errors} fault{'s' * (errors != 1)}" if errors else "a library of blocks"
    )
