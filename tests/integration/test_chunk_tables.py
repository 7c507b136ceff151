"""Where chunks lie: few locks however many repositories there are, and none lost on the way to another table."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import psycopg
import pytest

from pgdex.indexer.embedding import open_embedder
from pgdex.indexer.search import RelatedRequest, SearchRequest, related, search
from pgdex.indexer.search.snapshots import LOOKS
from pgdex.indexer.search.views import searched_tables, searched_views
from pgdex.indexer.storage import ChunkTableMissing, write_files
from pgdex.indexer.terms import stem_of, symbol_term, term_id_of
from pgdex.jobs.database.connection import Connection, connect
from pgdex.jobs.database.schema import downgrade, expected_version, installed_version, upgrade
from tests.support.databases import settings_for
from tests.support.job_checks import refused, value
from tests.support.later_revision import NEWEST
from tests.support.sql_worker import SqlWorker, enqueue, tree
from tests.support.synthetic_chunks import DIMENSION, SyntheticRepository, chunk, new_repository, write_chunks

MANY = 300
LOCKS = "select count(*) from pg_locks where pid = pg_backend_pid()"
RELATIONS = "select count(distinct relation) from pg_locks where pid = pg_backend_pid() and relation is not null"


def small_repository(connection: Connection, name: str, *texts: str, project: str = "default") -> SyntheticRepository:
    """A repository in a shared table, with a chunk for each text."""
    repository = new_repository(connection, f"/r/{name}", project=project, own_table=False)
    write_chunks(connection, repository, [chunk(text) for text in texts])
    connection.execute("update pgdex.repositories set chunks = %s where id = %s", [len(texts), repository.id])
    connection.execute("update pgdex.views set chunks = %s where id = %s", [len(texts), repository.view_id])
    return repository


def table_of(connection: Connection, repository: SyntheticRepository) -> str:
    return str(value(connection, "select chunk_table from pgdex.repositories where id = %s", repository.id))


def found(connection: Connection, query: str, *, project: str = "default", repo: str | None = None) -> list[str]:
    """The folders and files that a search finds."""
    result = search(connection, SearchRequest(query, project_id=project, repo=repo), open_embedder=open_embedder)
    return [f"{hit.repo_path}/{hit.path}" for hit in result.hits]


@contextmanager
def another(url: str) -> Iterator[Connection]:
    """A transaction of someone else's, which is left open."""
    with connect(settings_for(url), application="someone else") as connection:
        connection.execute("begin")
        yield connection
        connection.execute("rollback")


# Locks


def test_what_a_search_locks_does_not_grow_with_the_number_of_repositories(connection: Connection) -> None:
    def locks(project: str, repo: str | None) -> int:
        with connection.transaction():
            result = search(
                connection,
                SearchRequest("parse the retry delay", project_id=project, repo=repo),
                open_embedder=open_embedder,
            )
            assert result.hits
            return int(value(connection, LOCKS))

    for number in range(5):
        small_repository(connection, f"small{number}", f"parse retry delay number{number}")
    few, few_of_one = locks("default", None), locks("default", "/r/small3")
    # Large ones of other projects, each with a table and indexes of its own, and small ones of the same.
    for number in range(30):
        new_repository(connection, f"/large/{number}", project=f"p{number}")
    for number in range(5, MANY):
        small_repository(connection, f"small{number}", f"parse retry delay number{number}")

    assert few <= 50
    assert locks("default", None) <= few + 3
    assert locks("default", "/r/small3") <= few_of_one + 3


def test_a_job_of_a_small_repository_locks_few_tables(connection: Connection) -> None:
    for number in range(40):
        new_repository(connection, f"/large/{number}", project=f"p{number}")
    worker = SqlWorker(connection)
    enqueue(connection, "/small")
    claim = worker.take()
    with connection.transaction():
        worker.plan(claim, tree(3))
        assert value(connection, RELATIONS) < 85
    while (token := worker.fetch()) is not None:
        claimed = worker.claim(token)
        assert claimed is not None
        claim = claimed
        with connection.transaction():
            if worker.is_finish(claim):
                worker.finish(claim)
            else:
                worker.complete(claim)
            assert value(connection, RELATIONS) < 85
        worker.drop(token)
    assert value(connection, "select status from pgdex.job_status where repo_path = '/small'") == "completed"


def test_small_repositories_of_a_project_are_searched_together(connection: Connection) -> None:
    small = [small_repository(connection, f"s{number}", "alpha beta") for number in range(20)]
    large = [new_repository(connection, f"/large/{number}") for number in range(2)]
    tables = searched_tables(searched_views(connection, SearchRequest("x", project_id="default")))
    assert len(tables) == 1 + len(large)
    together = [small, *([one] for one in large)]
    assert sorted(table.repository_ids for table in tables) == [[one.id for one in some] for some in together]
    assert sorted(table.view_ids for table in tables) == [[one.view_id for one in some] for some in together]


# What is searched is searched alone


@pytest.mark.parametrize("mine", [4, 3_000, 12_000])
def test_strangers_in_the_same_table_neither_are_found_nor_count(connection: Connection, mine: int) -> None:
    """Few chunks are counted, more are sampled, many are found by the index over words."""
    repository = small_repository(
        connection, "mine", *(f"common filler{n}x {'seldom' if n % 1000 == 1 else ''}" for n in range(mine))
    )
    stranger = small_repository(
        connection, "stranger", *("seldom common secret" for _ in range(2_000)), project="other"
    )
    connection.execute(
        "update pgdex.repositories set chunk_table = (select chunk_table from pgdex.repositories where id = %s)",
        [repository.id],
    )
    connection.execute(
        f"insert into pgdex.{table_of(connection, repository)} select * from pgdex.chunks"
        f" where repository_id = %s on conflict do nothing",
        [stranger.id],
    )
    connection.execute(f"analyze pgdex.{table_of(connection, repository)}")

    stems = [stem_of(word) for word in ("common", "seldom", "secret", "nowhere")]
    rows = connection.execute(
        "select term, frequency, total from pgdex.term_frequencies(%s, %s::integer[])",
        [[repository.id], [term_id_of(stem) for stem in stems]],
    ).fetchall()
    common, seldom, secret, nowhere = ((frequency, total) for _, frequency, total in rows)
    assert common[0] == pytest.approx(mine, rel=0.05)
    assert common[1] == pytest.approx(mine, rel=0.05)
    assert seldom[0] <= max(1, mine / 50)
    assert secret[0] <= max(0, mine / 500)
    assert nowhere[0] == 0
    lexical = connection.execute(
        "select repository_id, score from"
        " pgdex.search_lexical(%s, %s::integer[], %s::integer[], null, null, null, null, 50)",
        [
            [repository.id],
            *([place(stem) for stem in stems[:3]] for place in (term_id_of, lambda s: term_id_of(symbol_term(s)))),
        ],
    ).fetchall()
    assert {row[0] for row in lexical} == {repository.id}
    assert all(score > 0 for _, score in lexical)
    assert all(path.startswith("/r/mine/") for path in found(connection, "common seldom secret"))


def test_together_they_are_ranked_by_the_words_of_all(connection: Connection) -> None:
    small_repository(connection, "a", "shared word", "shared thing")
    small_repository(connection, "b", "shared rare", "shared other")
    assert found(connection, "rare")[0].startswith("/r/b/")
    assert {path.rsplit("/", 1)[0] for path in found(connection, "shared")} == {"/r/a", "/r/b"}
    assert found(connection, "shared rare", repo="/r/a")[0].startswith("/r/a/")


def test_repositories_in_different_tables_are_not_one_question(connection: Connection) -> None:
    one, other = small_repository(connection, "one", "x"), new_repository(connection, "/large")
    with refused("PX005", saying="lie in different tables"):
        connection.execute("select * from pgdex.term_frequencies(%s, '{1}')", [[one.id, other.id]])


# Moving to a table of its own


def rows_of(connection: Connection, repository: SyntheticRepository) -> list[tuple[object, ...]]:
    return connection.execute(
        "select c.*, c.tableoid::regclass::text from pgdex.chunks c where repository_id = %s"
        " order by version_id, ordinal",
        [repository.id],
    ).fetchall()


def test_a_repository_that_has_outgrown_the_shared_table_moves_with_all_its_rows(connection: Connection) -> None:
    stays = small_repository(connection, "stays", "alpha beta")
    moves = small_repository(connection, "moves", *(f"alpha gamma{n}" for n in range(50)))
    before, beside = rows_of(connection, moves), rows_of(connection, stays)

    connection.execute("select pgdex.build_indexes(%s, 50)", [moves.id])
    assert table_of(connection, moves).startswith("chunks_s"), "50 are no more than 50"
    connection.execute("select pgdex.build_indexes(%s, 49)", [moves.id])

    assert table_of(connection, moves) == f"chunks_r{moves.id}"
    after = rows_of(connection, moves)
    assert [row[:-1] for row in after] == [row[:-1] for row in before]
    assert {row[-1] for row in after} == {f"chunks_r{moves.id}"}
    assert rows_of(connection, stays) == beside
    assert value(connection, f"select to_regclass('pgdex.chunks_r{moves.id}_lexemes') is not null") is True
    assert len(found(connection, "alpha")) == 10


def test_searches_see_it_in_one_table_or_in_the_other(connection: Connection, database_url: str) -> None:
    moving = [small_repository(connection, f"m{n}", *(f"alpha gamma{n}" for n in range(200))) for n in range(8)]
    now = ["/r/m0"]
    assert len(found(connection, "alpha", repo=now[0])) == 10
    over = threading.Event()
    counts: set[int] = set()
    failures: list[BaseException] = []

    def keep_searching() -> None:
        try:
            with connect(settings_for(database_url)) as searching:
                while not over.is_set():
                    counts.add(len(found(searching, "alpha", repo=now[0])))
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=keep_searching) for _ in range(3)]
    for thread in threads:
        thread.start()
    for number, repository in enumerate(moving):
        now[0] = f"/r/m{number}"
        assert value(connection, "select pgdex.ensure_chunk_partition(%s, 200, 100)", repository.id) is not None
    over.set()
    for thread in threads:
        thread.join()
    assert failures == []
    assert counts == {10}


def test_what_a_batch_writes_meanwhile_is_not_left_behind(connection: Connection, database_url: str) -> None:
    repository = small_repository(connection, "moves", *(f"alpha {n}" for n in range(20)))
    with another(database_url) as writer:
        write_one_more(writer, repository)
        # The writer holds the repository's row: it does not move now, and the mover does not wait for ever.
        assert str(value(connection, "select pgdex.ensure_chunk_partition(%s, 20, 10)", repository.id)).startswith(
            "chunks_s"
        )
        writer.execute("commit")
        writer.execute("begin")
    assert (
        value(connection, "select pgdex.ensure_chunk_partition(%s, 20, 10)", repository.id)
        == f"chunks_r{repository.id}"
    )
    assert len(rows_of(connection, repository)) == 21


def test_a_batch_that_waited_for_the_move_writes_to_the_new_table(connection: Connection, database_url: str) -> None:
    repository = small_repository(connection, "moves", *(f"alpha {n}" for n in range(20)))
    done = threading.Event()

    def write() -> None:
        with connect(settings_for(database_url)) as writer, writer.transaction():
            write_one_more(writer, repository)
        done.set()

    with connection.transaction():
        connection.execute("select pgdex.ensure_chunk_partition(%s, 20, 10)", [repository.id])
        thread = threading.Thread(target=write)
        thread.start()
        assert not done.wait(0.3)
    thread.join()
    rows = rows_of(connection, repository)
    assert len(rows) == 21
    assert {row[-1] for row in rows} == {f"chunks_r{repository.id}"}


def write_one_more(writer: Connection, repository: SyntheticRepository) -> None:
    write_chunks(
        writer,
        repository,
        [chunk("alpha late")],
        path_of="late{}.py".format,
        vectors=np.full((1, DIMENSION), DIMENSION**-0.5, dtype=np.float32),
    )


def test_a_new_table_waits_for_no_reader_of_all_chunks(connection: Connection, database_url: str) -> None:
    with another(database_url) as reader:
        reader.execute("lock table pgdex.chunks in access share mode")
        reader.execute("select count(*) from pgdex.chunks")
        connection.execute("set statement_timeout = '2s'")
        repository = new_repository(connection, "/large")
        write_chunks(connection, repository, [chunk("alpha")])
        connection.execute("select pgdex.build_indexes(%s)", [repository.id])
        assert found(connection, "alpha") == ["/large/file000000.py"]


def test_nothing_can_be_written_into_the_parent(connection: Connection) -> None:
    repository = small_repository(connection, "a", "x")
    with pytest.raises(psycopg.errors.CheckViolation, match="tables_of_their_own"):
        connection.execute(
            "insert into pgdex.chunks (repository_id, version_id, ordinal, start_line, end_line, kind, content)"
            " values (%s, 1, 0, 1, 1, 'text', 'x')",
            [repository.id],
        )


def test_a_repository_without_a_table_takes_no_chunks(connection: Connection) -> None:
    repository = small_repository(connection, "a", "x")
    connection.execute("update pgdex.repositories set chunk_table = null")
    with pytest.raises(ChunkTableMissing, match="has no table"), connection.transaction():
        write_one_more(connection, repository)
    assert write_files(connection, repository_id=repository.id, view_id=repository.view_id, model_id=1) == 0


def test_a_table_that_goes_while_a_search_looks_is_looked_for_again(connection: Connection) -> None:
    """A repository was removed in between; where it stays missing, the error is shown."""
    small_repository(connection, "there", "alpha")
    gone = new_repository(connection, "/gone")
    connection.execute(f"drop table pgdex.chunks_r{gone.id}")
    with pytest.raises(psycopg.errors.UndefinedTable):
        found(connection, "alpha")
    assert connection.info.transaction_status is psycopg.pq.TransactionStatus.IDLE
    assert LOOKS > 1


def test_what_is_like_a_place_is_found_in_a_shared_table(connection: Connection) -> None:
    small_repository(connection, "a", "retry delay policy backoff", "retry delay policy jitter", "nothing alike")
    small_repository(connection, "b", "retry delay policy elsewhere")
    result = related(connection, RelatedRequest(project_id="default", root="/r/a", path="file000000.py", line=1))
    assert next(hit.path for hit in result.hits) == "file000001.py"
    assert {hit.repo_path for hit in result.hits} == {"/r/a"}


# Upgrades


def test_an_upgrade_and_a_downgrade_keep_every_chunk(connection: Connection, database_url: str, later: str) -> None:
    small = small_repository(connection, "small", *(f"alpha {n}" for n in range(30)))
    large = new_repository(connection, "/large")
    write_chunks(connection, large, [chunk(f"alpha beta{n}") for n in range(10_001)])
    before = all_chunks(connection)
    settings = settings_for(database_url)

    upgrade(settings)
    assert installed_version(connection) == expected_version()
    assert expected_version().startswith(later)
    assert all_chunks(connection) == before
    downgrade(settings, NEWEST)
    upgrade(settings)

    assert all_chunks(connection) == before
    assert table_of(connection, small).startswith("chunks_s")
    assert table_of(connection, large) == f"chunks_r{large.id}"
    assert len(found(connection, "alpha beta7")) == 10


def all_chunks(connection: Connection) -> Sequence[tuple[object, ...]]:
    return connection.execute(
        "select repository_id, version_id, ordinal, md5(content), md5(lexemes::text), md5(term_weights::text),"
        " md5(embedding::text) from pgdex.chunks order by 1, 2, 3"
    ).fetchall()


def test_words_of_a_large_group_are_found_by_the_index(connection: Connection) -> None:
    """More chunks than are read one by one: a rare word is looked up, a common one is not left out."""
    made = [
        small_repository(connection, f"g{number}", *(f"common filler{n}x needle{number}q{n}" for n in range(3_000)))
        for number in range(4)
    ]
    table = table_of(connection, made[0])
    connection.execute(f"analyze pgdex.{table}")
    ids = [one.id for one in made]
    assert value(connection, "select pgdex.reads_every_chunk(%s, %s)", table, ids) is False
    assert value(connection, "select pgdex.reads_every_chunk(%s, %s)", table, ids[:1]) is True
    assert found(connection, "needle2q77")[0] == "/r/g2/file000077.py"
    assert len(found(connection, "common")) == 10
