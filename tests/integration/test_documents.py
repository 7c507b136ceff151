"""PDF and Word documents in a repository: found by page and section, or left out with a reason; and the extra that
reads them, which may be missing, and may come later."""

import os
from pathlib import Path

import pytest

from pgdex.indexer.search import SearchRequest, search
from pgdex.jobs.client.changes import changes_since
from pgdex.jobs.client.client import Client
from pgdex.jobs.client.explain import why
from pgdex.jobs.client.indexed_files import text_of
from pgdex.jobs.client.models import JobStatus
from pgdex.jobs.embedders import embedder_for
from tests.support.documents import pdf, with_part, without_packages, word
from tests.support.index_digest import assert_index_is_sound
from tests.support.job_checks import value
from tests.support.trees import module, write_tree
from tests.support.waiting import wait_for_end
from tests.support.workers import Workers

HANDBOOK = "handbook/retries.pdf"
GUIDE = "handbook/guide.docx"
MOST_BYTES = 100_000


@pytest.fixture
def configuration() -> dict[str, object]:
    """A small limit, so that a long document need not be very long."""
    return {"max_file_bytes": MOST_BYTES}


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A repository of a module and two documents; the Word document is large by what isn't text."""
    guide = word("= Guide", "1 Install", "Words about the installation. " * 50, "1 Quotas", "Words of quotas. " * 90)
    files: dict[str, str | bytes] = {
        "module.py": module(1),
        HANDBOOK: pdf("A handbook.", "Exponential backoff\nof every attempt", "The end."),
        GUIDE: with_part(guide, "word/media/picture.png", os.urandom(12_000_000)),
    }
    return write_tree(tmp_path / "repository", files)


def index(client: Client, workers: Workers, tree: Path) -> JobStatus:
    status = wait_for_end(client, client.start(tree).job_id, workers=workers)
    assert status.status == "completed", status.error_message
    assert_index_is_sound(client.connection)
    return status


def files(client: Client) -> dict[str, tuple[str | None, str | None]]:
    rows = client.connection.execute("select path, language, skip_reason from pgdex.files").fetchall()
    return {path: (language, reason) for path, language, reason in rows}


def changes(client: Client, tree: Path) -> list[str]:
    view = value(client.connection, "select id from pgdex.views")
    return changes_since(client.connection, view_id=view, root=tree, max_file_bytes=MOST_BYTES, aborted=lambda: False)


def told(client: Client, tree: Path, path: str) -> str:
    return why(client.connection, project="default", root=tree, path=path, max_file_bytes=MOST_BYTES).message


def test_documents_are_found_by_page_and_section_and_the_others_are_left_out_with_a_reason(
    client: Client, workers: Workers, tree: Path
) -> None:
    write_tree(
        tree,
        {
            "locked.pdf": pdf("x", password="secret"),
            "scan.pdf": pdf("", ""),
            "broken.docx": word("x")[:-300],
            "novel.pdf": pdf(*["A line of a novel without end\n" * 60] * 60),
            "text.pdf": "no PDF, but its name says so\n",
        },
    )
    workers.start()
    index(client, workers, tree)

    assert files(client) == {
        "module.py": ("python", None),
        HANDBOOK: ("pdf", None),
        GUIDE: ("docx", None),
        "text.pdf": ("pdf", None),
        "locked.pdf": (None, "encrypted"),
        "scan.pdf": (None, "no_text"),
        "broken.docx": (None, "unparsable"),
        "novel.pdf": (None, "oversized"),
    }
    for query, path, symbol in (
        ("exponential backoff of attempts", HANDBOOK, "page 2"),
        ("words about quotas", GUIDE, "Guide > Quotas"),
    ):
        request = SearchRequest(query, project_id="default")
        hit = search(client.connection, request, open_embedder=embedder_for).hits[0]
        assert (hit.path, hit.symbol) == (path, symbol)
        read = text_of(
            client.connection,
            project="default",
            repo_path=str(tree),
            path=path,
            first_line=hit.start_line,
            last_line=hit.end_line,
        )
        assert read.text.rstrip("\n") == hit.content.rstrip("\n")
    # Its picture counts for nothing: the repository is a small one.
    assert str(value(client.connection, "select chunk_table from pgdex.repositories")).startswith("chunks_s")

    assert told(client, tree, "locked.pdf").startswith("locked.pdf is skipped as encrypted (it opens with a password")
    assert told(client, tree, "novel.pdf").startswith("novel.pdf is skipped as oversized (more than 100,000 bytes")
    assert told(client, tree, HANDBOOK).startswith(f"{HANDBOOK} is indexed: pdf, 3 chunks")
    assert changes(client, tree) == []
    assert index(client, workers, tree).files_indexed == 0
    with without_packages("pypdf", "docx"):
        assert changes(client, tree) == [], "what this process lacks says nothing about the workers"


def test_documents_wait_for_what_reads_them_and_the_next_job_takes_them_up(
    client: Client, workers: Workers, tree: Path, tmp_path: Path
) -> None:
    hidden = write_tree(
        tmp_path / "hidden", {"sitecustomize.py": "import sys\nsys.modules['pypdf'] = sys.modules['docx'] = None\n"}
    )
    workers.environment["PYTHONPATH"] = f"{hidden}:{Path(__file__).parents[2]}"
    workers.start()
    before = index(client, workers, tree)

    assert files(client)[HANDBOOK] == files(client)[GUIDE] == (None, "extra_missing")
    assert before.files_indexed == 1
    assert changes(client, tree) == [], "a search must not ask for a job each time"
    with without_packages("pypdf", "docx"):
        assert changes(client, tree) == []
        message = told(client, tree, HANDBOOK)
        assert "skipped as extra_missing (reading it takes pypdf)" in message
        assert "uv tool install 'pgdex[documents]'" in message
    assert "would be indexed now" in told(client, tree, HANDBOOK)
    assert index(client, workers, tree).files_indexed == 0

    workers.stop()
    del workers.environment["PYTHONPATH"]
    workers.start()
    assert index(client, workers, tree).files_indexed == 2
    assert files(client)[HANDBOOK] == ("pdf", None)
    assert files(client)[GUIDE] == ("docx", None)
