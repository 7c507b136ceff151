"""Making a text fit for a service or a tokenizer."""

from __future__ import annotations


def within_bytes(text: str, limit: int) -> str:
    """The start of `text` that fits into `limit` bytes of UTF-8, as valid UTF-8.

    Bytes and not characters, because no token of a byte-level tokenizer is shorter than one byte:
    a text of 8,000 bytes has at most 8,000 tokens, in any script. Lone surrogates, which a file
    name that is not UTF-8 decodes to, become "?".
    """
    encoded = text.encode("utf-8", "replace")
    return encoded[:limit].decode("utf-8", "ignore")


def byte_length(text: str) -> int:
    """The length of a valid text in UTF-8."""
    return len(text) if text.isascii() else len(text.encode("utf-8"))
