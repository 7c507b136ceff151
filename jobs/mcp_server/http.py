"""Streamable HTTP at /mcp, and /healthz: behind checks of who asks, under which name, and how much is sent."""

import logging
import signal
import sys

import uvicorn
from mcp.server.transport_security import TransportSecuritySettings
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from jobs.errors import InvalidRequest, InvalidSetting
from jobs.mcp_server.gate import Gate, is_loopback
from jobs.mcp_server.health import health
from jobs.mcp_server.server import build_server
from jobs.mcp_server.workplace import Workplace
from jobs.settings import Settings

PATH = "/mcp"
LARGEST_REQUEST_BYTES = 1 << 20
MOST_SESSIONS = 1000
STOP_SECONDS = 2

logger = logging.getLogger("pgdex.mcp")


def serve_http(settings: Settings, address: str) -> None:
    """Serve any number of clients at `address` until SIGTERM or SIGINT. Raises InvalidRequest, InvalidSetting."""
    host, port = parsed_address(address)
    if settings.mcp_token is None and not is_loopback(host):
        raise InvalidSetting(
            f"{host} can be reached from other machines, and whoever reaches it could read every indexed file: set "
            "PGDEX_MCP_TOKEN to a long random text that clients must send, or serve this machine only with "
            f"--http 127.0.0.1:{port}"
        )
    config = uvicorn.Config(
        http_app(settings, host=host),
        host=host,
        port=port,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=STOP_SECONDS,
    )
    logger.info("serving http://%s%s", address, PATH)
    # uvicorn stops in good order and then raises the signal again: what runs at exit (the embedded server may have to
    # stop) shall run then.
    signal.signal(signal.SIGTERM, lambda number, _frame: sys.exit(128 + number))
    uvicorn.Server(config).run()


def http_app(settings: Settings, *, host: str) -> Starlette:
    """The application that is served on `host`."""
    place = Workplace(settings, folder=None)
    server = build_server(place, eager=True)
    app = server.streamable_http_app(
        streamable_http_path=PATH,
        max_request_body_size=LARGEST_REQUEST_BYTES,
        max_sessions=MOST_SESSIONS,
        # The gate in front of everything does it, by the same rule for /healthz.
        transport_security=TransportSecuritySettings(enable_dns_rebinding_protection=False),
    )

    async def healthz(request: Request) -> Response:
        found = await health(place)
        is_ok = found["status"] == "ok"
        told = found if request.scope["state"]["may_know"] else {"status": found["status"]}
        return JSONResponse(told, status_code=200 if is_ok else 503)

    app.router.routes.append(Route("/healthz", healthz, methods=["GET"]))
    app.user_middleware.insert(
        0, Middleware(Gate, token=settings.mcp_token, names=settings.mcp_host_names, everywhere=not is_loopback(host))
    )
    return app


def parsed_address(address: str) -> tuple[str, int]:
    """Host and port of "127.0.0.1:8765", "[::1]:8765" or "localhost:8765". Raises InvalidRequest."""
    host, _, port = address.rpartition(":")
    is_number = port.isascii() and port.isdigit() and 0 < int(port) < 65536
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host:
        host = ""  # where would such an address end?
    if not host or not is_number:
        raise InvalidRequest(f"--http takes HOST:PORT such as 127.0.0.1:8765 or [::1]:8765, got {address!r}")
    return host, int(port)
