"""A real embedding service for tests: the APIs of several providers over HTTP, with faults on demand.

In a test's own process:

    with EmbeddingServer() as server:
        open_embedder("ollama:test-model", url=server.url)
        server.fail("rate_limited", retry_after="7")

As a process of its own, which prints the URL of the service and the URL of its controls, one a
line (`EmbeddingServerProcess` does this and offers the same methods):

    python -m tests.support.embedding_server --port 0
    curl -X POST CONTROLS/fault -d '{"fault": "hang"}'     # "none" ends it
    curl CONTROLS/counts

Ollama's API is at URL/api/embed, OpenAI's at URL/v1/embeddings, those of others where
`embedding_protocols.wire_of` says. A text's vector is a function of
the text alone. Only the standard library is needed.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import subprocess
import sys
import threading
import urllib.request
from collections import Counter, deque
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Self

from tests.support.embedding_handlers import (
    MODEL,
    Behaviour,
    ControlHandler,
    EmbeddingHandler,
    Fault,
    Listener,
    vector_of,
)

__all__ = [
    "MODEL",
    "Counts",
    "EmbeddingServer",
    "EmbeddingServerProcess",
    "Fault",
    "text_key",
    "vector_of",
]


@dataclass(frozen=True, slots=True)
class Counts:
    """What the service has seen and done since it started or was reset."""

    calls: int = 0
    """Requests to embed, whatever became of them."""
    failed_calls: int = 0
    texts: int = 0
    """Texts whose proper vectors were sent."""
    repeated_texts: int = 0
    """How many of these had been embedded before: work done twice."""
    open_connections: int = 0
    accepted_connections: int = 0
    """Since the service last came up."""


class EmbeddingServer:
    """The service and its controls, each on a port of its own, in threads of this process."""

    def __init__(
        self,
        *,
        port: int = 0,
        control_port: int = 0,
        dimension: int = 32,
        models: tuple[str, ...] = (MODEL,),
        max_texts: int | None = None,
        max_text_bytes: int | None = None,
    ) -> None:
        """`max_texts` and `max_text_bytes` are limits that a request is refused for, with 400."""
        self.dimension = dimension
        self.models = models
        self.max_texts = max_texts
        self.max_text_bytes = max_text_bytes
        self.requests: deque[tuple[dict[str, str], dict[str, Any]]] = deque(maxlen=100)
        """Headers and bodies of the latest requests."""
        self.behaviour = Behaviour()
        self.lock = threading.Lock()
        self._counts = Counts()
        self._texts: Counter[str] = Counter()
        self._service: Listener | None = None
        self._reserved = Listener(port, EmbeddingHandler, self)
        self._port = self._reserved.server_port
        self._controls = Listener(control_port, ControlHandler, self)

    @property
    def url(self) -> str:
        """The service's URL; OpenAI's API is below /v1."""
        return f"http://127.0.0.1:{self._port}"

    @property
    def control_url(self) -> str:
        """Where faults are set and counts are read. Never affected by a fault."""
        return f"http://127.0.0.1:{self._controls.server_port}"

    def start(self) -> Self:
        """Listen on both ports."""
        self._controls.listen()
        self._come_up()
        return self

    def stop(self) -> None:
        """Free both ports and end every request."""
        self.behaviour = Behaviour(Fault.DOWN)
        if self._service is not None:
            self._service.end()
        self._reserved.server_close()
        self._controls.end()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def fail(
        self,
        fault: str,
        *,
        latency_ms: int = 0,
        retry_after: str | None = None,
        calls: int | None = None,
    ) -> None:
        """Behave like this from now on; "none" ends it. Requests that hang end at once."""
        behaviour = Behaviour(Fault(fault), latency_ms, retry_after, calls)
        with self.lock:
            self.behaviour = behaviour
        if behaviour.fault is Fault.DOWN:
            self._go_down()
        else:
            self._come_up()

    def recover(self) -> None:
        """Answer properly again."""
        self.fail(Fault.NONE)

    def counts(self) -> Counts:
        """What happened since the start or the last reset."""
        with self.lock:
            repeated = self._texts.total() - len(self._texts)
            service = self._service
            return replace(
                self._counts,
                repeated_texts=repeated,
                open_connections=0 if service is None else len(service.connections),
                accepted_connections=0 if service is None else service.accepted,
            )

    def summary(self) -> dict[str, int]:
        """The counts as the control port shows them."""
        return asdict(self.counts())

    def embedded(self) -> Counter[str]:
        """How often each text was embedded, by `text_key(text)`."""
        with self.lock:
            return self._texts.copy()

    def reset_counts(self) -> None:
        """Count from zero, and forget the texts."""
        with self.lock:
            self._counts = Counts()
            self._texts.clear()
            self.requests.clear()

    def next_behaviour(self) -> Behaviour:
        """Count a call, and say what is to become of it."""
        with self.lock:
            behaviour = self.behaviour
            failing = behaviour.fault not in (Fault.NONE, Fault.SLOW)
            self._counts = replace(
                self._counts,
                calls=self._counts.calls + 1,
                failed_calls=self._counts.failed_calls + failing,
            )
            if behaviour.calls is not None:
                left = behaviour.calls - 1
                self.behaviour = replace(behaviour, calls=left) if left else Behaviour()
            return behaviour

    def record(self, texts: list[str]) -> None:
        """Count texts as embedded."""
        with self.lock:
            self._counts = replace(self._counts, texts=self._counts.texts + len(texts))
            self._texts.update(map(text_key, texts))

    def _go_down(self) -> None:
        if self._service is not None:
            self._service.end()
            self._service = None
            # Bound but not listening: connections are refused and nobody else gets the port.
            self._reserved = Listener(self._port, EmbeddingHandler, self)

    def _come_up(self) -> None:
        if self._service is None:
            self._service = self._reserved
            self._service.listen()


def text_key(text: str) -> str:
    """What a text is counted under."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]


class EmbeddingServerProcess:
    """The same service in a process of its own, for tests of several processes."""

    def __init__(self, *arguments: str) -> None:
        """`arguments` as on the command line: "--dimension", "64"."""
        command = [sys.executable, "-m", "tests.support.embedding_server", *arguments]
        root = Path(__file__).parents[2]
        self.process = subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        self.url = self.process.stdout.readline().strip()
        self.control_url = self.process.stdout.readline().strip()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """End the process."""
        self.process.terminate()
        self.process.wait(timeout=10)
        if self.process.stdout is not None:
            self.process.stdout.close()

    def fail(
        self,
        fault: str,
        *,
        latency_ms: int = 0,
        retry_after: str | None = None,
        calls: int | None = None,
    ) -> None:
        """As `EmbeddingServer.fail`."""
        behaviour = Behaviour(Fault(fault), latency_ms, retry_after, calls)
        self._ask("/fault", asdict(behaviour))

    def recover(self) -> None:
        """Answer properly again."""
        self.fail(Fault.NONE)

    def counts(self) -> Counts:
        """What happened since the start or the last reset."""
        return Counts(**self._ask("/counts"))

    def embedded(self) -> Counter[str]:
        """How often each text was embedded, by `text_key(text)`."""
        return Counter(self._ask("/embedded"))

    def reset_counts(self) -> None:
        """Count from zero, and forget the texts."""
        self._ask("/reset", {})

    def _ask(self, path: str, body: dict[str, object] | None = None) -> dict[str, int]:
        data = None if body is None else json.dumps(body).encode()
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(f"{self.control_url}{path}", data, timeout=10) as response:
            answer: dict[str, int] = json.loads(response.read())
            return answer


def main() -> None:
    """Serve until interrupted."""
    parser = argparse.ArgumentParser(description="An embedding service for tests.")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--control-port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--dimension", type=int, default=32)
    parser.add_argument("--max-texts", type=int, help="refuse requests with more texts")
    parser.add_argument("--max-text-bytes", type=int, help="refuse longer texts")
    options = parser.parse_args()
    server = EmbeddingServer(**vars(options)).start()
    print(server.url, server.control_url, sep="\n", flush=True)
    try:
        threading.Event().wait()
    except KeyboardInterrupt:
        server.stop()


if __name__ == "__main__":
    main()
