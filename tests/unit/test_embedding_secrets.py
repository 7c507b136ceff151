"""Keys and passwords reach the service, and nothing else."""

from __future__ import annotations

import base64
import traceback
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from pgdex.indexer.embedding import EmbedderError, EmbedderMisconfigured, open_embedder
from pgdex.indexer.embedding.service import open_service, without_secrets
from tests.support.embedding_server import EmbeddingServer

KEY = "sk-VerySecretKey123"
PASSWORD = "pass/word:4%5"
ENCODED_PASSWORD = "pass%2Fword%3A4%255"
BOTH = pytest.mark.parametrize("provider", ["ollama", "openai"])
EVERY_FAULT = pytest.mark.parametrize(
    "fault",
    [
        "down",
        "hang",
        "cut_off",
        "rate_limited",
        "server_error",
        "unauthorized",
        "not_found",
        "redirect",
        "nan",
        "too_few",
        "not_json",
    ],
)


@pytest.fixture(scope="module")
def running() -> Iterator[EmbeddingServer]:
    with EmbeddingServer() as server:
        yield server


@pytest.fixture
def server(running: EmbeddingServer) -> EmbeddingServer:
    running.recover()
    running.reset_counts()
    return running


def everything_shown(error: BaseException) -> str:
    return "".join(traceback.format_exception(error)) + repr(error) + str(error.args)


def path(provider: str) -> str:
    return "/v1" if provider == "openai" else ""


@BOTH
def test_a_key_is_sent_as_a_bearer_token_without_the_line_break_of_its_file(
    provider: str, server: EmbeddingServer
) -> None:
    embedder = open_embedder(f"{provider}:test-model", url=server.url + path(provider), api_key=SecretStr(f"{KEY}\n"))
    embedder.probe()
    embedder.close()
    assert server.requests[0][0]["Authorization"] == f"Bearer {KEY}"


@BOTH
@pytest.mark.parametrize("key", [None, SecretStr(""), SecretStr("  ")])
def test_no_key_sends_no_authorization(provider: str, key: SecretStr | None, server: EmbeddingServer) -> None:
    embedder = open_embedder(f"{provider}:test-model", url=server.url + path(provider), api_key=key)
    embedder.probe()
    embedder.close()
    assert "Authorization" not in server.requests[0][0]


@BOTH
@EVERY_FAULT
def test_no_error_shows_the_key_even_if_the_service_echoes_it(
    provider: str, fault: str, server: EmbeddingServer
) -> None:
    embedder = open_embedder(
        f"{provider}:test-model",
        url=server.url + path(provider),
        api_key=SecretStr(KEY),
        timeout_seconds=0.3,
    )
    server.fail(fault)
    with pytest.raises(EmbedderError) as raised:
        embedder.embed(["one", "two"])
    embedder.close()
    assert KEY not in everything_shown(raised.value)
    assert KEY not in repr(embedder)
    if fault == "unauthorized":
        assert "refused the API key" in str(raised.value)
        assert "provided: Bearer ***" in str(raised.value)


@BOTH
@EVERY_FAULT
def test_no_error_shows_the_password_of_the_url(provider: str, fault: str, server: EmbeddingServer) -> None:
    url = server.url.replace("://", f"://user:{ENCODED_PASSWORD}@") + path(provider)
    embedder = open_embedder(f"{provider}:test-model", url=url, timeout_seconds=0.3)
    server.fail(fault)
    with pytest.raises(EmbedderError) as raised:
        embedder.embed(["one", "two"])
    embedder.close()
    token = base64.b64encode(f"user:{PASSWORD}".encode()).decode()
    if fault != "down":
        assert server.requests[0][0]["Authorization"] == f"Basic {token}"
    for secret in (PASSWORD, ENCODED_PASSWORD, token):
        assert secret not in everything_shown(raised.value)
        assert secret not in repr(embedder)
    assert server.url in str(raised.value)


def test_a_secret_in_the_query_is_sent_and_not_shown(server: EmbeddingServer) -> None:
    embedder = open_embedder("openai:test-model", url=f"{server.url}/v1?api-key={KEY}")
    embedder.probe()
    server.fail("server_error")
    with pytest.raises(EmbedderError) as raised:
        embedder.probe()
    embedder.close()
    assert KEY not in everything_shown(raised.value)


@pytest.mark.parametrize("key", ["two\nlines", "“quoted”", "nul\x00", "tab\tbed"])
def test_a_key_that_no_header_can_carry_is_refused_without_showing_it(key: str) -> None:
    with pytest.raises(EmbedderMisconfigured, match="copy it again") as raised:
        open_embedder("openai:m", api_key=SecretStr(key))
    assert key not in everything_shown(raised.value)


def test_a_key_and_a_password_together_are_refused() -> None:
    with pytest.raises(EmbedderMisconfigured, match="only one of them") as raised:
        open_embedder("openai:m", url=f"http://user:{ENCODED_PASSWORD}@host", api_key=SecretStr(KEY))
    assert "http://***@host" in str(raised.value)
    assert KEY not in everything_shown(raised.value)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("localhost:11434", "localhost:11434"),
        ("", ""),
        ("ftp://host", "ftp://host"),
        ("http://", "http://"),
        ("http://host:port", "http://host:port"),
        ("http://host:99999", "http://host:99999"),
        ("http://ho st", "http://ho st"),
        ("http://user:s3cret/x@host", "http://***@host"),
        ("user:s3cret@host", "***@host"),
        ("http://s3cret@:80/?a=s3cret", "http://***@:80/"),
        ("http://[::1", "http://[::1"),
    ],
)
def test_a_url_that_is_none_is_shown_without_its_secrets(url: str, shown: str) -> None:
    with pytest.raises(EmbedderMisconfigured) as raised:
        open_embedder("ollama:m", url=url or " ")
    assert f"got {shown!r}" in str(raised.value)
    assert "s3cret" not in everything_shown(raised.value)


@given(st.text(max_size=30))
def test_what_is_before_an_at_sign_is_never_shown(secret: str) -> None:
    marked = f"S3CRET{secret}"
    assert "S3CRET" not in without_secrets(f"http://u:{marked}@host/v1")
    assert "S3CRET" not in without_secrets(f"u:{marked}@host/v1")


@pytest.mark.parametrize(
    ("url", "endpoint"),
    [
        ("http://host:11434", "http://host:11434/api/embed"),
        ("http://host:11434/", "http://host:11434/api/embed"),
        ("https://u:p@Host/base/", "https://host/base/api/embed"),
        ("https://host/base?v=1", "https://host/base/api/embed?v=1"),
        ("http://[::1]:80", "http://[::1]:80/api/embed"),
    ],
)
def test_the_path_is_added_to_the_url(url: str, endpoint: str) -> None:
    service = open_service(name="ollama:m", model="m", url=url, api_key=None)
    assert service.endpoint("/api/embed") == endpoint


def test_a_services_repr_holds_no_secret() -> None:
    service = open_service(name="openai:m", model="m", url=f"https://host/v1?key={KEY}", api_key=SecretStr(KEY))
    assert KEY not in repr(service)
    other = open_service(name="o", model="m", url="https://user:s3cret@host", api_key=None)
    assert "s3cret" not in repr(other)
