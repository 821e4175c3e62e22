"""The server: documents come and change, and what is known of them is published."""

from __future__ import annotations

import asyncio
import inspect
import logging
import os
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any

from lsprotocol import types as lsp
from lsprotocol.types import ResponseError
from pygls.exceptions import JsonRpcException, JsonRpcInvalidParams
from pygls.lsp.server import LanguageServer
from pygls.protocol import LanguageServerProtocol, lsp_method

from arspec.lsp.background import Background
from arspec.lsp.checking import Checked, contexts, meanwhile, mends, proof
from arspec.lsp.documents import Document, Documents, Ticket
from arspec.lsp.publishing import Publisher, Shown
from arspec.lsp.settings import Settings
from arspec.version import VERSION

STATUS = "arspec/status"  # a notification of ours, for those who asked for it

log = logging.getLogger("arspec.lsp")


class Refused(JsonRpcInvalidParams):
    """What is asked for is not done, for a reason that the person who asked reads."""


def _is_fault(record: logging.LogRecord) -> bool:
    """Whether what pygls logs is a fault: a refusal is none."""
    return not (record.exc_info and isinstance(record.exc_info[1], Refused))


logging.getLogger("pygls.protocol.json_rpc").addFilter(_is_fault)


@contextmanager
def _logged(method: str) -> Generator[None]:
    """What is raised within is logged and goes no further, but for a refusal."""
    try:
        yield
    except Refused:
        raise
    except Exception:
        log.exception("%s failed", method)


class Protocol(LanguageServerProtocol):
    """pygls's, whose answers say what went wrong and never where in the server: that is for its log."""

    @lsp_method(lsp.INITIALIZE)
    def lsp_initialize(self, params: lsp.InitializeParams) -> Generator[Any, Any, lsp.InitializeResult]:
        """As pygls does it; whatever else the editor offers, columns are in UTF-16, which every editor speaks."""
        if params.capabilities.general is not None:
            params.capabilities.general.position_encodings = None
        return (yield from super().lsp_initialize(params))

    def structure_message(self, data: dict[str, Any]) -> Any:
        """As pygls does it; a request that can't be read is answered, where pygls is silent."""
        try:
            return super().structure_message(data)
        except JsonRpcException:
            if "id" in data and "method" in data:
                message = f"the parameters of {str(data['method'])[:80]} are not those of the protocol"
                self._send_response(data["id"], error=ResponseError(lsp.ErrorCodes.InvalidParams, message))
            raise

    def _send_response(self, msg_id: Any, result: Any = None, error: ResponseError | None = None) -> None:
        if error is not None and error.data is not None:
            error = ResponseError(error.code, error.message)
        super()._send_response(msg_id, result, error)


class Server(LanguageServer):
    """A language server of specs. `documents` holds what is open."""

    def __init__(self) -> None:
        super().__init__("arspec", VERSION, lsp.TextDocumentSyncKind.Full, protocol_cls=Protocol)
        self.documents = Documents()
        self.settings = Settings()
        self.publisher = Publisher(self.documents, pages=False)
        self.background = Background()
        self.dismissed = False  # whether the editor has said that it will end
        self.shown: dict[str, list[Shown]] = {}  # by the URI of the document that they are found in
        self._published: dict[str, list[lsp.Diagnostic]] = {}  # by the URI that they are shown at
        self.changed: list[Callable[[Document], None]] = []  # told of each document that was looked at

    # -- registering -------------------------------------------------------------------------------------------------

    def answers(self, method: str, options: Any = None) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        """Registers a function (server, params) for a method. What it raises is logged, and answered with null; a
        refusal (Refused) is answered with its words."""

        def register(function: Callable[..., Any]) -> Callable[..., Any]:
            if inspect.iscoroutinefunction(function):

                async def answer_later(params: Any) -> Any:
                    with _logged(method):
                        return await function(self, params)
                    return None  # it failed

                self.feature(method, options)(answer_later)
            else:

                def answer(params: Any) -> Any:
                    with _logged(method):
                        return function(self, params)
                    return None  # it failed

                self.feature(method, options)(answer)
            return function

        return register

    def report_server_error(self, error: Exception, source: Any) -> None:
        """To the log alone."""
        level = logging.INFO if isinstance(error, Refused) else logging.ERROR
        logging.getLogger("arspec.protocol").log(level, "%s: %s", getattr(source, "__name__", source), error)

    def shutdown(self) -> None:
        """Ends what runs beside the conversation, and then the conversation."""
        self.background.end()
        super().shutdown()

    # -- texts that come and go --------------------------------------------------------------------------------------

    def take(self, uri: str, text: str, version: int | None) -> None:
        """A text that was opened or has changed: it is looked at, and so are those that are read with it."""
        document = self.documents.open(uri, text, version)
        self.look(document)
        for other in self.documents.that_ask(document.name):
            self.look(other)

    def leave(self, uri: str) -> None:
        """A document that was closed: nothing is said of it any more, and those that read it read its file again."""
        document = self.documents.close(uri)
        if document is None:
            return
        document.ticket.wanted = False
        self._say(document, [])
        for other in self.documents.that_ask(document.name):
            self.look(other)

    def touched(self, names: Iterable[str]) -> None:
        """Files that changed on the disk: what is read with them is looked at again."""
        changed = {*names}
        for document in self.documents:
            beside = any(os.path.basename(name) in document.source.text for name in changed)
            if changed & document.asked or beside:
                self.look(document, 0)

    def look(self, document: Document, delay: float | None = None) -> None:
        """Looks at a document's text in `delay` seconds, unless it has changed by then: by default, for as long as its
        last proof took, and as the settings have it at the most. What ran for the text before is wanted no more."""
        document.ticket.wanted = False
        document.ticket = ticket = Ticket()
        delay = min(self.settings.delay / 1000, document.cost) if delay is None else delay
        asyncio.get_running_loop().call_later(delay, self._look, document, ticket)

    def _look(self, document: Document, ticket: Ticket) -> None:
        if not ticket.wanted:
            return
        if not document.is_spec:
            document.checked = None
            self._say(document, [])
            return
        source, texts, params = document.source, self.documents.texts(document), dict(self.settings.params)
        work = self.background.prove(ticket, lambda: proof(source, texts, params))
        self._then(work, lambda checked: self._proved(document, ticket, checked))

    def _then(self, work: Future[Checked | None], then: Callable[[Checked | None], None]) -> None:
        """Goes on with what was found, in the conversation's own thread."""
        loop = asyncio.get_running_loop()

        def done(of: Future[Checked | None]) -> None:
            found = None if of.cancelled() else of.result()
            if not loop.is_closed():
                try:
                    loop.call_soon_threadsafe(then, found)
                except RuntimeError:  # the conversation has ended meanwhile
                    return

        work.add_done_callback(done)

    def _proved(self, document: Document, ticket: Ticket, checked: Checked | None) -> None:
        if not ticket.wanted:
            return self._told(document, "given up", None)
        if checked is None:  # it failed, and the log says how: what was found in an older text is not this one's
            self._say(document, [])
            said = f"arspec cannot look at {document.name}: its log says why"
            self.window_log_message(lsp.LogMessageParams(lsp.MessageType.Error, said))
            return self._told(document, "failed", None)
        document.checked, document.asked, before = checked, checked.asked, document.good
        document.cost = checked.seconds
        document.good = checked if checked.spec is not None else before
        follow = bool(self.settings.contexts)
        shown = meanwhile(checked, before) if follow else checked.diagnostics
        self._say(document, self.publisher.found(document, shown))
        self._told(document, "proof", checked)
        if checked.report is None:
            return
        if not checked.report.proven:
            self.seek(document)
        elif follow:
            of = self.settings.contexts
            work = self.background.study(ticket, lambda: contexts(checked, of))
            self._then(work, lambda found: self._studied(document, ticket, found, "contexts"))

    def seek(self, document: Document) -> Future[Checked | None] | None:
        """Seeks checked mends of a document's text, once; None where there is nothing to mend."""
        checked, ticket = document.checked, document.ticket
        if checked is None or checked.report is None or (checked.report.proven and not checked.seen):
            return None
        if document.sought is None or document.sought[0] is not ticket:
            work = self.background.study(ticket, lambda: mends(checked))
            document.sought = ticket, work
            self._then(work, lambda found: self._studied(document, ticket, found, "mends"))
        return document.sought[1]

    def _studied(self, document: Document, ticket: Ticket, checked: Checked | None, what: str) -> None:
        if not ticket.wanted or checked is None:
            return self._told(document, "given up", None)
        document.checked = document.good = checked
        self._say(document, self.publisher.found(document, checked.diagnostics))
        self._told(document, what, checked)

    # -- what is said ------------------------------------------------------------------------------------------------

    def _told(self, document: Document, stage: str, checked: Checked | None) -> None:
        for function in self.changed if checked is not None else ():
            function(document)
        if self.settings.status:
            self.protocol.notify(STATUS, {
                "uri": document.uri, "version": document.version, "stage": stage,
                "verdict": None if checked is None else checked.verdict,
                "proven": None if checked is None or checked.report is None else checked.report.proven,
                "seconds": None if checked is None else round(checked.seconds, 4),
                "begun": self.background.begun, "givenUp": self.background.given_up,
            })  # fmt: skip

    def _say(self, document: Document, found: list[Shown]) -> None:
        """Publishes what was found in a document, at every file where that changes what is shown."""
        before = self.shown.pop(document.uri, [])
        if found:
            self.shown[document.uri] = found
        for uri in {document.uri, *(one.uri for one in before), *(one.uri for one in found)}:
            self._publish(uri)

    def _publish(self, uri: str) -> None:
        every = [one.lsp for of in self.shown.values() for one in of if one.uri == uri]
        if every == self._published.get(uri, []) and uri in self._published:
            return
        if every or self.documents.get(uri) is not None:
            self._published[uri] = every
        else:
            self._published.pop(uri, None)
        document = self.documents.get(uri)
        version = None if document is None else document.version
        self.text_document_publish_diagnostics(lsp.PublishDiagnosticsParams(uri, every, version))
