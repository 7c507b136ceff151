"""Addresses of git repositories: which are taken, what two spellings of one have in common, and which are allowed."""

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, Self
from urllib.parse import quote, unquote

from pgdex.indexer.git.errors import SourceRefused

Scheme = Literal["https", "ssh", "file"]

MAX_URL_CHARACTERS: Final = 2_000

_DEFAULT_PORTS: Final = {"https": 443, "ssh": 22}
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]{0,30})://")
_HELPER = re.compile(r"([A-Za-z0-9+.-]{1,30})::")
# What git takes for ssh: a colon before the first slash. No userinfo other than a name.
_SCP = re.compile(r"(?:(?P<user>[^@:/\[\]]+)@)?(?P<host>\[[^\]/]*\]|[^:/@\[\]]+):(?P<path>.*)", re.DOTALL)
_HOST = re.compile(r"[a-z0-9_](?:[a-z0-9_.-]*[a-z0-9_])?|\[[0-9a-f:.]+\]")
_USER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+-]{0,63}")
# How the large forges' tokens begin, in case one stands where a user's name does.
_TOKENS: Final = ("ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_", "glpat-", "gloas-", "x-token-auth", "oauth2")

_CREDENTIALS = (
    "the URL holds a password or a token, which pgdex does not take, because a URL is stored and shown: leave it "
    "out, and give it to git on the machines of the workers with a credential helper (git help credentials), or "
    "use ssh with a key"
)


@dataclass(frozen=True, slots=True)
class GitUrl:
    """An address that passed all checks; made by `parse` or `local`.

    `text` is what git is given: a URL in one spelling or, for `file`, an absolute path without links. It holds no
    credentials. `identity` is the same for all spellings: `host/team/repo` (with `host:port` where the port is not the
    protocol's own), without protocol and user; of a file source its path.
    """

    scheme: Scheme
    text: str
    identity: str

    @property
    def is_local(self) -> bool:
        """Whether it lies on this machine, as a path."""
        return self.scheme == "file"

    @property
    def host(self) -> str:
        """The host with its port, if it has one of its own; empty for file sources."""
        return "" if self.is_local else self.identity.partition("/")[0]

    @classmethod
    def parse(cls, text: str) -> Self:
        """Take an address as a user types it: https://, ssh://, user@host:path, file:///, or an absolute path.

        A local path is resolved; whether there is a repository is not looked at. Raises SourceRefused, whose message
        never repeats a URL that may hold a credential.
        """
        _require_plain(text)
        if text.startswith("/"):
            return cls.local(Path(text))
        if (helper := _HELPER.match(text)) is not None:
            raise SourceRefused(
                f"addresses that begin with {helper[1]}:: run a program and are refused; use https:// or ssh://"
            )
        if (scheme := _SCHEME.match(text)) is not None:
            return cls._parse_url(scheme[1].lower(), text[scheme.end() :])
        if (scp := _SCP.fullmatch(text)) is not None:
            if "@" in scp["path"].partition("/")[0]:
                raise SourceRefused(_CREDENTIALS)
            return cls._remote("ssh", scp["user"], scp["host"], None, scp["path"], is_encoded=False)
        if "@" in text:
            raise SourceRefused(_CREDENTIALS if ":" in text.partition("@")[0] else _unknown_form())
        raise SourceRefused(_unknown_form())

    @classmethod
    def local(cls, path: Path) -> Self:
        """A repository on this machine: bare, a clone, or a worktree. Raises SourceRefused."""
        _require_plain(str(path), what="path")
        if not path.is_absolute():
            raise SourceRefused(f"a repository's path must be absolute, got {str(path)!r}")
        real = os.path.realpath(path)
        _require_plain(real, what="path")
        return cls("file", real, real)

    @classmethod
    def _parse_url(cls, scheme: str, rest: str) -> Self:
        authority, slash, path = rest.partition("/")
        if scheme == "file":
            if authority not in ("", "localhost"):
                raise SourceRefused("file:// needs an absolute path and no host: file:///srv/git/repo.git")
            _require_no_query(rest)
            return cls.local(Path("/" + _decoded(path)))
        userinfo, at, place = authority.rpartition("@")
        if at and (":" in userinfo or "%" in userinfo or scheme != "ssh"):
            raise SourceRefused(_CREDENTIALS)
        if scheme in ("http", "git"):
            other = "https://" if scheme == "http" else "https:// or ssh://"
            raise SourceRefused(
                f"{scheme}:// is neither encrypted nor authenticated and is refused; use {other} with the same host"
            )
        if scheme in ("git+ssh", "ssh+git"):
            scheme = "ssh"
        if scheme not in ("https", "ssh"):
            raise SourceRefused(f"{scheme}:// is not supported; use https://, ssh://, user@host:path or file:///")
        host, port = _host_and_port(place)
        return cls._remote("https" if scheme == "https" else "ssh", userinfo if at else None, host, port, slash + path)

    @classmethod
    def _remote(
        cls,
        scheme: Literal["https", "ssh"],
        user: str | None,
        host: str,
        port: int | None,
        path: str,
        *,
        is_encoded: bool = True,
    ) -> Self:
        if user is not None and (not _USER.fullmatch(user) or user.lower().startswith(_TOKENS)):
            raise SourceRefused(_CREDENTIALS)
        host = host.lower()
        host = host if host.startswith("[") else host.removesuffix(".")
        if not host:
            raise SourceRefused("the URL names no host: https://host/team/repo.git")
        if not _HOST.fullmatch(host):
            raise SourceRefused(
                "the URL's host may hold letters, digits, dots, hyphens and underscores only, and not begin with a "
                "hyphen; write an international name in its ASCII form (xn--…)"
            )
        _require_no_query(path)
        if any(character.isspace() for character in path):
            raise SourceRefused("the URL holds a blank; write it as %20")
        names = _names(_decoded(path) if is_encoded else path)
        if port == _DEFAULT_PORTS[scheme]:
            port = None
        shown_host = host if port is None else f"{host}:{port}"
        last = names[-1].removesuffix(".git") or names[-1]
        identity = "/".join([shown_host, *names[:-1], last])
        spelled = quote("/".join(names), safe="/~!$&'()*+,;=:@-._")
        # What follows host: in user@host:path begins in the home folder there, and git says /~/ for it only where the
        # server lets it; so the short form stays the short form.
        if not is_encoded and not path.startswith("/"):
            place = f"{user}@{host}" if user else host
            return cls("ssh", f"{place}:{'/'.join(names)}", identity)
        place = f"{user}@{shown_host}" if user else shown_host
        return cls(scheme, f"{scheme}://{place}/{spelled}", identity)


def require_allowed(url: GitUrl, *, sources: Sequence[str] = (), roots: Sequence[Path] = ()) -> None:
    """Raise SourceRefused unless the settings let `url` be fetched.

    `sources` are hosts or beginnings of `host/path` (`github.com`, `git.example.com/team`, `git.example.com:8443`),
    without protocol; empty: every remote host is allowed. A host without a port is meant with the protocol's own port
    only. A file source must be one of `roots` or lie below one, with links resolved; empty: everywhere.
    """
    if url.is_local:
        reals = [os.path.realpath(root) for root in roots]
        if roots and not any(url.text == real or url.text.startswith(os.path.join(real, "")) for real in reals):
            raise SourceRefused(f"{url.text} is outside of the allowed folders ({', '.join(map(str, roots))})")
        return
    for entry in sources:
        allowed = _allowed_beginning(entry)
        if url.identity == allowed or url.identity.startswith(f"{allowed}/"):
            return
    if sources:
        raise SourceRefused(f"{url.identity} is not one of the allowed sources ({', '.join(sources)})")


def _allowed_beginning(entry: str) -> str:
    rest = entry.strip().rpartition("://")[2]
    host, slash, path = rest.partition("/")
    path = path.rstrip("/").removesuffix(".git")
    return f"{host.lower().removesuffix('.')}{slash if path else ''}{path}"


def _require_plain(text: str, what: str = "URL") -> None:
    if not text.strip():
        raise SourceRefused(f"the {what} is empty")
    if text.startswith("-"):
        raise SourceRefused(f"a {what} cannot begin with '-': git would take it for an option")
    _require_printable(text, what)
    if len(text) > MAX_URL_CHARACTERS:
        raise SourceRefused(f"the {what} has {len(text):,} characters; the limit is {MAX_URL_CHARACTERS:,}")


def _require_printable(text: str, what: str) -> None:
    if any(ord(character) < 32 or 127 <= ord(character) < 160 for character in text):
        raise SourceRefused(f"the {what} holds control characters")
    if any(0xD800 <= ord(character) < 0xE000 for character in text):
        raise SourceRefused(f"the {what} is not valid UTF-8")


def _require_no_query(path: str) -> None:
    if "?" in path or "#" in path:
        raise SourceRefused(
            "a repository's URL has no '?' and no '#': leave out what follows, and see that it is no token"
        )
    if "\\" in path:
        raise SourceRefused("the URL holds a backslash; write '/'")


def _decoded(path: str) -> str:
    if re.search(r"%(?![0-9A-Fa-f]{2})", path):
        raise SourceRefused("the URL holds a '%' that is not followed by two hexadecimal digits; write it as %25")
    if re.search(r"%(?:2f|5c)", path, re.IGNORECASE):
        raise SourceRefused("the URL holds an encoded slash or backslash (%2F, %5C), which servers read differently")
    try:
        decoded = unquote(path, errors="strict")
    except UnicodeDecodeError:
        raise SourceRefused("the URL's path is not UTF-8") from None
    _require_printable(decoded, "URL")
    return decoded


def _names(path: str) -> list[str]:
    names = [name for name in path.split("/") if name]
    if not names:
        raise SourceRefused("the URL names a host but no repository: https://host/team/repo.git")
    if not {".", ".."}.isdisjoint(names):
        raise SourceRefused("the URL's path holds '.' or '..'; write the path that it leads to")
    if names[0].startswith("-"):
        raise SourceRefused("the path of a URL cannot begin with '-': git would take it for an option")
    if any("@" in name and ":" in name.partition("@")[0] for name in names):
        raise SourceRefused(_CREDENTIALS)
    return names


def _host_and_port(place: str) -> tuple[str, int | None]:
    try:
        host, port = re.fullmatch(r"(\[[^\]]*\]|[^:]*)(?::([0-9]*))?", place, re.DOTALL).groups()  # type: ignore[union-attr]  # None: below
    except AttributeError:
        raise SourceRefused("the URL's host and port can't be told apart: https://host:8443/team/repo.git") from None
    if not port:
        return host, None
    if len(port) > 5 or not 1 <= int(port) <= 65_535:
        raise SourceRefused("the URL's port must be from 1 to 65535")
    return host, int(port)


def _unknown_form() -> str:
    return (
        "this is not a git repository address that pgdex supports; use https://host/team/repo.git, "
        "ssh://user@host/team/repo.git, user@host:team/repo.git, file:///path or an absolute path"
    )


def without_credentials(text: str) -> str:
    """Return a text of git's with whatever stands before an '@' in a URL taken out; a user's own settings of git may
    put a token there (`url.….insteadOf`)."""
    text = re.sub(r"([A-Za-z][A-Za-z0-9+.-]*://)[^/\s'\"]*@", r"\1…@", text)
    return re.sub(r"(?i)((?:token|password|secret|authorization|private_token)[=:]\s*)[^\s&'\"]+", r"\1…", text)
