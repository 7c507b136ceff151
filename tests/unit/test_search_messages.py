"""Messages as people paste them, and how much of one a piece of the source says."""

import pytest

from pgdex.indexer.search.messages import MOST_RUNS, runs_of, without_prefix
from pgdex.indexer.search.query import understand


@pytest.mark.parametrize(
    ("pasted", "message"),
    [
        ("fatal error: concurrent map writes", "concurrent map writes"),
        ("panic: runtime error: index out of range", "index out of range"),
        ("ValueError: invalid literal for int()", "invalid literal for int()"),
        ("java.lang.IllegalArgumentException: Comparison method fails", "Comparison method fails"),
        ('Exception in thread "main" java.lang.NullPointerException: name is null', "name is null"),
        ("TypeError [ERR_INVALID_ARG_TYPE]: The argument must be a string", "The argument must be a string"),
        ("Uncaught TypeError: x is not a function", "x is not a function"),
        ("OSError: [Errno 2] No such file or directory", "No such file or directory"),
        ("src/main.c:12:5: error: expected expression before token", "expected expression before token"),
        ("main.go:7: undefined name in the package", "undefined name in the package"),
        # What says something of the message stays.
        ("asn1: structure error: tags don't match", "asn1: structure error: tags don't match"),
        ("the error: where is it raised", "the error: where is it raised"),
        ("error handling of the parser", "error handling of the parser"),
        ("warnings about old files", "warnings about old files"),
        ("error:", "error:"),
    ],
)
def test_what_is_printed_before_a_message_is_taken_off(pasted: str, message: str) -> None:
    assert without_prefix(pasted) == message


@pytest.mark.parametrize(
    ("pasted", "phrase"),
    [
        ("fatal error: concurrent map writes", "concurrent map writes"),
        ("error: no space", None),  # two words stand anywhere
        ("concurrent map writes", None),
        ('"fatal error: concurrent map writes"', "fatal error: concurrent map writes"),  # quotes mean all of it
    ],
)
def test_three_words_after_error_are_a_message_to_be_found_word_for_word(pasted: str, phrase: str | None) -> None:
    assert understand(pasted).phrase == phrase


def test_the_runs_of_a_message_are_its_neighbouring_words_four_at_a_time() -> None:
    assert runs_of("Cannot set headers  after they") == ["cannot set headers after", "set headers after they"]
    assert runs_of("no such file found") == []
    assert len(runs_of(" ".join(f"word{number}" for number in range(500)))) == MOST_RUNS


@pytest.mark.parametrize(
    "text",
    [
        '"cannot set headers after they are sent"',  # all of it is meant
        "where are the headers set after they are sent",
        "for name, value in headers.items(): send(name, value)",
        "headers.send",
    ],
)
def test_a_text_in_quotes_a_question_and_code_are_not_looked_for_in_parts(text: str) -> None:
    assert understand(text).runs == []
    assert not understand(text).may_be_message
    assert understand("cannot set headers after they are sent").runs
