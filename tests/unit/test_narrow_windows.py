"""What commands print where there is little room."""

import io

import pytest
from rich.cells import cell_len
from rich.console import Console, RenderableType

from pgdex.jobs.cli.render.bar import bar_lines
from pgdex.jobs.cli.render.progress import Shown
from pgdex.jobs.cli.render.repositories import repository_lines
from pgdex.jobs.client.models import IndexedRepository, RepositoryPage, ViewSummary
from tests.support.cli_samples import NOW

PATH = "/home/someone/src/click"


def rendered(*things: RenderableType, width: int) -> list[str]:
    console = Console(file=io.StringIO(), width=width, force_terminal=False, markup=False, highlight=False)
    console.print(*things, sep="\n")
    assert isinstance(console.file, io.StringIO)
    return [line.rstrip() for line in console.file.getvalue().splitlines()]


def page() -> RepositoryPage:
    view = ViewSummary(
        id=1,
        name="click",
        root=PATH,
        kind="folder",
        branch="main",
        is_default=True,
        files=1204,
        files_skipped=0,
        chunks=9000,
        bytes=1,
        created_at=NOW,
        last_indexed_at=NOW,
        last_job_id=None,
        last_job_status="completed",
        last_job_at=NOW,
        live_job_id=None,
        live_job_status=None,
        missing_since=None,
        missing=False,
    )
    repository = IndexedRepository(
        id=1,
        name="click",
        project_id="default",
        embedding_model="code:1",
        chunks=9000,
        versions=1204,
        source_bytes=1,
        versions_shared=0,
        shared_source_bytes=0,
        versions_unused=0,
        unused_source_bytes=0,
        bytes_on_disk=1,
        bytes_on_disk_is_estimate=False,
        created_at=NOW,
        last_indexed_at=NOW,
        views_total=1,
        views=[view],
    )
    return RepositoryPage(repositories=[repository], total_count=1, has_more=False)


def test_a_view_takes_one_line_where_there_is_room_and_else_two_with_its_path_whole() -> None:
    wide = rendered(*repository_lines(page(), now=NOW, width=100), width=100)
    narrow = rendered(*repository_lines(page(), now=NOW, width=50), width=50)

    assert wide[1].split() == [PATH, "(main)", "1,204", "files", "just", "now", "completed"]
    assert narrow[1:] == [f"    {PATH} (main)", "      1,204 files · just now · completed"]


@pytest.mark.parametrize("width", [12, 20, 35, 50, 80, 200])
@pytest.mark.parametrize("title", ["click", "a-repository-with-a-long-name", "日本語のリポジトリ"])
def test_a_bar_is_two_lines_that_no_window_wraps(width: int, title: str) -> None:
    console = Console(file=io.StringIO(), width=200)
    shown = Shown(42.0, "Chunking: 1,280/2,414 files · 232 files/s · 4.0 s left", 75.0)

    lines = rendered(*bar_lines(shown, title=title, turn=3, console=console, width=width), width=width)

    assert len(lines) == 2
    assert all(cell_len(line) <= width for line in lines)
    if width >= 35:
        assert "42.0 %" in lines[0]
