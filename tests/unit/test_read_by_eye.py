"""The queries that are read by eye: their form, and where the answer is said to have come."""

import json
from collections import Counter
from pathlib import Path

import pytest

from benchmarks.read_by_eye import Place, Wanted, lines_of, place_of
from pgdex.indexer.search import SearchHit
from pgdex.indexer.search.result import Place as Piece

QUERIES = sorted((Path(__file__).parents[2] / "benchmarks" / "questions" / "by_eye").glob("*.json"))
WANTED = [Wanted("src/cart.go", "Total"), Wanted("src/price.go", "sum")]


def hit(path: str, symbol: str | None, *more: Piece) -> SearchHit:
    return SearchHit(
        repository="shop",
        repo_path="/shop",
        path=path,
        start_line=1,
        end_line=9,
        kind="function",
        symbol=symbol,
        language="go",
        score=1.0,
        content="",
        more=list(more),
        also_in=[],
        reasons={"words": 0.5},
    )


@pytest.mark.parametrize("file", QUERIES, ids=lambda file: file.stem)
def test_each_tree_has_twenty_queries_of_all_kinds_with_definitions_that_answer(file: Path) -> None:
    entries = json.loads(file.read_text())

    assert Counter(entry["category"] for entry in entries) == {
        "question": 8,
        "name": 4,
        "kind and name": 3,
        "message": 2,
        "words": 3,
    }
    assert len({entry["query"] for entry in entries}) == 20
    for entry in entries:
        assert entry.keys() == {"query", "category", "relevant"}
        assert entry["relevant"], entry
        for one in entry["relevant"]:
            assert one.keys() == {"path", "symbol"}
            assert not one["path"].startswith("/")
            assert one["symbol"].strip()


def test_the_first_piece_of_a_hit_answers_by_its_whole_symbol_or_the_last_part() -> None:
    hits = [hit("src/cart.go", "Cart.Empty"), hit("src/cart.go", "Cart.Total"), hit("src/price.go", "sum")]

    assert place_of(WANTED, hits) == Place(shown=2, text=2, file=1)


def test_a_further_piece_answers_where_its_text_is_shown() -> None:
    with_text = Piece(20, 30, "Cart.Total", "method", "func (c *Cart) Total()")
    by_name = Piece(20, 30, "Cart.Total", "method", None)

    assert place_of(WANTED, [hit("src/cart.go", "Cart.Empty", with_text)]) == Place(shown=0, text=1, file=1)
    assert place_of(WANTED, [hit("src/cart.go", "Cart.Empty", by_name)]) == Place(shown=0, text=0, file=1)


def test_the_same_name_in_another_file_and_a_piece_without_a_name_are_no_answers() -> None:
    assert place_of(WANTED, [hit("test/cart.go", "Total"), hit("src/cart.go", None)]) == Place(shown=0, text=0, file=2)
    assert place_of(WANTED, []) == Place(shown=0, text=0, file=0)


def test_a_hit_is_printed_with_its_further_pieces_and_its_score() -> None:
    printed = "\n".join(lines_of(hit("src/cart.go", "Cart.Total", Piece(20, 30, "Cart.Empty", "method")), why=True))

    assert "src/cart.go:1-9 function Cart.Total" in printed
    assert "also 20-30 Cart.Empty" in printed
    assert "words 0.50" in printed
