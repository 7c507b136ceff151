"""The text of PDF and Word documents: pages and headings, and what is refused, however hostile, with its reason."""

import io
import random
import re
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgdex.indexer.chunking import Chunk, chunk_file
from pgdex.indexer.documents import PAGE_END, DocumentKind, Extracted, Limits, Refusal, Refused, extract
from pgdex.indexer.documents.cleaning import WIDTH, cleaned
from pgdex.indexer.languages import language_of
from tests.support.document_readings import LIMITS, refused, text_of
from tests.support.documents import endless_pdf, pdf, pdf_bomb, pdf_of, strict, with_part, word, zipped

PDF, DOCX = DocumentKind.PDF, DocumentKind.DOCX


def chunks_of(text: str, name: str) -> list[Chunk]:
    return chunk_file(text, language_of(name))


def test_the_text_of_a_pdf_is_found_with_its_page_and_its_lines() -> None:
    text = text_of(pdf("The first page.\nHow retries (and backoff) work.", "", "The last page."), PDF)

    assert text.split(PAGE_END) == ["The first page.\nHow retries (and backoff) work.\n", "", "The last page.\n"]
    assert [(one.symbol, one.start_line, one.end_line, one.content) for one in chunks_of(text, "a.pdf")] == [
        ("page 1", 1, 2, "The first page.\nHow retries (and backoff) work.\n"),
        ("page 3", 3, 3, "The last page.\n"),
    ]


def test_a_pdf_that_only_forbids_printing_is_read() -> None:
    assert text_of(pdf("Public words.", owner_password="secret"), PDF) == "Public words.\n"


def test_the_headings_of_a_word_document_are_its_sections() -> None:
    long = "Words about the server. " * 60
    text = text_of(
        word("= Handbook", "1 Install", long, "2 On Linux", long, "1 Use", "# a comment\nin a shell", long), DOCX
    )

    symbols = [(one.kind, one.symbol) for one in chunks_of(text, "a.docx")]
    assert symbols == [
        ("section", "Handbook > Install"),
        ("section", "Handbook > Install > On Linux"),
        ("section", "Handbook > Use"),
    ]
    assert "\\# a comment\nin a shell\n" in text
    assert max(map(len, text.split("\n"))) <= WIDTH


def test_the_tables_of_a_word_document_are_lines_of_it() -> None:
    text = text_of(word("1 Types", tables=2), DOCX)

    assert text.count("head 0 | head 1 | head 2\n") == 2
    assert text.count("merged cell | table in a table\n") == 2


def test_no_text_of_a_word_document_is_lost_for_what_stands_around_it() -> None:
    def run(text: str) -> str:
        return f"<w:r><w:t>{text}</w:t></w:r>"

    body = (
        '<w:document xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"><w:body>'
        f"<w:sdt><w:sdtContent><w:p>{run('of a template, ')}<w:ins>{run('inserted, ')}</w:ins>"
        f"<w:del><w:r><w:delText>deleted</w:delText></w:r></w:del><w:hyperlink>{run('linked')}</w:hyperlink></w:p>"
        f"<w:tbl><w:sdt><w:sdtContent><w:tr><w:tc><w:p>{run('in a table')}</w:p></w:tc></w:tr></w:sdtContent></w:sdt>"
        "</w:tbl></w:sdtContent></w:sdt></w:body></w:document>"
    )
    text = text_of(with_part(word("x"), "word/document.xml", body.encode()), DOCX)

    assert text == "of a template, inserted, linked\n\nin a table\n\n"


def test_a_heading_is_known_by_what_its_style_is_based_on() -> None:
    styled = io.BytesIO(word("1 Install", "x"))
    with zipfile.ZipFile(styled) as archive:
        styles = archive.read("word/styles.xml").decode()
    own = (
        '<w:style w:type="paragraph" w:customStyle="1" w:styleId="Ours"><w:name w:val="Our heading"/>'
        '<w:basedOn w:val="Heading1"/></w:style></w:styles>'
    )
    changed = with_part(styled.getvalue(), "word/styles.xml", styles.replace("</w:styles>", own).encode())
    with zipfile.ZipFile(io.BytesIO(changed)) as archive:
        body = archive.read("word/document.xml").decode()
    changed = with_part(changed, "word/document.xml", body.replace('w:val="Heading1"', 'w:val="Ours"').encode())

    assert text_of(changed, DOCX).startswith("## Install\n")


@pytest.mark.parametrize(
    ("data", "kind", "reason", "detail"),
    [
        pytest.param(pdf("x", password="secret"), PDF, Refusal.ENCRYPTED, "password", id="a PDF with a password"),
        pytest.param(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(9_000), DOCX, Refusal.ENCRYPTED, "password", id="OLE"),
        pytest.param(pdf("", ""), PDF, Refusal.NO_TEXT, "pages: 2, none with text", id="a scan"),
        pytest.param(word(), DOCX, Refusal.NO_TEXT, "no paragraph", id="an empty Word document"),
        pytest.param(b"%PDF-1.7\nrubbish", PDF, Refusal.UNPARSABLE, "Error", id="no PDF"),
        pytest.param(pdf("x" * 90)[:300], PDF, Refusal.UNPARSABLE, "Error", id="half of a PDF"),
        pytest.param(word("x")[:-400], DOCX, Refusal.UNPARSABLE, "BadZipFile", id="half of a Word document"),
        pytest.param(endless_pdf(), PDF, Refusal.UNPARSABLE, "", id="pages in themselves"),
        pytest.param(with_part(word("x"), "word/document.xml", b"<no"), DOCX, Refusal.UNPARSABLE, "XML", id="no XML"),
        pytest.param(with_part(word("x"), "[Content_Types].xml", b"<a/>"), DOCX, Refusal.UNPARSABLE, "", id="no parts"),
        pytest.param(
            zipped(a="b"), DOCX, Refusal.UNPARSABLE, "a ZIP archive, but not a Word document", id="any archive"
        ),
        pytest.param(strict(word("x")), DOCX, Refusal.UNPARSABLE, "Strict Open XML; save it as", id="Strict Open XML"),
        pytest.param(
            with_part(word("x"), "word/media/a.png", bytes(260 << 20)), DOCX, Refusal.UNPARSABLE, "unpack", id="a bomb"
        ),
        pytest.param(
            with_part(word("x"), "word/document.xml", b"<a>" * 200_000 + b"</a>" * 200_000),
            *(
                DOCX,
                Refusal.UNPARSABLE,
                "",
            ),
            id="elements in elements",
        ),
    ],
)
def test_what_has_no_text_to_index_is_refused_with_its_reason(
    data: bytes, kind: DocumentKind, reason: Refusal, detail: str
) -> None:
    found = refused(data, kind)

    assert found.reason is reason
    assert found.reason.is_final
    assert detail in found.detail
    assert len(found.detail) <= 250


def test_entities_are_never_expanded() -> None:
    laughs = "".join(f'<!ENTITY l{n + 1} "{f"&l{n};" * 10}">' for n in range(9))
    body = (
        f'<?xml version="1.0"?><!DOCTYPE d [<!ENTITY l0 "lol"><!ENTITY f SYSTEM "file:///etc/passwd">{laughs}]>'
        '<w:document xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"><w:body>'
        "<w:p><w:r><w:t>before &l9; &f; after</w:t></w:r></w:p></w:body></w:document>"
    )
    found = extract(with_part(word("x"), "word/document.xml", body.encode()), DOCX, limits=LIMITS)

    assert isinstance(found, Refused) or ("lol" not in found.text and "root:" not in found.text)


def test_a_page_that_unpacks_without_end_costs_no_memory() -> None:
    found = extract(pdf_bomb(), PDF, limits=LIMITS)

    assert isinstance(found, Refused)
    assert found.reason in (Refusal.UNPARSABLE, Refusal.NO_TEXT)


def test_pages_that_can_not_be_read_are_counted_and_the_others_kept() -> None:
    data = pdf_of(b"BT /F1 12 Tf 72 720 Td (whole) Tj ET", b"BT /F1 12 Tf 72 720 Td (broken) Tj ET")
    place = data.rindex(b"/FlateDecode")
    broken = data[:place] + b"/NoSuchCode_" + data[place + len(b"/FlateDecode") :]

    found = extract(broken, PDF, limits=LIMITS)

    assert found == Extracted(f"whole\n{PAGE_END}", unread=1)
    assert refused(broken.replace(b"/FlateDecode", b"/NoSuchCode_"), PDF).detail.startswith(
        "none of its pages can be read: NotImplementedError"
    )


def test_whatever_is_wrong_with_a_document_it_is_text_or_a_reason() -> None:
    chance = random.Random(3)
    for number in range(6):
        whole, kind = [(pdf("some words", "more words"), PDF), (word("1 Title", "words", tables=1), DOCX)][number % 2]
        broken = bytearray(whole)
        for _ in range(1 + 8 * number):
            broken[chance.randrange(len(broken))] = chance.randrange(256)
        found = extract(bytes(broken), kind, limits=Limits(text_bytes=1 << 20, cpu_seconds=5))
        assert isinstance(found, Extracted | Refused)


def test_a_table_of_contents_is_its_titles_and_numbers() -> None:
    assert cleaned("1 Introduction . . . . . . . . . . 1\n2 Use.................... 12\nand so on...") == (
        "1 Introduction … 1\n2 Use… 12\nand so on...\n"
    )


@pytest.mark.parametrize(
    ("extracted", "typed"),
    [
        pytest.param("cafe\u0301 nai\u0308ve", "café naïve", id="accents apart"),
        pytest.param("\u2f08\u2f2f智能", "人工智能", id="radicals"),
        pytest.param("\uf9e4", "理", id="compatibility ideographs"),
        pytest.param("\ufe8d\ufedf\ufecc\ufeae\ufe91\ufef4\ufe94", "العربية", id="Arabic"),
        pytest.param("\ufb2a\ufb39", "\u05e9\u05c1\u05d9\u05bc", id="Hebrew"),
        pytest.param("ﬁle x² ½ ＡＢ Ⅳ", "file x² ½ ＡＢ Ⅳ", id="what people type stays"),
    ],
)
def test_text_in_any_script_is_as_people_type_it(extracted: str, typed: str) -> None:
    assert cleaned(extracted) == f"{typed}\n"


ANY_TEXT = st.text(
    st.characters()
    | st.sampled_from("ab  \n\t\f\r\v\0\x1c\u00ad\ufb01\u2028\ud800漢字\u2f08\ufe8d\ufdfae\u0301# -|..."),
    max_size=400,
)


@given(ANY_TEXT | ANY_TEXT.map(lambda text: text.replace(" ", "") * 3))
def test_cleaned_text_is_lines_that_can_be_shown_and_stored(text: str) -> None:
    found = cleaned(text)

    found.encode()
    assert not re.search("[\0-\x08\x0b-\x1f\x7f-\x9f\u00ad\ufb01\u2f08\ufe8d]", found)
    assert found == "" or (found.endswith("\n") and found.strip())
    assert all(len(line) <= WIDTH and line == line.rstrip() for line in found.split("\n"))
    assert "\n\n\n" not in found
    assert cleaned(found) == found


@given(st.lists(ANY_TEXT.map(cleaned), min_size=1, max_size=6))
def test_every_line_of_every_page_is_in_the_chunk_that_says_its_page_and_its_lines(pages: list[str]) -> None:
    text = PAGE_END.join(pages)
    lines = text.replace(PAGE_END, "").splitlines(keepends=True)
    chunks = chunks_of(text, "a.pdf")

    assert "".join(chunk.content for chunk in chunks) == "".join(pages)
    for chunk in chunks:
        assert "".join(lines[chunk.start_line - 1 : chunk.end_line]) == chunk.content
        assert chunk.symbol is not None
        assert chunk.content in pages[int(chunk.symbol.removeprefix("page ")) - 1]
