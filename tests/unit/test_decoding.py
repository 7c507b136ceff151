"""Bytes as the text that an editor shows, and what is no text."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgdex.indexer.sources import SkipReason
from pgdex.indexer.sources.decoding import decode

CODE = "".join(f"def function_{number}(value):\n    # {{}}\n    return value\n\n" for number in range(10))


def code(comment: str) -> str:
    """Source code, in which every third line is a comment."""
    return CODE.replace("{}", comment)


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"])
def test_utf16_and_utf32_are_text_with_their_mark_and_without(encoding: str) -> None:
    text = "über\nzwölf 𝄞\n" + "x = 1\n" * 20

    assert decode(("\ufeff" + text).encode(encoding)) == text
    assert decode(text.encode(encoding)) == text


@pytest.mark.parametrize(
    ("comment", "encoding"),
    [
        ("設定を読み込む", "shift_jis"),
        ("讀取設定檔並返回結果", "big5"),
        ("读取配置文件并返回结果", "gb18030"),
        ("설정 파일을 읽어서 결과를 반환한다", "euc_kr"),
        ("Привет мир, это комментарий", "koi8_r"),
        ("Привет мир, это комментарий", "cp866"),
        ("Größe des Puffers, naïve Lösung © 1998 – “so”", "cp1252"),
        ("Größe des Puffers", "latin-1"),
        ("für", "cp850"),
    ],
)
def test_sources_in_old_encodings_are_read_with_their_comments(comment: str, encoding: str) -> None:
    assert decode(code(comment).encode(encoding)) == code(comment)


@pytest.mark.parametrize(
    ("comment", "encoding"),
    [
        ("français, élève", "mac_roman"),
        ("Příliš žluťoučký kůň", "iso8859_2"),
        ("Γειά σου Κόσμε", "iso8859_7"),
        ("שלום עולם", "cp1255"),
        ("สวัสดีชาวโลก", "tis_620"),
        ("設定を読み込む", "euc_jp"),
        ("設定を読み込む", "iso2022_jp"),
        ("für", "cp437"),
    ],
)
def test_whatever_the_encoding_of_comments_the_code_is_found(comment: str, encoding: str) -> None:
    text = decode(code(comment).encode(encoding))

    assert isinstance(text, str)
    assert [line for line in text.split("\n") if "#" not in line] == [
        line for line in code("").split("\n") if "#" not in line
    ]


@given(st.integers(0x80, 0xFF), st.integers(0, 300))
def test_one_odd_byte_loses_no_line_of_code(byte: int, place: int) -> None:
    data = code("a comment").encode()
    at = data.index(b"#", place) + 1

    text = decode(data[:at] + bytes([byte]) + data[at:])

    assert isinstance(text, str)
    assert text.count("\n") == code("").count("\n")
    assert all(f"def function_{number}(value):" in text for number in range(10))


def test_a_utf8_file_with_a_few_broken_bytes_stays_utf8() -> None:
    assert decode("Zoë, Jürgen, Åsa und Ren".encode() + b"\xe9\n") == "Zoë, Jürgen, Åsa und Ren\ufffd\n"


@pytest.mark.parametrize("place", [100, 20_000])
def test_a_nul_in_a_string_is_shown_as_a_sign(place: int) -> None:
    before = ("const a = 1;\n" * 2000)[:place]

    assert decode(f"{before}['a'].join('\0');\n".encode()) == f"{before}['a'].join('\u2400');\n"


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"a\r\nb\r\n", "a\nb\n"),
        (b"a\rb\r", "a\nb\n"),
        (b"a\r\r\nb\n", "a\nb\n"),
        (b"10%\r20%\rdone\nnext\n", "10%\r20%\rdone\nnext\n"),  # a log: git, grep and vim see two lines
        ("\ufeffa\r\nb".encode("utf-16-le"), "a\nb"),
        (b"\xef\xbb\xbfa\r\n", "a\n"),
    ],
)
def test_every_line_ends_with_a_line_feed_and_keeps_its_number(data: bytes, text: str) -> None:
    assert decode(data) == text


def test_a_hostile_row_of_carriage_returns_is_read_once() -> None:
    assert decode(b"\r" * 500_000 + b"x\n") == "\r" * 500_000 + "x\n"


def test_what_a_data_uri_holds_is_left_out_and_the_line_stays() -> None:
    text = decode(b"# Title\n\n![plot](data:image/png;base64," + b"iVBORw0KGgo" * 5000 + b"==)\n\nWords.\n")

    assert text == "# Title\n\n![plot](data:image/png;base64,…55,002 characters…)\n\nWords.\n"


@pytest.mark.parametrize(
    ("data", "reason", "detail"),
    [
        (b"\x89PNG\r\n\x1a\n\0\0", SkipReason.BINARY, "a NUL byte at byte 8; 20.0% of it is control characters"),
        (b"x" * 100 + b"\0\xff", SkipReason.BINARY, "a NUL byte at byte 100; not UTF-8: byte 0xff at byte 101"),
        (b"\xff\xfea\0\0\0", SkipReason.BINARY, "marked as UTF-16, but 50.0% of it is control characters"),
        (b"\xff\xfe" + b"\x00\xd8" * 9, SkipReason.UNDECODABLE, "marked as UTF-16, but broken in 9 places"),
        (
            b"\x80abc\x01",
            SkipReason.BINARY,
            "not UTF-8: byte 0x80 at byte 0, and 20.0% of it is control characters",
        ),
    ],
)
def test_what_is_no_text_has_a_reason_and_tells_where(data: bytes, reason: SkipReason, detail: str) -> None:
    assert decode(data) == (reason, detail)


@given(st.integers(0, 1000))
def test_compressed_data_is_no_text(seed: int) -> None:
    data = hashlib.shake_256(str(seed).encode()).digest(4000)

    assert not isinstance(decode(data), str)
    assert not isinstance(decode(data.replace(b"\0", b"")), str)
