"""The SQL functions of a search, called by themselves on made-up chunks."""

import random
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import product
from string import ascii_lowercase

import pytest

from pgdex.indexer.embedding import open_embedder
from pgdex.indexer.lexemes import words
from pgdex.indexer.search import SearchRequest, search
from pgdex.indexer.search.filters import Filters
from pgdex.indexer.search.views import searched_views
from pgdex.indexer.terms import stem_of, symbol_term, term_id_of
from pgdex.jobs.database.connection import Connection, connect
from tests.support.databases import new_database, settings_for, url_of
from tests.support.job_checks import value
from tests.support.synthetic_chunks import SyntheticRepository, chunk, new_repository, write_chunks

CHUNKS = 6_000
ALL = 10**9
# One word for each 3 chunks, each 7, …: as common as words of code are.
COMMON = {"self": 2, "value": 3, "return": 4, "import": 5, "session": 7, "delay": 9, "header": 11, "retry": 300}
Found = list[tuple[int, int, float]]


class Scene:
    """A repository of 6,000 chunks, and how many of them have each stem."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.repository: SyntheticRepository = new_repository(connection)
        chance = random.Random(7)
        texts = []
        for _ in range(CHUNKS):
            common = [word for word, one_in in COMMON.items() if chance.randrange(one_in) == 0]
            repeated = [word for word in common for _ in range(chance.randrange(1, 4))]
            texts.append(
                " ".join([*repeated, *(f"name{chance.randrange(400)}x" for _ in range(chance.randrange(5, 60)))])
            )
        self.symbols = dict.fromkeys(range(0, CHUNKS, 500), ("self_value",))
        chunks = [chunk(text, *self.symbols.get(number, ())) for number, text in enumerate(texts)]
        write_chunks(connection, self.repository, chunks, path_of="src/{:06}.py".format)
        self.frequencies = Counter(
            stem
            for number, text in enumerate(texts)
            for stem in {
                stem_of(w) for w in words(f"{text} src/{number:06}.py {' '.join(self.symbols.get(number, ()))}")
            }
        )

    def lexical(self, query: str, *, limit: int = 10, candidates: int = ALL, kinds: list[str] | None = None) -> Found:
        """What search_lexical answers."""
        stems = list(dict.fromkeys(map(stem_of, words(query))))
        rows = self.connection.execute(
            "select version_id, ordinal, score"
            " from pgdex.search_lexical(array[%s::bigint], %s::integer[], %s::integer[], null, null, null, %s, %s, %s)",
            [
                self.repository.id,
                [term_id_of(stem) for stem in stems],
                [term_id_of(symbol_term(stem)) for stem in stems],
                *(kinds, limit, candidates),
            ],
        )
        return [(version_id, ordinal, score) for version_id, ordinal, score in rows]

    def term_frequencies(self, stems: Sequence[str]) -> dict[str, tuple[float, float]]:
        """What term_frequencies answers."""
        by_place = {term_id_of(stem): stem for stem in stems}
        rows = self.connection.execute(
            "select term, frequency, total from pgdex.term_frequencies(array[%s::bigint], %s::integer[])",
            [self.repository.id, list(by_place)],
        )
        return {by_place[place]: (frequency, total) for place, frequency, total in rows}


@pytest.fixture(scope="module")
def scene(server_url: str, template: str) -> Iterator[Scene]:
    with new_database(server_url, template=template) as name, connect(settings_for(url_of(server_url, name))) as one:
        scene = Scene(one)
        # Statistics come when a test says so.
        one.execute(f"alter table pgdex.{table(scene)} set (autovacuum_enabled = off)")
        yield scene


@pytest.fixture
def analyzed(scene: Scene) -> Scene:
    """As a job leaves it: with its indexes, and with statistics."""
    scene.connection.execute("select pgdex.build_indexes(%s::bigint)", [scene.repository.id])
    return scene


# Before ANALYZE: these come first in the module.


def test_terms_are_counted_while_there_are_no_statistics(scene: Scene) -> None:
    assert value(scene.connection, "select count(*) from pg_stats where tablename = %s", table(scene)) == 0
    found = scene.term_frequencies([*map(stem_of, COMMON), "nowhere"])
    for stem, (frequency, total) in found.items():
        assert frequency == min(scene.frequencies[stem], 2_000), stem
        assert total >= frequency
    assert found["nowhere"][0] == 0


def table(scene: Scene) -> str:
    return f"chunks_r{scene.repository.id}"


def test_words_are_found_while_there_are_no_statistics(scene: Scene) -> None:
    assert len(scene.lexical("retry delay")) == 10


# With ANALYZE


def test_frequencies_that_are_known_are_not_counted_again(analyzed: Scene) -> None:
    asked = {term_id_of(stem): stem for stem in map(stem_of, ["retry", "delay", "nowhere"])}
    known = analyzed.term_frequencies(list(asked.values()))
    statement = (
        "select version_id, ordinal, score from pgdex.search_lexical(array[%s::bigint], %s::integer[], '{}', null,"
        " null, null, null, 10, 6000, %s::double precision[], %s)"
    )
    ids = [analyzed.repository.id, list(asked)]
    counted = analyzed.connection.execute(statement, [*ids, None, None]).fetchall()
    frequencies, total = [known[stem][0] for stem in asked.values()], max(total for _, total in known.values())
    assert analyzed.connection.execute(statement, [*ids, frequencies, total]).fetchall() == counted
    assert counted
    assert analyzed.connection.execute(statement, [*ids, [0, 0, 0], total]).fetchall() == [], "it is believed"


def test_terms_are_counted_right_with_statistics_of_the_common_ones(analyzed: Scene) -> None:
    rare = [stem for stem, count in analyzed.frequencies.items() if count < 200][:50]
    found = analyzed.term_frequencies([*map(stem_of, COMMON), *rare, "nowhere"])
    assert set(found) == {*map(stem_of, COMMON), *rare, "nowhere"}
    for stem, (frequency, total) in found.items():
        assert frequency == pytest.approx(analyzed.frequencies[stem], rel=0.15, abs=15), stem
        assert total == pytest.approx(CHUNKS, rel=0.02)
    assert found["nowhere"][0] == 0


def test_each_term_has_one_row_in_the_order_in_which_it_was_asked_for(analyzed: Scene) -> None:
    asked = [term_id_of(stem_of(word)) for word in ("self", "nowhere", "retry", "value")]
    rows = analyzed.connection.execute(
        "select term from pgdex.term_frequencies(array[%s::bigint], %s::integer[])", [analyzed.repository.id, asked]
    ).fetchall()
    assert [term for (term,) in rows] == asked
    nothing = analyzed.connection.execute(
        "select * from pgdex.term_frequencies(array[%s::bigint], '{}')", [analyzed.repository.id]
    )
    assert nothing.fetchall() == []


def test_scores_fall_and_equals_are_in_the_order_of_their_files(analyzed: Scene) -> None:
    found = analyzed.lexical("session delay", limit=500)
    assert len(found) == 500
    assert found == sorted(found, key=lambda row: (-row[2], row[0], row[1]))
    assert all(score > 0 for _, _, score in found)


def best_scores(found: Found, count: int) -> list[float]:
    """The scores of the first ones: equals may change places."""
    return [score for _, _, score in found[:count]]


@pytest.mark.parametrize("candidates", [200, 1_000, 4_000])
@pytest.mark.parametrize(
    "query", ["retry", "retry self", "retry value return import", "name7x self", "self retry session"]
)
def test_beside_a_rare_word_common_ones_cost_no_good_result(analyzed: Scene, query: str, candidates: int) -> None:
    few, every = analyzed.lexical(query, candidates=candidates), analyzed.lexical(query)
    assert best_scores(few, 5) == pytest.approx(best_scores(every, 5), rel=1e-6)
    assert len({row[:2] for row in few} & {row[:2] for row in every}) >= 7


@pytest.mark.parametrize("query", ["session delay", "session header", "delay header session", "import session delay"])
def test_of_common_words_those_chunks_stay_that_have_several(analyzed: Scene, query: str) -> None:
    few, every = analyzed.lexical(query, candidates=1_500), analyzed.lexical(query)
    assert best_scores(few, 10) == pytest.approx(best_scores(every, 10), rel=1e-6)


def test_of_very_common_words_the_chunks_with_them_in_a_symbol_stay(analyzed: Scene) -> None:
    named = {
        version_id
        for (version_id,) in analyzed.connection.execute(
            "select id from pgdex.versions where path = any(%s)",
            [[f"src/{number:06}.py" for number in analyzed.symbols]],
        )
    }
    found = analyzed.lexical("self value", candidates=100)
    assert {version_id for version_id, _, _ in found} <= named
    assert len(found) == 10


@pytest.mark.parametrize("candidates", [1, 50, 1_000])
@pytest.mark.parametrize("query", ["return", "import", "self", "return import"])
def test_a_word_that_is_everywhere_still_finds_something(analyzed: Scene, query: str, candidates: int) -> None:
    found = analyzed.lexical(query, candidates=candidates)
    assert found
    assert len(set(found)) == len(found)
    if candidates >= 50:
        assert len(found) == 10


@pytest.mark.parametrize("candidates", [10, 1_000, ALL])
def test_no_chunk_is_found_twice(analyzed: Scene, candidates: int) -> None:
    found = analyzed.lexical("self value return import session", limit=2_000, candidates=candidates)
    assert len({(version_id, ordinal) for version_id, ordinal, _ in found}) == len(found)


def test_a_kind_that_is_asked_for_narrows_and_costs_no_result(analyzed: Scene) -> None:
    assert analyzed.lexical("retry", kinds=["function"]) == analyzed.lexical("retry")
    assert analyzed.lexical("retry", kinds=["class"]) == []


def test_words_that_are_nowhere_find_nothing(analyzed: Scene) -> None:
    assert analyzed.lexical("zzyzx qwfpgj") == []
    assert analyzed.lexical("") == []


def test_of_what_a_filter_leaves_no_candidate_is_left_out(analyzed: Scene) -> None:
    stem = stem_of("return")
    views = searched_views(analyzed.connection, SearchRequest("x", project_id="default"))
    scope = Filters(path_regex="^src/0001").within(analyzed.connection, views)
    rows = analyzed.connection.execute(
        "select f.path"
        " from pgdex.search_lexical(array[%s::bigint], %s::int[], %s::int[], %s::bigint[], %s, null, null, 500, 100) s"
        " join pgdex.versions f on f.id = s.version_id",
        [analyzed.repository.id, [term_id_of(stem)], [term_id_of(symbol_term(stem))], scope.versions, scope.chunks],
    ).fetchall()
    assert all(path.startswith("src/0001") for (path,) in rows)
    assert len(rows) > 10


def test_a_table_of_a_million_chunks_has_statistics_of_more_words(connection: Connection) -> None:
    """So that no word is counted by reading chunks that is in many of them; the table itself may be smaller here."""
    repository = new_repository(connection)
    write_chunks(connection, repository, [chunk(f"value{n}") for n in range(20)])
    targets = []
    for chunks in (10_500, 50_000, 60_000, 1_000):
        connection.execute("update pgdex.versions set chunks = %s", [chunks])
        connection.execute("select pgdex.build_indexes(%s, 10)", [repository.id])
        targets.append(
            value(
                connection,
                "select coalesce(nullif(attstattarget, -1), 100) from pg_attribute"
                " where attrelid = %s::regclass and attname = 'lexemes'",
                f"pgdex.chunks_r{repository.id}",
            )
        )

    assert targets == [100, 500, 500, 500]


def test_of_a_kind_some_that_have_a_common_word_are_looked_at_wherever_they_are(connection: Connection) -> None:
    """The functions of a repository may come after a hundred thousand chunks of its documentation."""
    count = 3_000
    repository = new_repository(connection)
    write_chunks(connection, repository, [chunk(f"self value{n}") for n in range(count)])
    connection.execute("select pgdex.build_indexes(%s, 10)", [repository.id])
    connection.execute(
        "update pgdex.chunks set kind = 'macro'"
        " where version_id > (select percentile_disc(0.5) within group (order by id) from pgdex.versions)"
    )
    connection.execute(f"vacuum full analyze pgdex.chunks_r{repository.id}")

    read = "select seq_tup_read from pg_stat_xact_user_tables where relname = %s"
    with connection.transaction():
        before = value(connection, read, f"chunks_r{repository.id}")
        rows = connection.execute(
            "select version_id from pgdex.search_lexical(array[%s::bigint], %s, %s, null, null, '{}', array['macro'],"
            " 10, 30)",
            [repository.id, [term_id_of("self")], [term_id_of(symbol_term("self"))]],
        ).fetchall()
        after = value(connection, read, f"chunks_r{repository.id}")

    assert len(rows) == 10
    assert isinstance(before, int)
    assert isinstance(after, int)
    assert after - before < count / 4


# A filter that leaves many files

MANY = 30_000


def condition(connection: Connection, count: int | None, *, is_outside: bool, plain_up_to: int = 5_000) -> str:
    return str(
        value(connection, "select pgdex.version_condition('n', '$1', %s, %s, %s)", *(count, is_outside, plain_up_to))
    )


@pytest.mark.parametrize("plain_up_to", [0, 5_000])
@pytest.mark.parametrize("is_outside", [False, True])
@pytest.mark.parametrize("count", [0, 1, 5_000, 5_001, MANY])
def test_what_is_kept_to_versions_is_the_same_however_many_they_are(
    connection: Connection, count: int, is_outside: bool, plain_up_to: int
) -> None:
    text = condition(connection, count, is_outside=is_outside, plain_up_to=plain_up_to)
    assert ("case when" in text) is (count > plain_up_to)
    text = text.replace("$1", "%(versions)s::bigint[]")

    rows = connection.execute(
        f"select n from generate_series(-1, {MANY} + 1) as n where true {text}".encode(),
        {"versions": list(range(count))},
    ).fetchall()

    assert [n for (n,) in rows] == [n for n in range(-1, MANY + 2) if (0 <= n < count) is not is_outside]


def test_versions_that_are_not_narrowed_have_no_condition(connection: Connection) -> None:
    assert [condition(connection, None, is_outside=outside) for outside in (False, True)] == ["", ""]
    assert condition(connection, 0, is_outside=True) == ""


@pytest.mark.parametrize("is_outside", [False, True])
def test_planning_does_not_look_at_each_of_many_versions(scene: Scene, is_outside: bool) -> None:
    """Of 55,000 versions in a repository of a million chunks it did for 35 ms, in each statement of a search."""
    scene.connection.execute(f"analyze pgdex.{table(scene)}")
    plain = "version_id <> all (%(versions)s::bigint[])" if is_outside else "version_id = any (%(versions)s::bigint[])"
    ours = condition(scene.connection, MANY, is_outside=is_outside).removeprefix("and ")
    ours = ours.replace("n =", "version_id =").replace("$1", "%(versions)s::bigint[]")
    versions = "{" + ",".join(map(str, range(MANY))) + "}"

    def planning(text: str) -> float:
        row = scene.connection.execute(
            f"explain (summary, format json) select from pgdex.{table(scene)} where {text}".encode(),
            {"versions": versions},
        ).fetchone()
        assert row is not None
        return float(row[0][0]["Planning Time"])

    assert min(planning(ours) for _ in range(5)) < min(planning(plain) for _ in range(5)) / 2


def words_in_one_place() -> tuple[str, str]:
    """Two words of different stems whose terms have the same place, as few pairs of words have."""
    known: dict[int, str] = {}
    for letters in product(ascii_lowercase, repeat=4):
        word = "".join(letters) + "zq"
        other = known.setdefault(term_id_of(stem_of(word)), word)
        if stem_of(other) != stem_of(word):
            return word, other
    raise AssertionError("no two of 456,976 words share a place")


def test_two_words_that_share_a_place_are_no_error(connection: Connection) -> None:
    one, other = words_in_one_place()
    repository = new_repository(connection)
    write_chunks(connection, repository, [chunk(f"x {one}"), chunk(f"y {other} "), chunk("z")], path_of="f{}.py".format)
    result = search(
        connection,
        SearchRequest(f"{one} {other}", project_id="default"),
        open_embedder=open_embedder,
        retrievers=("words",),
    )
    assert sorted(hit.path for hit in result.hits) == ["f0.py", "f1.py"]
