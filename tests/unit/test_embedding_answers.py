from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgdex.indexer.embedding.errors import (
    EmbedderError,
    EmbedderMisconfigured,
    EmbedderUnavailable,
    InvalidEmbedderResponse,
    RequestTooLarge,
)
from pgdex.indexer.embedding.http_errors import Answer, error_for, parsed, retry_after_seconds
from pgdex.indexer.embedding.service import open_service

OLLAMA = open_service(name="ollama:m", model="m", url="http://127.0.0.1:11434", api_key=None)
OPENAI = open_service(name="openai:m", model="m", url="https://host/v1", api_key=None)
NOW = datetime(2026, 11, 21, 10, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (None, None),
        ("0", 0.0),
        ("120", 120.0),
        ("1.5", 1.5),
        ("Sat, 21 Nov 2026 10:00:30 GMT", 30.0),
        ("Saturday, 21-Nov-26 10:00:30 GMT", 30.0),
        ("Sat, 21 Nov 2026 12:00:30 +0200", 30.0),
        ("Sat, 21 Nov 2026 09:00:00 GMT", 0.0),
        ("soon", None),
        ("", None),
        ("-5", None),
        ("nan", None),
        ("inf", None),
        ("Sat, 99 Nov 2026 10:00:30 GMT", None),
        ("Sat, 21 Nov 99999999999999999999 10:00:30 GMT", None),
        ("Sat, 21 Nov 2026 10:00:30 +999999", None),
    ],
)
def test_retry_after_is_read_as_seconds_or_as_a_date(value: str | None, seconds: float | None) -> None:
    assert retry_after_seconds(value, now=NOW) == seconds


date_like = st.from_regex(r"(\w{3},? )?\d{1,5}[ -][A-Z][a-z]{2}[ -]\d{1,25} [\d:]{1,9} ?[+-]?\w{0,9}")


@given(st.text(max_size=40) | date_like)
def test_no_retry_after_header_raises_or_gives_a_time_that_cannot_be_waited_for(
    value: str,
) -> None:
    seconds = retry_after_seconds(value, now=NOW)
    assert seconds is None or 0 <= seconds < float("inf")


@given(st.integers(0, 10**6))
def test_a_date_and_seconds_mean_the_same(seconds: int) -> None:
    date = (NOW + timedelta(seconds=seconds)).strftime("%a, %d %b %Y %H:%M:%S GMT")
    assert retry_after_seconds(date, now=NOW) == retry_after_seconds(str(seconds), now=NOW)


TOO_LONG = [
    # What the services say, in their words.
    (400, '{"error":"the input length exceeds the context length"}'),
    (
        400,
        '{"error":{"message":"This model\'s maximum context length is 8192 tokens, however you '
        'requested 10001 tokens","type":"invalid_request_error"}}',
    ),
    (
        400,
        '{"error":{"message":"Requested 500000 tokens, max 300000 tokens per request",'
        '"code":"max_tokens_per_request"}}',
    ),
    (
        413,
        '{"message":"Input validation error: `inputs` must have less than 512 tokens. Given: 700","type":"Validation"}',
    ),
    (
        422,
        '{"error":"batch size 64 > maximum allowed batch size 32","error_type":"Validation"}',
    ),
    (500, '{"error":{"message":"input is too large to process. increase the batch size"}}'),
    (413, ""),
]


@pytest.mark.parametrize(("status", "body"), TOO_LONG)
def test_a_refusal_for_its_size_is_recognised(status: int, body: str) -> None:
    assert type(error_for(Answer(status, body.encode()), OPENAI)) is RequestTooLarge


@pytest.mark.parametrize(
    ("status", "body", "expected", "phrase"),
    [
        (
            500,
            '{"error":"failed to encode response: json: unsupported value: NaN"}',
            InvalidEmbedderResponse,
            "computed a vector that holds NaN",
        ),
        (500, "", EmbedderUnavailable, "has trouble (500 Internal Server Error)"),
        (502, "<html>Bad Gateway</html>", EmbedderUnavailable, "502 Bad Gateway"),
        (529, "", EmbedderUnavailable, "has trouble (529)"),
        (408, "", EmbedderUnavailable, "408 Request Timeout"),
        (
            501,
            '{"error":"this model does not support embeddings"}',
            EmbedderMisconfigured,
            '"this model does not support embeddings"',
        ),
        (405, "", EmbedderMisconfigured, "check the URL"),
        (
            400,
            '{"error":{"message":"This model does not support specifying dimensions."}}',
            EmbedderMisconfigured,
            "refused the request (400 Bad Request)",
        ),
        (422, '{"detail":[{"msg":"?"}]}', EmbedderMisconfigured, "refused the request (422"),
        (302, "", EmbedderMisconfigured, "redirects to nowhere"),
        (204, "", InvalidEmbedderResponse, "not JSON (no content type)"),
        (200, "[" * 100_000, InvalidEmbedderResponse, "not JSON"),
    ],
)
def test_a_status_is_told_by_what_there_is_to_do(
    status: int, body: str, expected: type[EmbedderError], phrase: str
) -> None:
    with pytest.raises(EmbedderError) as raised:
        parsed(Answer(status, body.encode()), OLLAMA)
    assert type(raised.value) is expected
    assert phrase in str(raised.value)


@given(
    st.integers(100, 599).filter(lambda status: not 200 <= status < 300),
    st.binary(max_size=2000),
    st.none() | st.text(max_size=20),
)
def test_any_failure_gives_an_error_of_one_short_printable_line(
    status: int, body: bytes, retry_after: str | None
) -> None:
    error = error_for(Answer(status, body, retry_after=retry_after), OLLAMA)
    assert str(error).isprintable()
    assert len(str(error)) < 600


def test_a_long_answer_is_shortened() -> None:
    message = str(error_for(Answer(500, b"word " * 100_000), OLLAMA))
    assert "…" in message
    assert len(message) < 600
