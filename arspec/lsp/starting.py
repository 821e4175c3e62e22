"""A server with all that it answers, and its conversation."""

from __future__ import annotations

import socket
from typing import Any, BinaryIO

from lsprotocol import types as lsp

from arspec.diagnostics import InputError, Source
from arspec.lsp import actions, features, whole
from arspec.lsp.documents import name_of
from arspec.lsp.positions import offset_of
from arspec.lsp.publishing import Publisher
from arspec.lsp.server import Server

Change = lsp.TextDocumentContentChangePartial | lsp.TextDocumentContentChangeWholeDocument
WATCHED = "**/*.{yaml,yml,npy,csv,txt}"  # files that specs are read with


def build() -> Server:
    """A server with all that it answers."""
    server = Server()

    @server.answers(lsp.INITIALIZE)
    def _initialize(server: Server, params: lsp.InitializeParams) -> None:
        server.settings = server.settings.changed(params.initialization_options)
        told = params.capabilities.text_document
        told = None if told is None else told.publish_diagnostics
        server.publisher = Publisher(server.documents, bool(told and told.code_description_support))

    @server.answers(lsp.INITIALIZED)
    def _initialized(server: Server, params: Any) -> None:
        able = server.client_capabilities.workspace
        able = None if able is None else able.did_change_watched_files
        if able is not None and able.dynamic_registration:
            options = lsp.DidChangeWatchedFilesRegistrationOptions([lsp.FileSystemWatcher(WATCHED)])
            one = lsp.Registration("arspec-files", lsp.WORKSPACE_DID_CHANGE_WATCHED_FILES, options)
            server.client_register_capability(lsp.RegistrationParams([one]))

    @server.answers(lsp.SHUTDOWN)
    def _dismissed(server: Server, params: Any) -> None:
        server.dismissed = True
        server.background.end()

    @server.answers(lsp.TEXT_DOCUMENT_DID_OPEN)
    def _opened(server: Server, params: lsp.DidOpenTextDocumentParams) -> None:
        one = params.text_document
        server.take(one.uri, one.text, one.version)

    @server.answers(lsp.TEXT_DOCUMENT_DID_CHANGE)
    def _changed(server: Server, params: lsp.DidChangeTextDocumentParams) -> None:
        one, document = params.text_document, server.documents.get(params.text_document.uri)
        if document is None or not params.content_changes:
            return
        source = document.source
        for change in params.content_changes:
            source = Source(source.name, changed(source, change))
        server.take(one.uri, source.text, one.version)

    @server.answers(lsp.TEXT_DOCUMENT_DID_CLOSE)
    def _closed(server: Server, params: lsp.DidCloseTextDocumentParams) -> None:
        server.leave(params.text_document.uri)

    @server.answers(lsp.TEXT_DOCUMENT_DID_SAVE)
    def _saved(server: Server, params: lsp.DidSaveTextDocumentParams) -> None:
        server.touched([name_of(params.text_document.uri)])

    @server.answers(lsp.WORKSPACE_DID_CHANGE_WATCHED_FILES)
    def _on_disk(server: Server, params: lsp.DidChangeWatchedFilesParams) -> None:
        open_ = {each.uri for each in server.documents}
        server.touched(name_of(change.uri) for change in params.changes if change.uri not in open_)

    @server.answers(lsp.WORKSPACE_DID_CHANGE_CONFIGURATION)
    def _configured(server: Server, params: lsp.DidChangeConfigurationParams) -> None:
        server.settings = server.settings.changed(params.settings)
        for document in server.documents:
            server.look(document, 0)

    actions.register(server)
    whole.register(server)
    features.register(server)
    return server


def changed(source: Source, change: Change) -> str:
    """The text after a change: of the whole, as the server asks for, or of a part, as some editors send."""
    if isinstance(change, lsp.TextDocumentContentChangeWholeDocument):
        return change.text
    start, end = offset_of(source, change.range.start), offset_of(source, change.range.end)
    return source.text[:start] + change.text + source.text[max(start, end) :]


def serve(given: BinaryIO | None, out: BinaryIO) -> bool:
    """Speaks on standard input or `given`, and on `out`, until the editor ends it. Whether it said that it would."""
    server = build()
    server.start_io(given, out)
    return server.dismissed


def serve_at(port: int) -> bool:
    """Speaks with the first who comes to a port of this machine. Raises InputError where the port is taken."""
    try:
        with socket.create_server(("127.0.0.1", port)) as listening:
            one, _ = listening.accept()
    except OSError as error:
        message = f"port {port} of this machine can't be used: {error.strerror}"
        raise InputError("AR808", message, "take another one") from None
    with one, one.makefile("rb") as given, one.makefile("wb") as out:
        return serve(given, out)
