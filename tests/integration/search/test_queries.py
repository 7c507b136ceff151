"""Searching a real tree that a real worker has indexed: what comes first, and what is said of it."""

import json
import re
from itertools import pairwise

import pytest

from tests.integration.search.shop import LEDGER, RETRY_POLICY, SESSION, Shop


@pytest.mark.parametrize(
    ("query", "first"),
    [
        pytest.param("compute_delay", "src/retry_policy.py", id="a name"),
        pytest.param("compute_delay()", "src/retry_policy.py", id="a call"),
        pytest.param(" compute_delay\n", "src/retry_policy.py", id="a name with space around it"),
        pytest.param("retry_policy.compute_delay", "src/retry_policy.py", id="a qualified name"),
        pytest.param("Session", "src/session.py", id="a class"),
        pytest.param("renew_session", "src/session.py", id="a method"),
        pytest.param("ParseHeader", "src/http/client.go", id="a function in Go"),
        pytest.param("parseheader", "src/http/client.go", id="a name in another letter case"),
        pytest.param("delay", "src/retry_policy.py", id="half of an identifier"),
        pytest.param("src/http/client.go", "src/http/client.go", id="a path"),
        pytest.param("client.go", "src/http/client.go", id="the end of a path"),
        pytest.param("./src/worker.py", "src/worker.py", id="a path from here"),
        pytest.param("http/cli", "src/http/client.go", id="a part of a path"),
        pytest.param("SRC/WORKER.PY", "src/worker.py", id="a path in another letter case"),
        pytest.param("how long do we wait before the next attempt?", "src/retry_policy.py", id="a question"),
        pytest.param("where is the header of a response parsed", "src/http/client.go", id="a question about Go"),
        pytest.param("how does Session get renewed", "src/session.py", id="a class in a question"),
        pytest.param("ValueError: attempt must not be negative, got -1", "src/retry_policy.py", id="an error message"),
        pytest.param("return min(longest, base * 2**attempt)", "src/retry_policy.py", id="a piece of code"),
        pytest.param("name, value, found := strings.Cut(line)", "src/http/client.go", id="a piece of Go"),
        pytest.param("tests of compute_delay", "tests/test_retry_policy.py", id="tests that are asked for"),
    ],
)
def test_what_a_person_means_comes_first(shop: Shop, query: str, first: str) -> None:
    assert shop.paths(query)[0] == first


def test_a_hit_says_where_it_is_and_what_it_is(shop: Shop) -> None:
    hit = shop.search("compute_delay").hits[0]
    assert (hit.repository, hit.repo_path) == ("shop", str(shop.root))
    assert (hit.path, hit.language, hit.kind, hit.symbol) == (
        "src/retry_policy.py",
        "python",
        "function",
        "compute_delay",
    )
    lines = RETRY_POLICY.splitlines(keepends=True)
    assert hit.content == "".join(lines[hit.start_line - 1 : hit.end_line])
    assert hit.reasons["definition"] > 0
    assert sum(hit.reasons.values()) == pytest.approx(hit.score)


@pytest.mark.parametrize(
    ("query", "symbol"),
    [
        ("book_entry", "cell 5 > book_entry"),
        ("total_of_entries", "cell 5 > total_of_entries"),
        ("Ledger", "cell 4 > Ledger"),
        ("ledgers.book_entry", "cell 5 > book_entry"),
        ("who balances them monthly", "cell 1 > Ledgers"),
        ("import decimal and logging", "cell 3"),
        ("LEDGER_LIMIT", "cell 3 > LEDGER_LIMIT"),
    ],
)
def test_a_hit_in_a_notebook_says_its_cell_and_is_found_by_its_bare_name(shop: Shop, query: str, symbol: str) -> None:
    hit = shop.search(query, project_id="notes").hits[0]
    assert (hit.path, hit.symbol) == ("notes/ledgers.ipynb", symbol)
    shown = LEDGER.split("\n")[hit.start_line - 1 : hit.end_line]
    assert [json.loads(line.strip().rstrip(",")) for line in shown] == hit.content.splitlines(keepends=True)


def test_the_number_of_a_cell_is_no_reason_to_find_it(shop: Shop) -> None:
    hits = shop.search("cell", project_id="notes").hits
    assert {hit.path: hit.symbol for hit in hits} == {
        "src/bookings.py": None,
        "notes/ledgers.ipynb": "cell 1 > Ledgers",
    }, "a cell in which the word stands, and no other one"
    assert [hit.more for hit in hits] == [[], []]
    assert all("definition" not in hit.reasons for hit in hits)


def test_scores_fall_and_no_file_comes_twice(shop: Shop) -> None:
    hits = shop.search("session", limit=50).hits
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)
    assert len({hit.path for hit in hits}) == len(hits)


def test_several_pieces_of_a_file_are_one_hit_with_more_places(shop: Shop) -> None:
    hit = shop.search("session token").hits[0]
    assert hit.path == "src/session.py"
    assert hit.more
    places = [(hit.start_line, hit.end_line), *((place.start_line, place.end_line) for place in hit.more)]
    assert len(set(places)) == len(places)
    lines = SESSION.count("\n")
    assert all(1 <= start <= end <= lines for start, end in places)
    ordered = sorted(places)
    assert all(one[1] < other[0] for one, other in pairwise(ordered)), "places do not overlap"
    assert any(place.symbol and "_session" in place.symbol for place in hit.more)


def test_near_duplicates_are_one_hit_that_names_the_others(shop: Shop) -> None:
    hits = shop.search("chunkInvoices").hits
    both = {"src/first_copy.js", "src/second_copy.js"}
    (found,) = [hit for hit in hits if hit.path in both]
    assert {found.path, *found.also_in} == both


def test_a_limit_is_kept_and_its_hits_are_the_first(shop: Shop) -> None:
    every = shop.paths("session", limit=50)
    assert shop.paths("session", limit=2) == every[:2]
    assert shop.paths("session", limit=1) == every[:1]


def test_the_same_query_has_the_same_answer_twice(shop: Shop) -> None:
    assert shop.search("how are sessions renewed") == shop.search("how are sessions renewed")


@pytest.mark.parametrize(
    "query", ["zzyzx_qwfpgj", "((((", "?", "漢字", "'; drop table pgdex.chunks; --", "%", "a" * 5_000]
)
def test_a_query_that_means_nothing_here_is_no_error(shop: Shop, query: str) -> None:
    found = shop.search(query, retrievers=("words",))
    assert found.hits == [] or found.notes == []
    shop.search(query)


@pytest.mark.parametrize(
    ("query", "note"),
    [
        ("zzyzx_qwfpgj", r"^no file searched has the name 'zzyzx_qwfpgj', or a word of it$"),
        ("QwfpgjZzyzx.fly_zzyzx", r"^no file searched has the name 'QwfpgjZzyzx\.fly_zzyzx', or a word of it$"),
        ("!=", r"^the query '!=' has no word in it"),
        ("((((", r"^the query .* has no word in it"),
    ],
)
def test_a_name_that_is_nowhere_has_no_hits_and_a_note(shop: Shop, query: str, note: str) -> None:
    found = shop.search(query)
    assert found.hits == []
    assert re.search(note, found.notes[0])


def test_a_name_of_which_only_parts_are_there_is_said_to_be_nowhere(shop: Shop) -> None:
    found = shop.search("renew_session_cart_now")
    assert found.hits, "half-remembered names are found by their parts"
    assert found.notes == ["no file searched has the name 'renew_session_cart_now'; the hits have some of its words"]


def test_a_name_that_is_used_and_nowhere_defined_needs_no_note(shop: Shop) -> None:
    assert shop.search("renew_steps").notes == []


@pytest.mark.parametrize("query", ["base-attempt", "name-value", "longest?"])
def test_a_name_that_is_no_word_of_the_index_is_not_said_to_be_nowhere(shop: Shop, query: str) -> None:
    """`min-width` is two words there, and may stand in a file all the same."""
    found = shop.search(query)
    assert found.hits
    assert found.notes == []


def test_words_that_are_nowhere_are_answered_by_meaning_with_a_note(shop: Shop) -> None:
    found = shop.search("erythropoiesis")
    assert all("only near in meaning" in note for note in found.notes)
    assert found.notes


def test_a_message_in_quotes_is_found_in_the_one_place_that_has_it(shop: Shop) -> None:
    found = shop.search('"attempt must not be negative"')
    assert found.hits[0].path == "src/retry_policy.py"
    assert found.hits[0].reasons["word for word"] > 0
    assert found.notes == []


def test_a_message_in_quotes_that_nobody_says_has_a_note(shop: Shop) -> None:
    found = shop.search('"negative attempt be must"')
    assert found.notes == ['no file searched says "negative attempt be must" word for word']


def test_a_message_without_quotes_is_first_where_it_stands_word_for_word(shop: Shop) -> None:
    hit = shop.search("Renew the session with this token").hits[0]
    assert (hit.path, hit.symbol) == ("src/session.py", "Session.renew_session")


def test_of_small_functions_that_share_a_chunk_the_hit_is_called_by_the_one_asked_for(shop: Shop) -> None:
    hit = shop.search("small_function_7").hits[0]
    assert hit.symbol == "small_function_7"
    assert "def small_function_7(" in hit.content


def test_the_first_hits_of_a_question_show_the_text_of_further_pieces(shop: Shop) -> None:
    hit = shop.search("how is a session opened or closed").hits[0]
    assert hit.path == "src/session.py"
    lines = SESSION.splitlines(keepends=True)
    shown = [piece for piece in hit.more if piece.content]
    assert len(shown) == 2
    for piece in shown:
        assert piece.content == "".join(lines[piece.start_line - 1 : piece.end_line])


def test_a_name_shows_its_definition_alone(shop: Shop) -> None:
    assert not any(piece.content for hit in shop.search("compute_delay").hits for piece in hit.more)


@pytest.mark.parametrize("retrievers", [("words",), ("vectors",)])
def test_each_retriever_alone_finds_what_shares_its_words(shop: Shop, retrievers: tuple[str, ...]) -> None:
    assert shop.paths("exponential backoff before the next attempt", retrievers=retrievers)[0] == "src/retry_policy.py"


@pytest.mark.parametrize(
    "query",
    [
        'strftime("%Y-%m-%d")',
        "100 % of %s and %(name)s",
        '"%d items left"',
        "format {table} with {0} and {}",
        "it's; drop table pgdex.chunks; --",
        "C:\\new\\table",
        "$1 $$ $body$",
        "where like '_%' escape '\\'",
        "*?[a-z]{1,2}+(",
        "%",
    ],
)
def test_signs_that_mean_something_to_sql_or_to_formats_are_text_in_a_query(shop: Shop, query: str) -> None:
    assert isinstance(shop.search(query).hits, list)
    assert shop.search(f"compute_delay {query}").hits


def test_no_retrievers_find_nothing(shop: Shop) -> None:
    assert shop.paths("compute_delay", retrievers=()) == []
