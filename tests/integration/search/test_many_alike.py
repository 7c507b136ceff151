"""A tree in which hundreds of places have the words or the name that is asked for, and one is meant."""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from pgdex.jobs.client.client import Client
from tests.integration.search.shop import Shop, index
from tests.support.databases import new_database, settings_for, url_of
from tests.support.trees import write_tree
from tests.support.workers import workers_on

MESSAGE = "order book out of memory"


def files() -> dict[str, str | bytes]:
    alike: dict[str, str | bytes] = {}
    for number in range(260):
        # All words of the message, each often, and a method Error of its own.
        words = f"// order book memory order book memory: the order book of memory {number} is out of order\n"
        alike[f"book{number}/book.go"] = (
            f"package book{number}\n\n{words}func (b *Book{number}) Error() string {{\n"
            f'\treturn orderBook(b, memory, out, "{number}")\n}}\n'
        )
    long = "\n".join(f"\tstep{number}(values, {number})" for number in range(60))
    alike["core/limits.go"] = f'package core\n\nfunc check(values []int) {{\n{long}\n\tpanic("{MESSAGE}")\n}}\n'
    alike["core/headers.go"] = (
        "package core\n\nfunc refuse(verb string) error {\n"
        '\treturn fmt.Errorf("cannot %s the price after it was sent to the buyer", verb)\n}\n'
    )
    alike["core/faults.go"] = "package core\n\ntype Error interface {\n\tCode() int\n}\n"
    return alike


@pytest.fixture(scope="module")
def books(server_url: str, template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """Indexed once, since no test changes it."""
    root = write_tree(tmp_path_factory.mktemp("trees") / "books", files())
    with ExitStack() as stack:
        url = url_of(server_url, stack.enter_context(new_database(server_url, template=template)))
        client = stack.enter_context(Client.open(settings_for(url, embedder="hashing")))
        with workers_on(url, tmp_path_factory.mktemp("workers")) as workers:
            index(client, workers, root)
        yield Shop(client, root)


def test_a_message_of_common_words_is_found_where_it_stands_word_for_word(books: Shop) -> None:
    assert books.paths(MESSAGE)[0] == "core/limits.go"
    assert books.paths(f"fatal error: {MESSAGE}")[0] == "core/limits.go"
    assert books.paths("panic: book out of")[0] == "core/limits.go"


def test_a_message_is_found_with_a_value_in_it(books: Shop) -> None:
    hit = books.search("cannot lower the price after it was sent to the buyer").hits[0]

    assert hit.path == "core/headers.go"
    assert hit.reasons["word for word"] > 0


def test_a_kind_finds_its_definition_among_hundreds_of_the_name(books: Shop) -> None:
    hit = books.search("interface Error").hits[0]

    assert (hit.path, hit.kind, hit.symbol) == ("core/faults.go", "interface", "Error")
