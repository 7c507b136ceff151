"""The address of a remote as the name of a repository: the same on every machine, and without a secret."""

import re
from typing import Final
from urllib.parse import urlsplit

MAX_URL_LENGTH: Final = 2_000

_PORTS: Final = {
    "https": 443,
    "http": 80,
    "ssh": 22,
    "git+ssh": 22,
    "ssh+git": 22,
    "git": 9418,
    "ftp": 21,
    "ftps": 990,
}
# git's short form: no scheme, and no slash before the colon.
_SCP: Final = re.compile(r"(?:[^@/]*@)?(?:\[(?P<inner>[^\]/]+)\]|(?P<host>[^:/\[\]@]+)):(?P<path>.+)", re.DOTALL)
_HOST: Final = re.compile(r"[\w.\-]+|[0-9a-f:.]+")


def normalised_remote(url: str) -> str | None:
    """Return 'host/team/repo' for every spelling of a remote's address; None for a local path or what is no address.

    The host is lower case; a port stays where it is not the scheme's own; user, password, query, scheme, '.git' and
    slashes at the end go.
    """
    url = url.strip()
    if not url or len(url) > MAX_URL_LENGTH or not url.isprintable() or "::" in url.partition("/")[0].partition("[")[0]:
        return None  # `::` names a helper program
    found = _of_url(url) if "://" in url else _of_short_form(url)
    if found is None:
        return None
    host, path = found
    path = "/".join(component for component in path.split("/") if component)
    path = path.removesuffix(".git").rstrip("/")
    host = host.lower()
    return f"{host}/{path}" if path and host else None


def _of_url(url: str) -> tuple[str, str] | None:
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        return None
    if parts.scheme not in _PORTS or not host or not _HOST.fullmatch(host):
        return None
    named = f"[{host}]" if ":" in host else host
    return (named if port in (None, _PORTS[parts.scheme]) else f"{named}:{port}"), parts.path


def _of_short_form(url: str) -> tuple[str, str] | None:
    if (found := _SCP.fullmatch(url)) is None:
        return None
    host, path = found["host"], found["path"]
    if host is None:  # [host:port]:path, or an IPv6 address
        return _of_url(
            f"ssh://{found['inner']}/{path}" if found["inner"].count(":") < 2 else f"ssh://[{found['inner']}]/{path}"
        )
    if len(host) == 1 or not _HOST.fullmatch(host.lower()):  # one letter: a drive of Windows
        return None
    return host, path
