"""Bytes as the text that an editor shows of them, or why they are none."""

import codecs
import re

from pgdex.indexer.sources.skips import SkipReason, Verdict

# Longest first: the UTF-16 mark is how the UTF-32 one begins.
_BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)

# What a text file holds below 0x20: tab, line feed, vertical tab, form feed, carriage return, escape (terminal
# colours), backspace (manual pages that strike over), and the Ctrl-Z that DOS ended files with.
_TEXT_CONTROLS = b"\b\t\n\v\f\r\x1a\x1b"
_CONTROLS = bytes(sorted({*range(32), 127} - {*_TEXT_CONTROLS}))
_NOT_CONTROLS = bytes(sorted({*range(256)} - {*_CONTROLS}))
_ASCII = bytes(range(128))

# A raw NUL as a separator in a string, a bell in a terminal's table: git calls a file text as long as its first 8,000
# bytes have no NUL, and so do people. Of 35,000 files in /usr/share and Python packages that are no text none has
# less than 8 % of them, or is UTF-8.
MAX_CONTROL_SHARE = 0.03
# Without UTF-8 to vouch for the rest. Compressed data has 10 %.
MAX_LEGACY_CONTROL_SHARE = 0.01

# Counting them in a megabyte takes 1 ms, and the first of a program or a picture tell.
_CONTROLS_COUNTED = 16 << 10

# Source code in an old encoding is ASCII but for its comments and strings. More high bytes than this are prose in an
# encoding that has to be recognised, or no text.
MAX_UNRECOGNISED_HIGH_SHARE = 0.3

# The encodings that sources were written in before UTF-8. All of them leave ASCII as it is, so that code is found
# even where a comment's encoding is guessed wrong.
_OLD_ENCODINGS = ["cp1252", "cp932", "euc_jp", "gb18030", "big5", "cp949", "koi8_r", "cp1251", "cp866", "cp850"]
_OLD_ENCODINGS += ["mac_roman", "cp1250", "cp1253", "cp1254", "cp1255", "cp1256"]
# Guessing takes 1 to 6 ms for this much; more of a file tells nothing new.
_GUESSED_BYTES = 32 << 10

# What Windows-1252 has beyond ASCII that stands in sources: letters, quotes, dashes, signs.
_WESTERN = re.compile("[À-ÖØ-öø-ÿŒœŠšŽžŸƒ€£¥¢§©®™°±²³µ¹º¼½¾·×÷«»‹›„“”‚‘’…–—•†‡¿¡ªß\xa0\xad]+")

# A picture in a Markdown file, a font in a style sheet: many lines' worth of bytes in one line, which nobody reads.
_BLOB = re.compile(r"(?<=base64,)[A-Za-z0-9+/=%]{200,}(?:\\n[A-Za-z0-9+/=%]+)*")


def decode(data: bytes) -> str | Verdict:
    """Return the text of a file as an editor shows it, or why it is none.

    Without a byte order mark; every line ends with \\n, so that line numbers are an editor's; a NUL, which PostgreSQL
    can't store, is U+2400; what data URIs hold is left out. UTF-16 and UTF-32 may lack their mark where their NULs
    tell. What is not UTF-8 is read as UTF-8 with replacement characters where the valid sequences outnumber the broken
    ones, else as the old encoding that fits best: its ASCII is right in any case. A few control characters don't make
    a file binary.
    """
    text = _decoded(data)
    if not isinstance(text, str):
        return text
    if "\r" in text:
        text = _with_line_feeds(text)
    if "\0" in text:
        text = text.replace("\0", "\u2400")
    if "base64," in text:
        text = _BLOB.sub(lambda blob: f"…{len(blob[0]):,} characters…", text)
    return text


def _with_line_feeds(text: str) -> str:
    """Line ends of Windows and of old Macs as \\n. A lone \\r in a file with line feeds ends no line, as in git."""
    text = re.sub(r"(?<!\r)\r++\n", "\n", text)
    return text if "\n" in text else text.replace("\r", "\n")


def _decoded(data: bytes) -> str | Verdict:
    for mark, encoding in _BYTE_ORDER_MARKS:
        if data.startswith(mark):
            return _decode_marked(data, encoding)
    if b"\0" in data:
        return _decode_wide(data) or _decode_with_nul(data)
    try:
        return data.removeprefix(codecs.BOM_UTF8).decode()
    except UnicodeDecodeError as error:
        return _decode_legacy(data, error)


def _decode_with_nul(data: bytes) -> str | Verdict:
    nul = f"a NUL byte at byte {data.index(0):,}"
    share = _control_share(data)
    if share > MAX_CONTROL_SHARE:
        return SkipReason.BINARY, f"{nul}; {share:.1%} of it is control characters"
    try:
        return data.removeprefix(codecs.BOM_UTF8).decode()
    except UnicodeDecodeError as error:
        return SkipReason.BINARY, f"{nul}; {_broken(data, error)}"


def _decode_marked(data: bytes, encoding: str) -> str | Verdict:
    text = data.decode(encoding, errors="replace")
    broken = text.count("\ufffd")
    if broken > 1 and broken > MAX_CONTROL_SHARE * len(text):
        return SkipReason.UNDECODABLE, f"marked as {encoding.upper()}, but broken in {broken:,} places"
    controls = len(_NO_TEXT.findall(text))
    if controls > MAX_CONTROL_SHARE * len(text):
        share = controls / len(text)
        return SkipReason.BINARY, f"marked as {encoding.upper()}, but {share:.1%} of it is control characters"
    return text


def _decode_wide(data: bytes) -> str | None:
    """Return the text of UTF-16 or UTF-32 without a mark, known by where its NULs are; None: it is neither."""
    sample = data[: 8 << 10]
    sample = sample[: len(sample) - len(sample) % 4]
    if len(sample) < 16:
        return None
    shares = [sample[place::4].count(0) * 4 / len(sample) for place in range(4)]
    for encoding, is_nul in (
        ("utf-32-le", (False, True, True, True)),
        ("utf-32-be", (True, True, True, False)),
        ("utf-16-le", (False, True, False, True)),
        ("utf-16-be", (True, False, True, False)),
    ):
        if all(share > 0.7 if nul else share < 0.02 for share, nul in zip(shares, is_nul, strict=True)):
            try:
                text = data.decode(encoding)
            except UnicodeDecodeError:
                return None
            return None if _NO_TEXT.search(text) else text
    return None


def _decode_legacy(data: bytes, error: UnicodeDecodeError) -> str | Verdict:
    share = _control_share(data)
    if share > MAX_LEGACY_CONTROL_SHARE:
        return SkipReason.BINARY, f"{_broken(data, error)}, and {share:.1%} of it is control characters"
    # A file of two encodings, such as a list of authors: valid sequences of several bytes are so
    # rare in text of an old encoding that a majority of them means UTF-8.
    text = data.removeprefix(codecs.BOM_UTF8).decode(errors="replace")
    if len(_BEYOND_ASCII.findall(text)) > 2 * text.count("\ufffd"):
        return text
    western = data.decode("cp1252", errors="replace")
    if _is_western(western):
        return western
    encoding = _guessed_encoding(data, error.start)
    if encoding is not None:
        return data.decode(encoding, errors="replace")
    high = len(data.translate(None, _ASCII)) / len(data)
    if high > MAX_UNRECOGNISED_HIGH_SHARE:
        return SkipReason.UNDECODABLE, f"{_broken(data, error)}, in no known encoding; {high:.0%} above ASCII"
    return western


def _is_western(text: str) -> bool:
    """Whether all that is beyond ASCII is as in western text: in short runs, and without what it never has."""
    beyond = _BEYOND_ASCII_RUNS.findall(text)
    return all(_WESTERN.fullmatch(run) for run in beyond) and sum(map(len, beyond)) <= 1.5 * len(beyond)


def _guessed_encoding(data: bytes, first_broken: int) -> str | None:
    from charset_normalizer import from_bytes  # 20 ms, for a file in thousands

    start = data.rfind(b"\n", 0, first_broken) + 1
    sample = data[start : start + _GUESSED_BYTES]
    if len(sample) == _GUESSED_BYTES:
        sample = sample[: sample.rfind(b"\n") + 1] or sample  # no character is cut: a line feed is part of none
    best = from_bytes(sample, cp_isolation=_OLD_ENCODINGS, enable_fallback=False).best()
    return None if best is None else best.encoding


def _control_share(data: bytes) -> float:
    """The share of control characters: of the start where that is enough to tell that it is no text."""
    start = data[:_CONTROLS_COUNTED]
    share = len(start.translate(None, _NOT_CONTROLS)) / len(start)
    if len(start) == len(data) or share > 2 * MAX_CONTROL_SHARE:
        return share
    return len(data.translate(None, _NOT_CONTROLS)) / len(data)


def _broken(data: bytes, error: UnicodeDecodeError) -> str:
    return f"not UTF-8: byte 0x{data[error.start]:02x} at byte {error.start:,}"


_NO_TEXT = re.compile(r"[\x00-\x07\x0e-\x19\x1c-\x1f]")
_BEYOND_ASCII = re.compile(r"[^\x00-\x7f]")
_BEYOND_ASCII_RUNS = re.compile(r"[^\x00-\x7f]+")
