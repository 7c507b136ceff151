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

from pgdex.jobs.errors import InvalidSetting
from pgdex.jobs.logging import fields
from pgdex.jobs.mcp.access import Token, ensure_token, token_file
from pgdex.jobs.mcp.addresses import Address, UnixAddress, bound_sockets, parsed_address
from pgdex.jobs.mcp.auth import RequestFilter, is_loopback
from pgdex.jobs.mcp.health import Health
from pgdex.jobs.mcp.limits import BACKLOG, BoundedProtocol, slots
from pgdex.jobs.mcp.server import PgdexServer, build_server
from pgdex.jobs.mcp.server_context import ServerContext
from pgdex.jobs.mcp.throttle import throttle_logs
from pgdex.jobs.settings import Settings

PATH = "/mcp"
LARGEST_REQUEST_BYTES = 1 << 20
MOST_SESSIONS = 1000
STOP_SECONDS = 2
LONGEST_IDLE_SECONDS = 5
"""Between two requests of one connection."""

logger = logging.getLogger("pgdex.mcp")


def serve_http(settings: Settings, address: str, *, kind: type[PgdexServer] = PgdexServer) -> None:
    """Serve any number of clients at `address` until SIGTERM or SIGINT. Raises InvalidRequest, InvalidSetting.

    Tests have a `kind` of server that offers more.
    """
    where = parsed_address(address)
    _check_reach(settings, where)
    token = required_token(settings, where)
    most = slots()
    BoundedProtocol.most = most
    app = http_app(settings, where, token=token, most_requests=most * 3 // 4, kind=kind)
    with bound_sockets(where, backlog=BACKLOG) as listeners:
        throttle_logs()
        config = uvicorn.Config(
            app,
            http=BoundedProtocol,
            ws="none",
            backlog=BACKLOG,
            timeout_keep_alive=LONGEST_IDLE_SECONDS,
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=STOP_SECONDS,
        )
        logger.info("serving %s. %s", where.shown(PATH), _login(settings, token), extra=fields(action="serving"))
        # uvicorn stops in good order and then raises the signal again: what runs at exit (the embedded server may
        # have to stop) shall run then.
        signal.signal(signal.SIGTERM, lambda number, _frame: sys.exit(128 + number))
        uvicorn.Server(config).run(sockets=listeners)


def required_token(settings: Settings, where: "Address | UnixAddress") -> Token | None:
    """What clients must send; nothing on a Unix socket, which its permissions guard, unless PGDEX_MCP_TOKEN is set.

    Makes the token of PGDEX_HOME where there is none yet. Raises InvalidSetting.
    """
    if isinstance(where, UnixAddress) and settings.mcp_token is None:
        return None
    ensure_token(settings)
    return Token(settings)


def http_app(
    settings: Settings,
    where: "Address | UnixAddress",
    *,
    token: Token | None,
    most_requests: int,
    kind: type[PgdexServer] = PgdexServer,
) -> Starlette:
    """The application that is served at `where`."""
    context = ServerContext(settings, folder=None)
    state = Health(settings)
    server = build_server(context, eager=True, kind=kind)
    app = server.streamable_http_app(
        streamable_http_path=PATH,
        max_request_body_size=LARGEST_REQUEST_BYTES,
        max_sessions=MOST_SESSIONS,
        # The request filter in front of everything does it, by the same rule for /healthz.
        transport_security=TransportSecuritySettings(enable_dns_rebinding_protection=False),
    )

    async def healthz(request: Request) -> Response:
        found = await state.told()
        is_ok = found["status"] == "ok"
        told = found if request.scope["state"]["may_know"] else {"status": found["status"]}
        return JSONResponse(told, status_code=200 if is_ok else 503)

    app.router.routes.append(Route("/healthz", healthz, methods=["GET"]))
    request_filter = Middleware(
        RequestFilter,
        token=token,
        names=settings.mcp_host_names,
        everywhere=_is_reached_by_others(where),
        most_requests=most_requests,
    )
    app.user_middleware.insert(0, request_filter)
    return app


def _is_reached_by_others(where: "Address | UnixAddress") -> bool:
    """Whether other machines can reach it."""
    return isinstance(where, Address) and not is_loopback(where.host)


def _check_reach(settings: Settings, where: "Address | UnixAddress") -> None:
    """Refuse what would give away more than someone has thought of. Raises InvalidSetting."""
    if _is_reached_by_others(where) and not settings.roots:
        raise InvalidSetting(
            f"{where.shown('')} can be reached from other machines, and whoever has the token could have any folder of "
            "this user indexed and read: set PGDEX_ALLOWED_ROOTS to the folders that they may have, or serve this "
            "machine only, with --http 127.0.0.1:8765"
        )


def _login(settings: Settings, token: Token | None) -> str:
    if token is None:
        return "Only this user (and root) can connect: no token is needed"
    if settings.mcp_token is not None:
        return "Clients must send PGDEX_MCP_TOKEN as bearer token"
    return f"Clients must send the bearer token that `pgdex mcp token` prints (it is kept in {token_file(settings)})"
