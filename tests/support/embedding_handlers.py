"""The HTTP side of `tests.support.embedding_server`: what goes over the wire, proper or faulty."""

from __future__ import annotations

import hashlib
import json
import select
import socket
import sys
import threading
import time
import urllib.parse
from collections import Counter, deque
from dataclasses import dataclass
from enum import StrEnum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Protocol

from tests.support.embedding_protocols import Body, Wire, wire_of

MODEL = "test-model"


class Fault(StrEnum):
    """What the service does instead of answering properly."""

    NONE = "none"
    DOWN = "down"  # connections are refused, and open ones are cut
    HANG = "hang"  # accepts the request, never answers
    SLOW = "slow"  # answers properly, after latency_ms
    DRIP = "drip"  # sends a byte every 50 ms, without end
    CUT_OFF = "cut_off"  # closes the connection in the middle of the answer
    RATE_LIMITED = "rate_limited"  # 429, with Retry-After where retry_after is given
    SERVER_ERROR = "server_error"  # 500
    OVERLOADED = "overloaded"  # 503, with Retry-After where retry_after is given
    UNAUTHORIZED = "unauthorized"  # 401; echoes the credentials, as some services do
    NOT_FOUND = "not_found"  # 404: unknown model
    REDIRECT = "redirect"  # 301
    WRONG_DIMENSION = "wrong_dimension"  # one number too many per vector
    NAN = "nan"
    ZERO = "zero"
    TOO_FEW = "too_few"  # one vector is missing
    NOT_JSON = "not_json"  # a page in HTML, with 200


@dataclass(frozen=True, slots=True)
class Behaviour:
    """A fault and its parameters."""

    fault: Fault = Fault.NONE
    latency_ms: int = 0
    retry_after: str | None = None
    calls: int | None = None
    """After that many calls the fault ends by itself."""


class Service(Protocol):
    """What the handlers know of the server that they belong to."""

    dimension: int
    models: tuple[str, ...]
    max_texts: int | None
    max_text_bytes: int | None
    behaviour: Behaviour
    requests: deque[tuple[dict[str, str], dict[str, Any]]]

    def next_behaviour(self) -> Behaviour: ...
    def record(self, texts: list[str]) -> None: ...
    def fail(
        self,
        fault: str,
        *,
        latency_ms: int = 0,
        retry_after: str | None = None,
        calls: int | None = None,
    ) -> None: ...
    def summary(self) -> dict[str, int]: ...
    def embedded(self) -> Counter[str]: ...
    def reset_counts(self) -> None: ...


def vector_of(text: str, dimension: int) -> list[float]:
    """The text's vector: not normalised, never zero, the same everywhere."""
    digest = hashlib.shake_256(text.encode()).digest(2 * dimension)
    numbers = (int.from_bytes(digest[i : i + 2], "little") for i in range(0, len(digest), 2))
    return [round((number - 32767.5) / 32768, 6) for number in numbers]


class Listener(ThreadingHTTPServer):
    """A port: bound from the start, refusing connections until `listen()`."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, port: int, handler: type[BaseHTTPRequestHandler], owner: Service) -> None:
        self.owner = owner
        self.connections: set[socket.socket] = set()
        self.accepted = 0
        super().__init__(("127.0.0.1", port), handler, bind_and_activate=False)
        self.server_bind()

    def server_bind(self) -> None:
        # Not HTTPServer's own, which asks the resolver for this machine's name.
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = "127.0.0.1", self.server_address[1]

    def listen(self) -> None:
        self.server_activate()
        threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()

    def end(self) -> None:
        self.shutdown()
        self.server_close()
        for connection in list(self.connections):
            # The request's own thread closes it.
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue

    def process_request(self, request: object, client_address: object) -> None:
        assert isinstance(request, socket.socket)
        self.connections.add(request)
        self.accepted += 1
        super().process_request(request, client_address)

    def shutdown_request(self, request: object) -> None:
        assert isinstance(request, socket.socket)
        self.connections.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: socket.socket | tuple[bytes, socket.socket], client_address: object) -> None:
        if not isinstance(sys.exception(), OSError):  # a client that went away is no news
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # or each answer waits 40 ms for the acknowledgement of its head
    server: Listener

    @property
    def owner(self) -> Service:
        return self.server.owner

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def body(self) -> bytes:
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def reply(self, status: int, value: object, **headers: str) -> None:
        self.reply_raw(status, json.dumps(value).encode(), "application/json", **headers)

    def reply_raw(self, status: int, body: bytes, kind: str, **headers: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)


class EmbeddingHandler(_Handler):
    def do_POST(self) -> None:
        try:
            body = json.loads(self.body())
        except json.JSONDecodeError:  # the client was killed in the middle of its request
            self.close_connection = True
            return
        self.owner.requests.append((dict(self.headers.items()), body))
        wire = wire_of(urllib.parse.unquote(self.path.partition("?")[0]))
        if wire is None:
            self.reply_raw(404, b"404 page not found", "text/plain")
            return
        self._embed(body, wire)

    def _embed(self, body: Body, wire: Wire) -> None:
        behaviour = self.owner.next_behaviour()
        if self._fails(behaviour, wire):
            return
        refusal = wire.refusal(body)
        texts = [] if refusal else wire.texts(body)
        refusal = refusal or self._refusal(texts)
        if refusal:
            self.reply(400, wire.error(refusal))
            return
        if wire.model(body) not in self.owner.models:
            self.reply(404, wire.error(f"model {wire.model(body)!r} not found"))
            return
        if behaviour.fault is Fault.SLOW:
            time.sleep(behaviour.latency_ms / 1000)
        vectors = self._vectors(texts, wire.dimension(body), behaviour.fault)
        if behaviour.fault in (Fault.NONE, Fault.SLOW):
            self.owner.record(texts)
        self.reply(200, wire.answer(vectors))

    def _vectors(self, texts: list[str], asked: object, fault: Fault) -> list[list[float]]:
        dimension = asked if isinstance(asked, int) else self.owner.dimension
        vectors = [vector_of(text, dimension + (fault is Fault.WRONG_DIMENSION)) for text in texts]
        if fault is Fault.NAN:
            vectors[-1][0] = float("nan")
        if fault is Fault.ZERO:
            vectors[-1] = [0.0] * dimension
        return vectors[:-1] if fault is Fault.TOO_FEW else vectors

    def _refusal(self, texts: list[str]) -> str | None:
        most_texts, most_bytes = self.owner.max_texts, self.owner.max_text_bytes
        if most_texts is not None and len(texts) > most_texts:
            return f"batch size {len(texts)} > maximum allowed batch size {most_texts}"
        if most_bytes is not None and any(len(text.encode()) > most_bytes for text in texts):
            return "the input length exceeds the context length"
        if any(not text for text in texts):
            return "input cannot be an empty string"
        return None

    def _fails(self, behaviour: Behaviour, wire: Wire) -> bool:
        again = {} if behaviour.retry_after is None else {"Retry_After": behaviour.retry_after}
        match behaviour.fault:
            case Fault.HANG | Fault.DRIP | Fault.CUT_OFF | Fault.DOWN:
                self.close_connection = True
                if behaviour.fault is not Fault.DOWN:
                    self._stall(behaviour)
            case Fault.RATE_LIMITED:
                self.reply(429, wire.error("Rate limit reached"), **again)
            case Fault.SERVER_ERROR:
                self.reply(500, wire.error("the runner has crashed"))
            case Fault.OVERLOADED:
                self.reply(503, wire.error("server busy, please try again"), **again)
            case Fault.UNAUTHORIZED:
                given = self.headers.get(wire.key_header, "nothing")
                self.reply(401, wire.error(f"Incorrect API key provided: {given}"))
            case Fault.NOT_FOUND:
                self.reply(404, wire.error(f"model '{MODEL}' not found"))
            case Fault.REDIRECT:
                self.reply(301, {}, Location="https://elsewhere.example/v1?token=abc")
            case Fault.NOT_JSON:
                page = b"<html><h1>Welcome to our network</h1></html>"
                self.reply_raw(200, page, "text/html; charset=utf-8")
            case _:
                return False
        return True

    def _stall(self, behaviour: Behaviour) -> None:
        """Until the client goes away or another behaviour is set."""
        if behaviour.fault in (Fault.DRIP, Fault.CUT_OFF):
            self.send_response(200)
            self.send_header("Content-Length", "1000000")
            self.end_headers()
            self.wfile.write(b'{"embeddings": [[')
        while behaviour.fault is not Fault.CUT_OFF and self.owner.behaviour == behaviour:
            readable, _, _ = select.select([self.connection], [], [], 0.05)
            if readable and not self.connection.recv(1, socket.MSG_PEEK):
                return
            if behaviour.fault is Fault.DRIP:
                self.wfile.write(b"1")


class ControlHandler(_Handler):
    def do_POST(self) -> None:
        if self.path == "/fault":
            self.owner.fail(**json.loads(self.body()))
        elif self.path == "/reset":
            self.owner.reset_counts()
        self.reply(200, {})

    def do_GET(self) -> None:
        if self.path == "/embedded":
            self.reply(200, self.owner.embedded())
        else:
            self.reply(200, self.owner.summary())
