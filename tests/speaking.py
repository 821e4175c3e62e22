"""A client of the language server for tests and tools: it speaks the protocol over the pipes of a process, and keeps
all that came."""

from __future__ import annotations

import json
import os
import queue
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
PATIENCE = 120.0  # seconds after which a server that says nothing counts as gone
CAPABILITIES: dict[str, Any] = {
    "textDocument": {"publishDiagnostics": {"codeDescriptionSupport": True, "relatedInformation": True}},
    "workspace": {"didChangeWatchedFiles": {"dynamicRegistration": True}, "codeLens": {"refreshSupport": True}},
}


class Client:
    """A conversation with a server of its own."""

    def __init__(self, folder: Path, options: dict[str, Any] | None = None, encodings: list[str] | None = None) -> None:
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "XDG_CACHE_HOME": str(folder / "cache")}
        self.process = subprocess.Popen([sys.executable, "-m", "arspec", "lsp"], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=folder,
                                        env=environment)  # fmt: skip
        self.came: list[dict[str, Any]] = []  # every message of the server
        self.diagnostics: dict[str, list[dict[str, Any]]] = {}  # by URI, as published last
        self.log: list[str] = []  # lines of its standard error
        self._inbox: queue.Queue[dict[str, Any] | None] = queue.Queue()
        self._number = 0
        self._readers = [threading.Thread(target=work, daemon=True) for work in (self._read, self._listen)]
        for reader in self._readers:
            reader.start()
        capabilities = {**CAPABILITIES, **({"general": {"positionEncodings": encodings}} if encodings else {})}
        self.able = self.ask("initialize", {"processId": os.getpid(), "rootUri": folder.as_uri(),
                                            "capabilities": capabilities,
                                            "initializationOptions": options or {}})["capabilities"]  # fmt: skip
        self.tell("initialized", {})

    # -- what is said ------------------------------------------------------------------------------------------------

    def send(self, message: dict[str, Any]) -> None:
        """Any message."""
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        assert self.process.stdin is not None
        self.process.stdin.write(b"Content-Length: %d\r\n\r\n" % len(body) + body)
        self.process.stdin.flush()

    def tell(self, method: str, params: Any) -> None:
        """A notification."""
        self.send({"method": method, "params": params})

    def ask(self, method: str, params: Any) -> Any:
        """The result of a request. AssertionError for an error."""
        answer = self.answer(method, params)
        assert "error" not in answer, answer
        return answer["result"]

    def answer(self, method: str, params: Any) -> dict[str, Any]:
        """The whole answer to a request."""
        number = self.begin(method, params)
        return self.until(lambda message: message.get("id") == number and "method" not in message)

    def begin(self, method: str, params: Any) -> int:
        """Asks, and waits for no answer; the number of the request."""
        self._number += 1
        self.send({"id": self._number, "method": method, "params": params})
        return self._number

    def open(self, uri: str, text: str, version: int = 1) -> None:
        """Opens a document."""
        item = {"uri": uri, "languageId": "yaml", "version": version, "text": text}
        self.tell("textDocument/didOpen", {"textDocument": item})

    def change(self, uri: str, text: str, version: int) -> None:
        """Replaces the text of a document."""
        said = {"textDocument": {"uri": uri, "version": version}, "contentChanges": [{"text": text}]}
        self.tell("textDocument/didChange", said)

    def close(self, uri: str) -> None:
        """Closes a document."""
        self.tell("textDocument/didClose", {"textDocument": {"uri": uri}})

    # -- what came ---------------------------------------------------------------------------------------------------

    def until(self, wanted: Any) -> dict[str, Any]:
        """The next message that is wanted; all others are kept too."""
        end = time.monotonic() + PATIENCE
        while True:
            message = self._inbox.get(timeout=max(end - time.monotonic(), 0.01))
            assert message is not None, "the server has ended:\n" + "\n".join(self.log)
            if message.get("method") == "client/registerCapability" or message.get("method", "").endswith("/refresh"):
                self.send({"id": message["id"], "result": None})
            if message.get("method") == "textDocument/publishDiagnostics":
                self.diagnostics[message["params"]["uri"]] = message["params"]["diagnostics"]
            self.came.append(message)
            if wanted(message):
                return message

    def status(self, uri: str, *stages: str, version: int | None = None) -> dict[str, Any]:
        """What the server tells of a document next, of one of these stages; of a version: what it has told or will."""

        def wanted(message: dict[str, Any]) -> bool:
            said = message.get("params") or {}
            return (message.get("method") == "arspec/status" and said["uri"] == uri and said["stage"] in stages
                    and version in (None, said["version"]))  # fmt: skip

        known = [message for message in self.came if wanted(message)] if version is not None else []
        return (known[-1] if known else self.until(wanted))["params"]

    def end(self) -> int:
        """Ends the conversation; the exit code of the server."""
        self.ask("shutdown", None)
        self.tell("exit", None)
        assert self.process.stdin is not None
        code = self.process.wait(PATIENCE)
        self.stop()
        return code

    def stop(self) -> None:
        """Stops the server if it still runs, and lets its pipes go."""
        self.process.kill()
        self.process.wait()
        for reader in self._readers:
            reader.join(PATIENCE)
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            assert stream is not None
            with suppress(OSError):
                stream.close()

    def _read(self) -> None:
        stream = self.process.stdout
        assert stream is not None
        while line := stream.readline():
            length = int(line.removeprefix(b"Content-Length: "))
            while stream.readline().strip():
                pass
            self._inbox.put(json.loads(stream.read(length)))
        self._inbox.put(None)

    def _listen(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.log.append(line.decode("utf-8", "replace").rstrip())
