"""Which service: its URL with the secrets taken out, and how messages speak of it."""

from __future__ import annotations

import re
from base64 import b64encode
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from pgdex.indexer.embedding.errors import EmbedderMisconfigured

if TYPE_CHECKING:
    from pydantic import SecretStr

    from pgdex.indexer.embedding.protocol import Secret

_REDACTED = "***"


@dataclass(frozen=True, slots=True)
class Service:
    """One embedding service. Its repr and its messages hold no secret."""

    name: str
    """The full spec, "ollama:nomic-embed-text"."""

    model: str
    parts: SplitResult = field(repr=False)
    api_key: SecretStr | None
    login: tuple[str, SecretStr] | None
    """User and password from the URL, sent as HTTP basic authentication."""

    key_header: str | None = None
    """The header that carries the key as it is; None: `Authorization`, as a bearer token."""

    @property
    def shown_url(self) -> str:
        """The URL without user, password and query, each of which may be a secret."""
        return f"{self.parts.scheme}://{self._host_and_port}{self.parts.path.rstrip('/')}"

    @property
    def is_this_machine(self) -> bool:
        """Whether the service runs here, so that no proxy belongs in between."""
        host = self.parts.hostname or ""
        try:
            return ip_address(host).is_loopback
        except ValueError:
            return host == "localhost" or host.endswith(".localhost")

    def endpoint(self, path: str) -> str:
        """The address to post to. A query (such as ?api-version=1) is kept."""
        query = f"?{self.parts.query}" if self.parts.query else ""
        return f"{self.shown_url}{path}{query}"

    def redacted(self, text: str) -> str:
        """`text`, which came from the service, with every secret that was sent to it taken out."""
        for secret in self._secrets():
            text = text.replace(secret, _REDACTED)
        return text

    def __str__(self) -> str:
        return f"the embedding service at {self.shown_url} ({self.name})"

    @property
    def _host_and_port(self) -> str:
        host = self.parts.hostname or ""
        host = f"[{host}]" if ":" in host else host
        return host if self.parts.port is None else f"{host}:{self.parts.port}"

    def _secrets(self) -> list[str]:
        secrets = [] if self.api_key is None else [self.api_key.get_secret_value()]
        if self.login is not None:
            user, password = self.login[0], self.login[1].get_secret_value()
            secrets += [b64encode(f"{user}:{password}".encode()).decode(), password]
        # ?api-key=… is a secret, ?api-version=1 is not, and nothing tells them apart.
        secrets += [value for _, value in parse_qsl(self.parts.query)]
        return [secret for secret in secrets if secret]


def open_service(*, name: str, model: str, url: str, api_key: Secret | None, key_header: str | None = None) -> Service:
    """Check a URL and a key, and take user and password out of the URL.

    Raises EmbedderMisconfigured, with a message that shows the URL without its secrets.
    """
    from pydantic import SecretStr

    url = url.strip()
    parts = _usable_parts(url)
    if parts is None:
        raise EmbedderMisconfigured(
            "the URL of the embedding service must be like http://host:11434 or "
            f"https://host/v1, got {without_secrets(url)!r}"
        )
    key = None if api_key is None else api_key.get_secret_value().strip()
    # Said here, because the HTTP library would put the key into its own message.
    if key and not (key.isascii() and key.isprintable()):
        raise EmbedderMisconfigured(
            f"the API key for {name} holds a character that no key has, such as a line break or a "
            "curly quote: copy it again"
        )
    login = None
    if parts.username or parts.password:
        if key:
            raise EmbedderMisconfigured(
                f"{name} was given an API key and a URL with a user and password, "
                f"{without_secrets(url)!r}, but a request can carry only one of them: remove one"
            )
        login = (unquote(parts.username or ""), SecretStr(unquote(parts.password or "")))
    return Service(
        name=name,
        model=model,
        parts=parts._replace(netloc=parts.netloc.rpartition("@")[2]),
        api_key=SecretStr(key) if key else None,
        login=login,
        key_header=key_header,
    )


def without_secrets(url: str) -> str:
    """A URL, valid or not, without user, password and query."""
    # Up to the last @, since a password may hold anything.
    shown = re.sub(r"^([A-Za-z][\w+.-]*://)?.*@", rf"\1{_REDACTED}@", url, flags=re.DOTALL)
    return shown.partition("?")[0]


def _usable_parts(url: str) -> SplitResult | None:
    if re.search(r"[\s\x00-\x1f]", url):
        return None
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:  # a port that is no number, an IPv6 address with no end
        return None
    return parts if usable else None
