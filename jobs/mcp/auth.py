"""Who may come in over HTTP: the right Host and Origin, the bearer token, no more at once than there is room for."""

import hmac
import ipaddress
import logging
from collections.abc import Collection
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from pgdex.jobs.logging import fields
from pgdex.jobs.mcp.access import Token

OPEN_PATHS = {"/healthz"}
"""Open without a token, but then it tells less."""
RETRY_SECONDS = 5

logger = logging.getLogger("pgdex.mcp")


class RequestFilter:
    """An ASGI application in front of another one.

    A web page can make a browser send requests to this machine, also under a name of its own that leads here (DNS
    rebinding). So the Host must be an address or a name that is known, and a page's Origin as well. An address needs
    no list: no foreign page can be at it. `everywhere` is for a server that other machines may reach: then it may be
    any address. Without a `token` whoever can connect may come in: a Unix socket, whose file is the owner's alone.
    """

    def __init__(
        self, app: ASGIApp, *, token: Token | None, names: Collection[str], everywhere: bool, most_requests: int
    ) -> None:
        self._app = app
        self._token = token
        self._room = most_requests
        self._names = {name.lower() for name in names}
        self._everywhere = everywhere

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 421, 403, 401 or 503, or let the request through."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        may_know = self._knows_token(headers)
        refusal: JSONResponse | None = None
        if not self._is_known_host(headers.getlist("host")):
            refusal = _refused(421, "this Host is not served here: PGDEX_MCP_HOSTS names those that are")
        elif not self._is_known_origin(headers.getlist("origin")):
            refusal = _refused(403, "this Origin may not use the server: PGDEX_MCP_HOSTS names those that may")
        elif not may_know and scope["path"] not in OPEN_PATHS:
            refusal = _refused(
                401, "send the server's token (`pgdex mcp token` prints it there) as: Authorization: Bearer TOKEN"
            )
            refusal.headers["WWW-Authenticate"] = 'Bearer realm="pgdex"'
        elif self._room <= 0:
            refusal = _refused(503, f"the server is busy: try again in {RETRY_SECONDS} seconds")
            refusal.headers["Retry-After"] = str(RETRY_SECONDS)
        if refusal is not None:
            # Whoever is turned away takes up no slot, and nothing more of what he sends is read.
            refusal.headers["Connection"] = "close"
            peer = str((scope.get("client") or ("?",))[0])
            logger.info("a request was refused", extra=fields(action="refused", status=refusal.status_code, peer=peer))
            await refusal(scope, receive, send)
            return
        scope.setdefault("state", {})["may_know"] = may_know
        self._room -= 1
        try:
            await self._app(scope, receive, send)
        finally:
            self._room += 1

    def _knows_token(self, headers: Headers) -> bool:
        if self._token is None:
            return True
        token = self._token.current()
        scheme, _, given = headers.get("authorization", "").partition(" ")
        # Compared first, so that the time tells nothing of the rest either.
        is_right = hmac.compare_digest(given.strip().encode("latin-1"), token or b"")
        return is_right and token is not None and scheme.lower() == "bearer"

    def _is_known_host(self, hosts: list[str]) -> bool:
        return len(hosts) == 1 and self._is_known(f"//{hosts[0]}")

    def _is_known_origin(self, origins: list[str]) -> bool:
        return all(origin.startswith(("http://", "https://")) and self._is_known(origin) for origin in origins)

    def _is_known(self, url: str) -> bool:
        try:
            parts = urlsplit(url)
            host, _ = parts.hostname, parts.port
        except ValueError:
            return False
        if not host or parts.path or parts.query or parts.fragment or "@" in parts.netloc:
            return False
        return host in self._names or is_loopback(host) or (self._everywhere and _is_address(host))


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach `host`."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _refused(status: int, message: str) -> JSONResponse:
    return JSONResponse({"error": message}, status_code=status)
