"""Text from files can't act on a terminal, wherever it is shown."""

import json

from hypothesis import example, given
from hypothesis import strategies as st

from pgdex.jobs.client.printable import UNSAFE, UNSAFE_IN_CODE, printable, quoted_code, safe_json

HOSTILE = "\x1b]0;owned\x07 \x9b2J \u202eevil\u2066 \U000e0041 \ufeff\r\x08"


@given(st.text(st.characters()))
@example(HOSTILE)
def test_nothing_unsafe_is_left(text: str) -> None:
    assert not UNSAFE.search(printable(text))
    assert "\n" not in printable(text)
    assert not UNSAFE.search(printable(text, lines=True))
    assert not UNSAFE_IN_CODE.search(quoted_code(text))


@given(st.text(st.characters(categories=("L", "N", "P", "Zs"))))
@example("naïve 日本語 👩‍👩‍👧 क्‍ष")
def test_what_people_write_is_shown_as_it_is(text: str) -> None:
    assert printable(text) == quoted_code(text) == text


def test_code_keeps_its_line_ends_tabs_and_form_feeds() -> None:
    assert quoted_code("a\r\n\tb\x0c\n") == "a\r\n\tb\x0c\n"


def test_a_carriage_return_that_ends_no_line_is_written_out_for_it_hides_what_is_before_it() -> None:
    assert quoted_code("safe() # \rhidden()\r\n\r") == "safe() # \\rhidden()\r\n\\r"


@given(st.text())
@example(HOSTILE)
def test_a_json_document_means_the_same_and_holds_nothing_unsafe(text: str) -> None:
    document = safe_json(json.dumps({"text": text}, ensure_ascii=False, indent=2))

    assert json.loads(document) == {"text": text}
    assert not UNSAFE.search(document)
