"""The token that clients of the HTTP server must send: PGDEX_MCP_TOKEN, or the one in PGDEX_HOME."""

import os
import secrets
from pathlib import Path

from pgdex.jobs.client.private_files import create_private, read_private
from pgdex.jobs.errors import InvalidSetting
from pgdex.jobs.settings import SHORTEST_TOKEN, Settings

FILE_NAME = "mcp-token"
RANDOM_BYTES = 32


class Token:
    """What clients must send, as bytes. One in a file is read again when the file changes, so that `pgdex mcp token
    --rotate` shuts out whoever has the old one from a server that runs."""

    def __init__(self, settings: Settings) -> None:
        self._given = settings.mcp_token.get_secret_value().strip().encode() if settings.mcp_token is not None else None
        self._file = token_file(settings)
        self._read: tuple[tuple[int, int, int], bytes] | None = None

    def current(self) -> bytes | None:
        """The token now; None, so that nobody has it, where its file is gone or can't be trusted."""
        if self._given is not None:
            return self._given
        try:
            found = os.stat(self._file, follow_symlinks=False)
            seen = (found.st_ino, found.st_mtime_ns, found.st_ctime_ns)
            if self._read is None or self._read[0] != seen:
                self._read = seen, read_token(self._file)
        except (OSError, InvalidSetting):
            return None
        return self._read[1]


def ensure_token(settings: Settings) -> str:
    """The token that a server with these settings asks for; made where there is none. Raises InvalidSetting."""
    if settings.mcp_token is not None:
        return settings.mcp_token.get_secret_value().strip()
    file = token_file(settings)
    if not os.path.lexists(file):
        create_private(file, _new())
    return read_token(file).decode()


def rotate_token(settings: Settings) -> str:
    """A new token in place of the one in PGDEX_HOME. Raises InvalidSetting, also where PGDEX_MCP_TOKEN rules."""
    if settings.mcp_token is not None:
        raise InvalidSetting("PGDEX_MCP_TOKEN is set, so that is the token: change it there, or unset it")
    create_private(token_file(settings), _new(), replace=True)
    return ensure_token(settings)


def token_file(settings: Settings) -> Path:
    """Where the token is kept that nobody had to choose."""
    return settings.home / FILE_NAME


def read_token(file: Path) -> bytes:
    """The token in `file`. Raises InvalidSetting where it can't be one, or others can read the file."""
    content = read_private(file)
    token = (content or b"").strip()
    if len(token) < SHORTEST_TOKEN or not token.isascii():
        raise InvalidSetting(f"{file} holds no token: `pgdex mcp token --rotate` makes a new one")
    return token


def _new() -> bytes:
    return f"{secrets.token_urlsafe(RANDOM_BYTES)}\n".encode()
