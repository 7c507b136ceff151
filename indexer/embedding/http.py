"""A pooled HTTP session whose calls block their thread and can still be stopped at once.

A worker embeds in a plain thread, and a blocking HTTP client can't be interrupted there: closing a
socket does not wake a thread that reads from it. So the requests run as asyncio tasks on one
background thread, and the caller waits for its task while it looks at the abort flag. Cancelling
the task closes its connection; neither a thread nor a socket stays behind.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import ssl
import threading
import time
import weakref
from concurrent.futures import CancelledError, Future, wait
from typing import TYPE_CHECKING, Final

import httpx2

from pgdex.indexer.embedding.errors import (
    EmbedderError,
    EmbedderMisconfigured,
    EmbedderUnavailable,
    EmbeddingAborted,
    InvalidEmbedderResponse,
)
from pgdex.indexer.embedding.http_errors import Answer, parsed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pgdex.indexer.embedding.protocol import AbortFlag
    from pgdex.indexer.embedding.service import Service

CONNECT_SECONDS: Final = 5.0
_ABORT_POLL_SECONDS: Final = 0.05

# Below the 5 s after which common servers (uvicorn, Node) close an idle connection: a request that
# crosses such a close fails, and nothing here tries it again.
_KEEPALIVE_SECONDS: Final = 3.0

# 128 vectors of 4,096 numbers are 12 MB as JSON. A broken server must not fill the memory.
_MAX_ANSWER_BYTES: Final = 64 * 1024 * 1024


class EmbeddingSession:
    """The connections to one service. May be used from several threads at once.

    The usual variables (HTTPS_PROXY, NO_PROXY, SSL_CERT_FILE) count, except that no proxy is used
    for a service on this machine. Redirects are not followed: they would carry the key elsewhere.
    """

    def __init__(self, service: Service, *, timeout_seconds: float) -> None:
        """Open no connection yet. `timeout_seconds` bounds each call as a whole."""
        if not timeout_seconds > 0:
            raise EmbedderMisconfigured(f"timeout_seconds must be positive, got {timeout_seconds}")
        self.service = service
        self._timeout_seconds = timeout_seconds
        self._client = _client(service, timeout_seconds)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=_run, args=(self._loop,), name=f"embedding {service.name}", daemon=True)
        self._thread.start()
        self._lock = threading.Lock()
        self._closed = threading.Event()
        # Also stops the thread of a session that nobody closed.
        self._stop = weakref.finalize(self, _stop, self._loop, self._thread, self._client)

    def post(self, path: str, body: Mapping[str, object], *, aborted: AbortFlag | None = None) -> object:
        """Post JSON and return the JSON of the answer.

        Raises EmbedderError for any other outcome, or EmbeddingAborted if `aborted` becomes true
        (looked at every 50 ms) or the session is closed meanwhile.
        """
        if not (self._closed.is_set() or self._thread.is_alive()):
            raise RuntimeError(f"{self.service} was opened before a fork: open it after the fork")
        content = json.dumps(body, ensure_ascii=False).encode("utf-8")
        exchange = _exchange(self._client, self.service.endpoint(path), content, self._timeout_seconds)
        with self._lock:
            if self._closed.is_set():
                exchange.close()
                raise EmbeddingAborted(f"the connection to {self.service} was closed")
            future = asyncio.run_coroutine_threadsafe(exchange, self._loop)
        try:
            answer = self._wait(future, aborted)
        except (httpx2.HTTPError, httpx2.InvalidURL, TimeoutError, _AnswerTooLarge) as error:
            raise _described(error, self.service, self._timeout_seconds) from None
        except CancelledError:
            raise EmbeddingAborted(f"the connection to {self.service} was closed") from None
        finally:
            # Ends the request if it is not us but the caller who has had enough (Ctrl-C).
            future.cancel()
        return parsed(answer, self.service)

    def close(self) -> None:
        """Close the connections. Calls under way in other threads raise EmbeddingAborted."""
        with self._lock:
            self._closed.set()
        self._stop()

    def pause(self, seconds: float, *, aborted: AbortFlag | None = None) -> None:
        """Wait. Raises EmbeddingAborted if `aborted` becomes true (looked at every 50 ms) or the session is closed."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            if self._closed.wait(min(left, _ABORT_POLL_SECONDS)):
                raise EmbeddingAborted(f"the connection to {self.service} was closed")
            if aborted is not None and aborted():
                raise EmbeddingAborted(f"waiting for {self.service} was given up as asked")

    def _wait(self, future: Future[Answer], aborted: AbortFlag | None) -> Answer:
        while aborted is not None and not wait([future], timeout=_ABORT_POLL_SECONDS).done:
            if aborted():
                raise EmbeddingAborted(f"waiting for {self.service} was given up as asked")
        return future.result()


class _AnswerTooLarge(Exception):
    pass


async def _exchange(client: httpx2.AsyncClient, url: str, content: bytes, timeout_seconds: float) -> Answer:
    # The client's own timeouts restart with every byte, so a trickling server would pass them.
    async with (
        asyncio.timeout(timeout_seconds),
        client.stream("POST", url, content=content, headers={"Content-Type": "application/json"}) as response,
    ):
        body = bytearray()
        async for piece in response.aiter_bytes():
            body += piece
            if len(body) > _MAX_ANSWER_BYTES:
                raise _AnswerTooLarge
        return Answer(
            status=response.status_code,
            body=bytes(body),
            content_type=response.headers.get("content-type", ""),
            retry_after=response.headers.get("retry-after"),
            retry_after_ms=response.headers.get("retry-after-ms"),
            location=response.headers.get("location"),
        )


def _client(service: Service, timeout_seconds: float) -> httpx2.AsyncClient:
    limits = httpx2.Limits(keepalive_expiry=_KEEPALIVE_SECONDS)
    headers = {"Accept": "application/json"}
    if service.api_key is not None:
        key = service.api_key.get_secret_value()
        if service.key_header is None:
            headers["Authorization"] = f"Bearer {key}"
        else:
            headers[service.key_header] = key
    auth = None
    if service.login is not None:
        auth = httpx2.BasicAuth(service.login[0], service.login[1].get_secret_value())
    return httpx2.AsyncClient(
        auth=auth,
        headers=headers,
        limits=limits,
        timeout=httpx2.Timeout(timeout_seconds, connect=min(CONNECT_SECONDS, timeout_seconds)),
        # A transport of its own is what makes the client leave HTTP_PROXY alone.
        transport=httpx2.AsyncHTTPTransport(limits=limits) if service.is_this_machine else None,
    )


def _run(loop: asyncio.AbstractEventLoop) -> None:
    asyncio.set_event_loop(loop)
    try:
        loop.run_forever()
    finally:
        loop.close()


def _stop(loop: asyncio.AbstractEventLoop, thread: threading.Thread, client: httpx2.AsyncClient) -> None:
    async def drain() -> None:
        calls = asyncio.all_tasks() - {asyncio.current_task()}
        for call in calls:
            call.cancel()
        await asyncio.gather(*calls, return_exceptions=True)
        await client.aclose()

    if threading.current_thread() is thread:  # the garbage collector chose this thread
        loop.stop()
        return
    if not thread.is_alive():  # forked: the loop runs in the parent, which closes its connections itself
        return
    with contextlib.suppress(TimeoutError):
        asyncio.run_coroutine_threadsafe(drain(), loop).result(timeout=CONNECT_SECONDS)
    loop.call_soon_threadsafe(loop.stop)
    thread.join(timeout=CONNECT_SECONDS)


def _described(error: Exception, service: Service, timeout_seconds: float) -> EmbedderError:
    reason = service.redacted(" ".join(str(error).split())) or type(error).__name__
    kind: type[EmbedderError] = EmbedderUnavailable
    match error:
        case httpx2.ConnectTimeout():
            seconds = min(CONNECT_SECONDS, timeout_seconds)
            what = f"did not accept a connection within {seconds:g} s: is it running?"
        case TimeoutError() | httpx2.TimeoutException():
            what = f"did not answer within {timeout_seconds:g} s"
        case httpx2.ConnectError() if _is_tls(error):
            kind = EmbedderMisconfigured
            what = f"offers no TLS that can be trusted ({reason}): check URL and certificate"
        case httpx2.ConnectError():
            what = f"can't be reached ({reason}): is it running, and is the URL right?"
        case httpx2.InvalidURL() | httpx2.UnsupportedProtocol():
            kind = EmbedderMisconfigured
            what = f"has a URL that can't be used ({reason})"
        case httpx2.DecodingError():
            kind = InvalidEmbedderResponse
            what = f"sent compressed data that can't be unpacked ({reason})"
        case _AnswerTooLarge():
            kind = InvalidEmbedderResponse
            what = f"answered with more than {_MAX_ANSWER_BYTES >> 20} MiB"
        case _:
            what = f"broke off the connection ({reason})"
    return kind(f"{service} {what}")


def _is_tls(error: BaseException) -> bool:
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLError):
            return True
        cause = cause.__cause__ or cause.__context__
    return False
