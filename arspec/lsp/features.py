"""What `arspec.editor` knows, as the protocol has it: hovers, completions, definitions, renames, hints, outlines."""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import Iterable
from typing import Any

from lsprotocol import types as lsp
from pygls.uris import to_fs_path

from arspec.diagnostics import InputError
from arspec.editor import completion, inlays, navigate, outline, rename, text, tokens
from arspec.editor.document import Document
from arspec.editor.hover import hover
from arspec.lsp.documents import Document as Open
from arspec.lsp.documents import uri_of
from arspec.lsp.server import Refused, Server

PATIENCE = 1.0  # seconds that a hover waits for the proof of a text that was just opened
TICK = 0.02

_KINDS: dict[completion.Sort, lsp.CompletionItemKind] = {
    "node": lsp.CompletionItemKind.Variable, "output": lsp.CompletionItemKind.Field,
    "input": lsp.CompletionItemKind.Variable, "param": lsp.CompletionItemKind.Constant,
    "mask": lsp.CompletionItemKind.Function, "block": lsp.CompletionItemKind.Class,
    "condition": lsp.CompletionItemKind.Variable, "key": lsp.CompletionItemKind.Property,
    "kind": lsp.CompletionItemKind.Class, "value": lsp.CompletionItemKind.EnumMember,
    "word": lsp.CompletionItemKind.Keyword, "file": lsp.CompletionItemKind.File,
    "section": lsp.CompletionItemKind.Module, "data": lsp.CompletionItemKind.Variable,
}  # fmt: skip
_SYMBOLS: dict[outline.Sort, lsp.SymbolKind] = {
    "section": lsp.SymbolKind.Namespace, "node": lsp.SymbolKind.Variable, "repeat": lsp.SymbolKind.Array,
    "block": lsp.SymbolKind.Class, "param": lsp.SymbolKind.Constant, "mask": lsp.SymbolKind.Function,
    "condition": lsp.SymbolKind.Interface, "head": lsp.SymbolKind.Event, "key": lsp.SymbolKind.Property,
}  # fmt: skip
_TYPES = [*dict.fromkeys(tokens.TYPES.values())]
_LEGEND = lsp.SemanticTokensLegend(_TYPES, [*tokens.MODIFIERS])


class Views:
    """The open documents as `arspec.editor` has them: made once for each text, the last good one going on."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self._kept: weakref.WeakKeyDictionary[Open, tuple[list[object], Document]] = weakref.WeakKeyDictionary()

    def of(self, uri: str) -> Document | None:
        """The document of a URI; None where it is not open, or is no spec."""
        one = self.server.documents.get(uri)
        return None if one is None or not one.is_spec else self.view(one)

    def view(self, one: Open) -> Document:
        """An open document, with the specs that were loaded of it."""
        others = [each for each in self.server.documents if each is not one]
        current = one.checked if one.checked is not None and one.checked.source is one.source else None
        spec, good = None if current is None else current.spec, None if one.good is None else one.good.spec
        state: list[object] = [one.source, spec, good, *(each.source for each in others)]
        kept = self._kept.get(one)
        if kept is not None and len(kept[0]) == len(state) and all(a is b for a, b in zip(kept[0], state, strict=True)):
            return kept[1]
        made = Document(
            one.name, one.source.text, one.version or 0, {each.name: each.source.text for each in others},
            self._folders(), good, spec, False,
        )  # fmt: skip
        self._kept[one] = state, made
        return made

    def _folders(self) -> tuple[str, ...]:
        workspace = self.server.workspace
        paths = [to_fs_path(folder.uri) for folder in workspace.folders.values()]
        return tuple(path for path in (*paths, workspace.root_path) if path)

    async def settled(self, uri: str) -> Document | None:
        """The document, once the proof of its text is there or `PATIENCE` has passed."""
        waited = 0.0
        while (one := self.server.documents.get(uri)) is not None and one.is_spec and waited < PATIENCE:
            if one.checked is not None and one.checked.source is one.source:
                break
            await asyncio.sleep(TICK)
            waited += TICK
        return self.of(uri)

    def uri(self, file: str) -> str:
        """The URI of a path, as the editor names it."""
        one = self.server.documents.named(file)
        return uri_of(file) if one is None else one.uri


def register(server: Server) -> None:
    """Registers all of it."""
    views = Views(server)
    _reading(server, views)
    _writing(server, views)
    _showing(server, views)


# -- what is said of a place -------------------------------------------------------------------------------------------


def _reading(server: Server, views: Views) -> None:
    @server.answers(lsp.TEXT_DOCUMENT_HOVER)
    async def _hover(server: Server, params: lsp.HoverParams) -> lsp.Hover | None:
        document = await views.settled(params.text_document.uri)
        found = None if document is None else await asyncio.to_thread(hover, document, _place(params.position))
        if found is None:
            return None
        return lsp.Hover(lsp.MarkupContent(lsp.MarkupKind.Markdown, found.text), _range(found.range))

    @server.answers(lsp.TEXT_DOCUMENT_DEFINITION)
    def _definition(server: Server, params: lsp.DefinitionParams) -> list[lsp.Location] | None:
        document = views.of(params.text_document.uri)
        return None if document is None else _locations(views, navigate.definition(document, _place(params.position)))

    @server.answers(lsp.TEXT_DOCUMENT_REFERENCES)
    async def _references(server: Server, params: lsp.ReferenceParams) -> list[lsp.Location] | None:
        document = views.of(params.text_document.uri)
        if document is None:
            return None
        stated = params.context.include_declaration
        return _locations(
            views, await asyncio.to_thread(navigate.references, document, _place(params.position), stated)
        )

    @server.answers(lsp.TEXT_DOCUMENT_DOCUMENT_HIGHLIGHT)
    def _highlight(server: Server, params: lsp.DocumentHighlightParams) -> list[lsp.DocumentHighlight] | None:
        document = views.of(params.text_document.uri)
        if document is None:
            return None
        kinds = {True: lsp.DocumentHighlightKind.Write, False: lsp.DocumentHighlightKind.Read}
        found = navigate.highlights(document, _place(params.position))
        return [lsp.DocumentHighlight(_range(where), kinds[stated]) for where, stated in found]


# -- what is written ---------------------------------------------------------------------------------------------------


def _writing(server: Server, views: Views) -> None:
    @server.answers(lsp.TEXT_DOCUMENT_COMPLETION, lsp.CompletionOptions(trigger_characters=["$", ".", " ", "{", "["]))
    def _completion(server: Server, params: lsp.CompletionParams) -> lsp.CompletionList | None:
        one = server.documents.get(params.text_document.uri)
        if one is None or not (one.is_spec or _begun(one)):
            return None
        items = completion.completions(views.view(one), _place(params.position))
        return lsp.CompletionList(False, [_item(each, number) for number, each in enumerate(items)])

    @server.answers(lsp.TEXT_DOCUMENT_PREPARE_RENAME)
    def _prepare(server: Server, params: lsp.PrepareRenameParams) -> lsp.PrepareRenamePlaceholder | None:
        document = views.of(params.text_document.uri)
        if document is None:
            return None
        try:
            found = rename.prepare(document, _place(params.position))
        except InputError as error:
            raise _refused(error) from None
        return lsp.PrepareRenamePlaceholder(_range(found.range), found.name)

    @server.answers(lsp.TEXT_DOCUMENT_RENAME, lsp.RenameOptions(prepare_provider=True))
    async def _rename(server: Server, params: lsp.RenameParams) -> lsp.WorkspaceEdit | None:
        document = views.of(params.text_document.uri)
        if document is None:
            return None
        try:
            edits = await asyncio.to_thread(rename.rename, document, _place(params.position), params.new_name)
        except InputError as error:
            raise _refused(error) from None
        return lsp.WorkspaceEdit(
            {views.uri(file): [lsp.TextEdit(_range(one.range), one.text) for one in of] for file, of in edits.items()}
        )


def _begun(one: Open) -> bool:
    """Whether a text that is no spec yet may become one: it has a word at the most."""
    return len(one.source.text.split()) < 2


def _item(item: completion.Item, number: int) -> lsp.CompletionItem:
    about = lsp.MarkupContent(lsp.MarkupKind.Markdown, item.about) if item.about else None
    return lsp.CompletionItem(
        item.label, kind=_KINDS[item.sort], detail=item.detail or None, documentation=about,
        sort_text=f"{number:04d}", text_edit=lsp.TextEdit(_range(item.range), item.text),
        insert_text_format=lsp.InsertTextFormat.Snippet if item.snippet else None,
    )  # fmt: skip


def _refused(error: InputError) -> Refused:
    return Refused(f"{error.message}" + (f": {error.help}" if error.help else ""))


# -- what is shown of the whole ----------------------------------------------------------------------------------------


def _showing(server: Server, views: Views) -> None:
    @server.answers(lsp.TEXT_DOCUMENT_DOCUMENT_SYMBOL)
    def _symbols(server: Server, params: lsp.DocumentSymbolParams) -> list[lsp.DocumentSymbol] | None:
        document = views.of(params.text_document.uri)
        return None if document is None else [_symbol(one) for one in outline.symbols(document)]

    @server.answers(lsp.TEXT_DOCUMENT_FOLDING_RANGE)
    def _folds(server: Server, params: lsp.FoldingRangeParams) -> list[lsp.FoldingRange] | None:
        document = views.of(params.text_document.uri)
        if document is None:
            return None
        kinds = {True: lsp.FoldingRangeKind.Comment, False: lsp.FoldingRangeKind.Region}
        return [lsp.FoldingRange(one.first, one.last, kind=kinds[one.comment]) for one in outline.folds(document)]

    @server.answers(lsp.TEXT_DOCUMENT_INLAY_HINT)
    async def _hints(server: Server, params: lsp.InlayHintParams) -> list[lsp.InlayHint] | None:
        document = views.of(params.text_document.uri)
        if document is None:
            return None
        found = await asyncio.to_thread(inlays.inlays, document, _within(params.range))
        return [
            lsp.InlayHint(
                _position(one.position), one.text, lsp.InlayHintKind.Type, padding_left=True,
                tooltip=lsp.MarkupContent(lsp.MarkupKind.Markdown, one.about),
            )
            for one in found
        ]  # fmt: skip

    @server.answers(lsp.TEXT_DOCUMENT_SEMANTIC_TOKENS_FULL, _LEGEND)
    def _tokens(server: Server, params: lsp.SemanticTokensParams) -> lsp.SemanticTokens | None:
        document = views.of(params.text_document.uri)
        return None if document is None else lsp.SemanticTokens(_numbers(tokens.tokens(document)))

    def refresh(one: Open) -> None:
        """Hints are asked for again once the sizes of a text are known."""
        able = server.client_capabilities.workspace
        able = None if able is None else able.inlay_hint
        spec = None if one.checked is None else one.checked.spec
        if able is not None and able.refresh_support and spec is not None and told.get(one) is not spec:
            told[one] = spec
            server.workspace_inlay_hint_refresh(None)

    told: weakref.WeakKeyDictionary[Open, Any] = weakref.WeakKeyDictionary()
    server.changed.append(refresh)


def _symbol(one: outline.Entry) -> lsp.DocumentSymbol:
    return lsp.DocumentSymbol(
        one.name, _SYMBOLS[one.sort], _range(one.range), _range(one.own), one.detail or None,
        children=[_symbol(inner) for inner in one.inside],
    )  # fmt: skip


def _numbers(found: Iterable[tokens.Token]) -> list[int]:
    """Tokens as the protocol packs them: five numbers each, places relative to the one before."""
    numbers: list[int] = []
    line = column = 0
    for one in found:
        begins = one.position.column - (column if one.position.line == line else 0)
        marks = (1 if one.declares else 0) | (2 if one.ready else 0)
        numbers += [one.position.line - line, begins, one.length, _TYPES.index(one.type), marks]
        line, column = one.position
    return numbers


# -- places ------------------------------------------------------------------------------------------------------------


def _place(position: lsp.Position) -> text.Position:
    return text.Position(position.line, position.character)


def _within(range: lsp.Range) -> text.Range:
    return text.Range(_place(range.start), _place(range.end))


def _position(position: text.Position) -> lsp.Position:
    return lsp.Position(position.line, position.column)


def _range(range: text.Range) -> lsp.Range:
    return lsp.Range(_position(range.start), _position(range.end))


def _locations(views: Views, found: Iterable[text.Location]) -> list[lsp.Location]:
    return [lsp.Location(views.uri(one.file), _range(one.range)) for one in found]
