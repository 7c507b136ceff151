"""Whether bytes are text, and whether that text is worth indexing."""

import codecs
import re

from indexer.sources.skips import SkipReason

Verdict = tuple[SkipReason, str | None]

# As git and grep have it: a NUL this near to the start means that the file never was text.
NUL_WINDOW_BYTES = 8 << 10

# Longest first: the UTF-16 mark is how the UTF-32 one begins.
_BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)

# What text in a single-byte encoding holds below 0x20: tab, line feed, vertical tab, form feed,
# carriage return, escape (terminal colours), and the Ctrl-Z that DOS ended files with.
_TEXT_CONTROLS = b"\t\n\v\f\r\x1a\x1b"
_ASCII = bytes(range(128))
_LEGACY_TEXT = bytes((*_TEXT_CONTROLS, *range(32, 127), *range(128, 256)))

# Source code in an old encoding is ASCII but for its comments and strings. A third and more of
# high bytes is compressed data, or prose in a language that Windows-1252 can't spell.
MAX_LEGACY_HIGH_SHARE = 0.3

# No person writes lines of this length as source. Where nearly all of a file is on such lines it
# is data or a minifier's output. The share is high because real sources do hold long tables and
# keys: at one half, 2 sympy tests, a dozen of awscli's documentation pages and 5 of vim's syntax
# files would go.
LONG_LINE = 1_000
LONG_LINES_SHARE = 0.9
MIN_LONG_CHARACTERS = 4_000  # a smaller one does no harm

# Minifiers can also wrap their output. Then the lines are long on average (110 is the limit of
# GitHub's linguist) and almost without blanks. Of 2,111 files of JavaScript and CSS (npm,
# JupyterLab, Sphinx, Django, Swagger UI) both together find 516, all of them minified, data in a
# string, or message catalogues.
MINIFIABLE_SUFFIXES = (".js", ".mjs", ".cjs", ".css")
MINIFIED_MEAN_LINE = 110
MINIFIED_BLANK_SHARE = 0.1
MIN_MINIFIED_CHARACTERS = 1_000


def decode(data: bytes) -> str | Verdict:
    """Return the text of a file, without its byte order mark, or why it is none.

    UTF-16 and UTF-32 need their mark. What is not UTF-8 is read as UTF-8 with replacement
    characters where the valid sequences outnumber the broken ones, and else as Windows-1252 if
    it looks like text: no control characters, at most 30 % above ASCII, none of the five bytes
    that Windows-1252 leaves undefined. Line ends stay as they are.
    """
    for mark, encoding in _BYTE_ORDER_MARKS:
        if data.startswith(mark):
            return _decode_marked(data, encoding)
    if (nul := data.find(b"\0")) >= 0:
        return SkipReason.BINARY, _nul_detail(nul)
    try:
        return data.removeprefix(codecs.BOM_UTF8).decode()
    except UnicodeDecodeError as error:
        return _decode_legacy(data, error)


def _decode_marked(data: bytes, encoding: str) -> str | Verdict:
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        detail = f"marked as {encoding.upper()}, but broken at byte {error.start:,}"
        return SkipReason.UNDECODABLE, detail
    if (control := _NO_TEXT.search(text)) is not None:
        detail = f"marked as {encoding.upper()}, but with U+{ord(control[0]):04X} in it"
        return SkipReason.BINARY, detail
    return text


def _nul_detail(position: int) -> str:
    if position < NUL_WINDOW_BYTES:
        return f"a NUL byte at byte {position:,}"
    return f"a NUL byte at byte {position:,}, although the start looks like text"


def _decode_legacy(data: bytes, error: UnicodeDecodeError) -> str | Verdict:
    broken = f"not UTF-8: byte 0x{data[error.start]:02x} at byte {error.start:,}"
    if control := data.translate(None, _LEGACY_TEXT):
        return SkipReason.UNDECODABLE, f"{broken}; the control character 0x{control[0]:02x} in it"
    high = len(data.translate(None, _ASCII))
    if high > MAX_LEGACY_HIGH_SHARE * len(data):
        return SkipReason.UNDECODABLE, f"{broken}; {high / len(data):.0%} of it above ASCII"
    # A file of two encodings, such as a list of authors: valid sequences of several bytes are so
    # rare in Windows-1252 text that a majority of them means UTF-8.
    text = data.removeprefix(codecs.BOM_UTF8).decode(errors="replace")
    replaced = text.count("\ufffd")
    if len(_BEYOND_ASCII.findall(text)) > 2 * replaced:
        return text
    try:
        return data.decode("cp1252")
    except UnicodeDecodeError as other:
        undefined = f"and byte 0x{data[other.start]:02x} does not exist in Windows-1252"
        return SkipReason.UNDECODABLE, f"{broken}, {undefined}"


_NO_TEXT = re.compile(r"[\x00-\x08\x0e-\x19\x1c-\x1f]")
_BEYOND_ASCII = re.compile(r"[^\x00-\x7f]")


def worthless(name: str, text: str) -> Verdict | None:
    """Return why text is not worth indexing, for a file of this name, or None."""
    if not text:
        return SkipReason.EMPTY, None
    if (detail := generated(name, text)) is not None:
        return SkipReason.GENERATED, detail
    if (detail := minified(name, text)) is not None:
        return SkipReason.MINIFIED, detail
    return None


def minified(name: str, text: str) -> str | None:
    """Return why text counts as minified or as data, for a file of this name; or None."""
    length = len(text)
    if name.endswith(MINIFIABLE_SUFFIXES) and length >= MIN_MINIFIED_CHARACTERS:
        mean_line = length / (text.count("\n") + 1)
        blank_share = sum(map(text.count, " \t\r\n")) / length
        if mean_line > MINIFIED_MEAN_LINE and blank_share < MINIFIED_BLANK_SHARE:
            return f"{mean_line:,.0f} characters a line on average and {blank_share:.0%} blanks"
    threshold = max(MIN_LONG_CHARACTERS, LONG_LINES_SHARE * length)
    on_long_lines = _characters_on_long_lines(text)
    if on_long_lines >= threshold and "\r" in text:  # old Mac files have no line feed at all
        on_long_lines = sum(len(line) for line in text.splitlines() if len(line) > LONG_LINE)
    if on_long_lines < threshold:
        return None
    return f"{on_long_lines / length:.0%} of it is on lines of more than {LONG_LINE:,} characters"


def _characters_on_long_lines(text: str) -> int:
    # Jumps from one window of LONG_LINE characters to the next and looks backwards for a line
    # feed, so ordinary text costs one search per 1,000 characters: 0.07 s for 203 MB, where
    # splitting it into lines takes 0.22 s.
    total = 0
    start = 0
    end = len(text)
    while end - start > LONG_LINE:
        line_feed = text.rfind("\n", start, start + LONG_LINE + 1)
        if line_feed < 0:
            line_feed = text.find("\n", start + LONG_LINE)
            if line_feed < 0:
                return total + end - start
            total += line_feed - start
        start = line_feed + 1
    return total


# A generator announces itself at the top, but below a licence that may take 30 lines.
GENERATED_WINDOW = 2_000

# Files whose header is not about themselves: templates, which a program fills in, and prose, where
# often only a section is generated and what is generated is still read.
UNMARKED_SUFFIXES = (
    *(".in", ".j2", ".jinja", ".jinja2", ".tmpl", ".tpl", ".template", ".erb", ".ejs", ".hbs"),
    *(".mustache", ".mako", ".tt"),
    *(".md", ".markdown", ".rst", ".adoc", ".txt"),
)

# The marks stand in the comments at the top (further down, a program that writes them has them in
# a string) and tell people to keep their hands off. "Generated by" alone is not enough: Django's
# migrations, Rails' schema.rb and what a scaffold began are edited, and searched.
_LEADER = r"^[ \t]*(?://|\#|--|/?\*|;|<!--|%|!|\(\*|\{-|'|\"|@?rem\b)"
_COMMENT = rf"{_LEADER}[ \t/*;%!#\"-]*"
_HANDS_OFF = r"(?:do\ not|don't|not\ to\ be)\ (?:manually\ |hand[- ]?)?(?:edit|modif|change|alter)"
_MACHINE = r"(?:auto(?:matically)?|machine)[- ]?generated"
_MARK = re.compile(
    rf"""{_COMMENT}(?:
      code\ generated\ .*\ do\ not\ edit  # the convention of Go
    | (?:this\ (?:file|code)\ (?:is|was)\ (?:automatically\ )?)?@generated\b  # Meta, Cargo, prost
    | <auto-?generated  # C#
    | generated\ (?:by|from|with|using)\b .* {_HANDS_OFF}  # protoc, gRPC
    | .{{0,60}}{_MACHINE}\b .* {_HANDS_OFF}
    | .{{0,60}}{_HANDS_OFF} .* {_MACHINE}\b
    | a\ bison\ parser,\ made\ by\ gnu\ bison
    | a\ lexical\ scanner\ generated\ by\ flex
    | generated\ from\ .*\.g4\ by\ antlr
    | this\ file\ was\ automatically\ generated\ by\ swig
    | generated\ by\ (?:gnu\ autoconf|cython)\b
    | .{{0,40}}generated\ (?:automatically\ by\ aclocal|by\ automake)\b
    )""",
    re.IGNORECASE | re.MULTILINE | re.VERBOSE,
)


_COMMENTS = re.compile(
    rf"/\*.*?(?:\*/|\Z)|<!--.*?(?:-->|\Z)|\(\*.*?(?:\*\)|\Z)|<\?\w+|{_LEADER}[^\n]*",
    re.IGNORECASE | re.MULTILINE | re.DOTALL,
)


def generated(name: str, text: str) -> str | None:
    """Return the line with which a file says that a program wrote it, or None."""
    head = text[:GENERATED_WINDOW]
    if not _is_marked(head) or name.endswith(UNMARKED_SUFFIXES):
        return None
    lines = head.split("\n")
    for number, line in enumerate(lines):
        if _is_marked(line) and _MARK.match(line):
            only_comments = not _COMMENTS.sub("", "\n".join(lines[:number])).strip()
            return f"it says: {line.strip()[:200]}" if only_comments else None
    return None


def _is_marked(text: str) -> bool:
    """Return whether `_MARK` can match in the text: 50 times as fast as trying it."""
    lowered = text.lower()
    return "generated" in lowered or "gnu bison" in lowered
