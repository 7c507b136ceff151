"""Bags of words of many texts at once, against plain counting."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pgdex.indexer import word_bags as module
from pgdex.indexer.lexemes import words
from pgdex.indexer.word_bags import MOST_TEXTS, WordBags, counted, word_bags

TEXT = (
    st.text(max_size=80) | st.text("aAbB_12 é漢字한\n", max_size=80) | st.sampled_from(["", "x", "retry Retry RETRY"])
)
TEXTS = st.lists(TEXT, max_size=12)
MOST_TIMES = 65_535


def counters(bags: WordBags) -> list[Counter[str]]:
    """The bags as one counter for each text."""
    keys = list(zip(bags.texts.tolist(), bags.numbers.tolist(), strict=True))
    assert len(set(keys)) == len(keys), "a word is there twice in a text"
    return summed(bags)


def summed(bags: WordBags) -> list[Counter[str]]:
    """The same of bags in which a word may have several entries in a text."""
    result: list[Counter[str]] = [Counter() for _ in bags.lengths]
    for text, number, count in zip(bags.texts.tolist(), bags.numbers.tolist(), bags.counts.tolist(), strict=True):
        result[text][bags.words[number]] += count
    return result


@given(TEXTS)
@example([])
@example([""])
@example(["", "", "a", ""])
@example(["a " * 3_000])
def test_bags_count_the_words_of_each_text(texts: list[str]) -> None:
    bags = word_bags(texts)
    assert counters(bags) == [Counter(words(text)) for text in texts]
    assert bags.lengths.tolist() == [len(words(text)) for text in texts]


@given(TEXTS)
def test_entries_are_in_the_order_of_their_texts_and_words_are_distinct(texts: list[str]) -> None:
    bags = word_bags(texts)
    assert bags.texts.tolist() == sorted(bags.texts.tolist())
    assert len(set(bags.words)) == len(bags.words)
    assert set(bags.words) == {word for text in texts for word in words(text)}


@given(TEXTS, st.data())
def test_regrouped_bags_are_those_of_the_joined_texts(texts: list[str], data: st.DataObject) -> None:
    count = data.draw(st.integers(1, 5))
    group_of = data.draw(st.lists(st.integers(0, count - 1), min_size=len(texts), max_size=len(texts)))
    bags = word_bags(texts)

    regrouped = bags.regrouped(np.array(group_of, dtype=np.int64)[bags.texts], count)

    joined = [" ".join(text for text, of in zip(texts, group_of, strict=True) if of == group) for group in range(count)]
    assert summed(regrouped) == [Counter(words(text)) for text in joined]
    assert regrouped.lengths.tolist() == [len(words(text)) for text in joined]


def test_the_texts_of_a_large_block_do_not_mix() -> None:
    texts = [f"name{number % 700} shared value_{number}" for number in range(3_000)]
    assert counters(word_bags(texts)) == [Counter(words(text)) for text in texts]


def test_a_word_counts_65_535_times_at_most_and_spoils_no_other_entry() -> None:
    bags = counters(word_bags(["before retry", "retry " * 70_000 + "delay", "delay retry"]))
    assert bags[0] == {"before": 1, "retry": 1}
    assert bags[1] == {"retry": MOST_TIMES, "delay": 1}
    assert bags[2] == {"delay": 1, "retry": 1}


def test_a_word_that_several_identifiers_bring_spoils_no_other_entry_however_often_it_is_there() -> None:
    bags = word_bags(["first", "getRetry setRetry retry " * 40_000, "last retry"])
    assert counters(bags)[0] == {"first": 1}
    assert counters(bags)[1]["retry"] >= MOST_TIMES
    assert counters(bags)[1]["getretry"] == counters(bags)[1]["get"] == 40_000
    assert counters(bags)[2] == {"last": 1, "retry": 1}
    regrouped = summed(bags.regrouped(np.minimum(bags.texts, 1), 2))
    assert regrouped[0] == {"first": 1}
    assert regrouped[1]["last"] == 1
    assert regrouped[1]["retry"] >= MOST_TIMES


def test_words_are_counted_right_while_what_is_remembered_of_identifiers_is_given_up_again_and_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module._Identifiers, "CAPACITY", 20)
    for block in range(10):
        texts = [f"getName{block % 3} value_{number} shared" for number in range(block, block + 7)]
        assert counters(word_bags(texts)) == [Counter(words(text)) for text in texts]
        assert len(module._identifiers) < 20 + 2 * 7 + 3


def test_threads_that_meet_the_same_identifiers_first_at_the_same_time_count_them_right() -> None:
    def bags_of(thread: int) -> bool:
        texts = [f"getThing{number} thread{thread}Own{number} put_{number % 50}" for number in range(3_000)]
        return counters(word_bags(texts)) == [Counter(words(text)) for text in texts]

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(bags_of, range(8)))


def test_more_texts_than_can_be_numbered_are_refused_with_their_number() -> None:
    with pytest.raises(ValueError, match="at most 1,048,576 texts at once, got 1,048,577"):
        word_bags([""] * (MOST_TEXTS + 1))


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3), st.integers(1, 50)), max_size=40))
def test_pairs_are_counted_once_each_and_in_order(entries: list[tuple[int, int, int]]) -> None:
    expected: Counter[tuple[int, int]] = Counter()
    for text, number, times in entries:
        expected[text, number] += times
    columns = np.array(entries, dtype=np.int64).reshape(-1, 3)

    texts, numbers, counts = counted(columns[:, 0], columns[:, 1], columns[:, 2])

    assert list(zip(texts.tolist(), numbers.tolist(), strict=True)) == sorted(expected)
    assert counts.tolist() == [expected[key] for key in sorted(expected)]


def test_the_largest_numbers_that_fit_stay_apart() -> None:
    last_text, last_number = MOST_TEXTS - 1, (1 << 27) - 1
    texts, numbers, counts = counted(
        np.array([last_text, 0, last_text]), np.array([last_number, last_number, 0]), np.array([MOST_TIMES, 2, 3])
    )
    assert texts.tolist() == [0, last_text, last_text]
    assert numbers.tolist() == [last_number, 0, last_number]
    assert counts.tolist() == [2, 3, MOST_TIMES]
