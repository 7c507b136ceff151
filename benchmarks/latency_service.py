"""A simulated embedding service that costs next to nothing: every call is answered after a fixed time.

tests/support/embedding_server.py makes each text a vector of its own and counts what it sees; this one is for load: a
call takes some 0.1 ms of CPU, so that hundreds of them a second leave the machine to what is measured. It speaks
Ollama's API (POST /api/embed) over HTTP/1.1. Several processes may share the port; the system spreads
connections over them.

Run: python -m benchmarks.latency_service [--port 0] [--latency-ms 50] [--max-texts 1]
"""

import argparse
import asyncio
import json
import random
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Self
from zlib import crc32

import psutil

MODEL = "test-model"
DIMENSION = 32
VECTORS = 251  # different ones; a text's place among them is its checksum


class Exchange(asyncio.Protocol):
    """One connection: requests come in, answers go out after the latency."""

    vectors: tuple[str, ...] = ()
    latency_seconds = 0.05
    max_texts: int | None = None
    calls = 0
    texts = 0

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the way back."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Take whole requests out of what came in."""
        self._buffer += data
        while (end := self._buffer.find(b"\r\n\r\n")) >= 0:
            length = content_length(bytes(self._buffer[:end]))
            if len(self._buffer) < end + 4 + length:
                return
            body = bytes(self._buffer[end + 4 : end + 4 + length])
            del self._buffer[: end + 4 + length]
            self._answer(body)

    def _answer(self, body: bytes) -> None:
        texts = json.loads(body)["input"]
        if self.max_texts is not None and len(texts) > self.max_texts:
            self._send(b"400 Bad Request", b'{"error": "batch size > maximum allowed batch size"}')
            return
        Exchange.calls += 1
        Exchange.texts += len(texts)
        chosen = ",".join(self.vectors[crc32(text.encode()) % len(self.vectors)] for text in texts)
        answer = b'{"model":"%s","embeddings":[%s]}' % (MODEL.encode(), chosen.encode())
        asyncio.get_running_loop().call_later(self.latency_seconds, self._send, b"200 OK", answer)

    def _send(self, status: bytes, body: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(
                b"HTTP/1.1 %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s"
                % (status, len(body), body)
            )


def content_length(head: bytes) -> int:
    """What the head of a request says about its body."""
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name.strip().lower() == b"content-length":
            return int(value)
    return 0


class LatencyService:
    """`processes` of them on one port, for a `with` block."""

    def __init__(self, *, latency_ms: float, max_texts: int | None = None, processes: int = 1) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        command = [sys.executable, "-m", "benchmarks.latency_service", "--port", str(port)]
        command += ["--latency-ms", str(latency_ms)]
        command += ["--max-texts", str(max_texts)] if max_texts else []
        root = Path(__file__).parent.parent
        self.processes = [
            subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, text=True) for _ in range(processes)
        ]
        for process in self.processes:
            assert process.stdout is not None
            process.stdout.readline()  # it listens

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for process in self.processes:
            process.terminate()
        for process in self.processes:
            process.communicate(timeout=10)

    def cpu_seconds(self) -> float:
        """CPU time of all its processes so far."""
        times = [psutil.Process(process.pid).cpu_times() for process in self.processes]
        return float(sum(used.user + used.system for used in times))


async def serve(port: int) -> None:
    """Serve until SIGTERM."""
    loop = asyncio.get_running_loop()
    over = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, over.set)
    server = await loop.create_server(Exchange, "127.0.0.1", port, reuse_port=True, backlog=512)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    await over.wait()
    server.close()


def main() -> None:
    """Serve."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--port", type=int, default=0)
    options.add_argument("--latency-ms", type=float, default=50)
    options.add_argument("--max-texts", type=int)
    given = options.parse_args()
    draw = random.Random(0)
    Exchange.vectors = tuple(
        json.dumps([round(draw.uniform(-1, 1), 4) for _ in range(DIMENSION)], separators=(",", ":"))
        for _ in range(VECTORS)
    )
    Exchange.latency_seconds = given.latency_ms / 1000
    Exchange.max_texts = given.max_texts
    asyncio.run(serve(given.port))


if __name__ == "__main__":
    main()
