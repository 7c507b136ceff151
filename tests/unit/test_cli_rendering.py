import io
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console, RenderableType

from pgdex.indexer.search import Place, SearchHit
from pgdex.jobs.cli.diagnosis import Check
from pgdex.jobs.cli.render.diagnosis import check_line, verdict
from pgdex.jobs.cli.render.events import event_line
from pgdex.jobs.cli.render.job import cancel_question, follow_up, job_table, next_steps, outcome_lines, summary_lines
from pgdex.jobs.cli.render.job_list import job_list_table, page_note
from pgdex.jobs.cli.render.search import answer, hit_lines, shown_path
from pgdex.jobs.cli.render.skipped import by_reason, files_table, reasons_table
from pgdex.jobs.cli.render.snippets import best_snippet, marks, query_terms
from pgdex.jobs.cli.render.workers import workers_table
from pgdex.jobs.client.models import JobEvent, SkippedFile, WorkerStatus
from tests.support.cli_samples import JOB_ID, NOW, completed_job, page_of, sample_job


def rendered(*things: RenderableType, width: int = 80) -> list[str]:
    console = Console(file=io.StringIO(), width=width, force_terminal=False, markup=False, highlight=False)
    for thing in things:
        console.print(thing)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue().splitlines()


def test_a_job_shows_what_it_does_and_where() -> None:
    text = "\n".join(rendered(job_table(sample_job(), now=NOW + timedelta(minutes=4))))

    for part in (str(JOB_ID), "running", "click", "/src/click", "50.0 %", "Chunking: 30/63 files", "4 min ago"):
        assert part in text


def test_a_failed_job_shows_its_traceback_only_when_asked() -> None:
    job = sample_job(
        status="failed", error_type="FolderGone", error_message="the folder is gone", error_traceback="Traceback: here"
    )

    assert "FolderGone: the folder is gone" in "\n".join(rendered(job_table(job, now=NOW)))
    assert "Traceback: here" not in "\n".join(rendered(job_table(job, now=NOW)))
    assert "Traceback: here" in "\n".join(rendered(job_table(job, now=NOW, traceback=True)))


def test_the_summary_has_all_figures_and_adds_up() -> None:
    text = "\n".join(summary_lines(completed_job()))

    assert "Indexed click in 2.3 s (27 files/s, 0.3 MB/s)." in text
    assert "63 found: 60 indexed, 3 skipped" in text
    assert "2 binary, 1 empty" in text
    assert "chunks   1,204" in text
    assert "scanning 1 % · reading 1 % · chunking 48 % · embedding 30 % · writing 20 %" in text


def test_a_summary_without_work_says_that_the_index_is_up_to_date() -> None:
    job = completed_job(files_to_index=0, files_indexed=0, files_unchanged=60)

    assert summary_lines(job)[0] == "Nothing to do in click: the index is up to date (2.3 s)."


def test_a_job_that_only_removed_files_did_something() -> None:
    job = completed_job(files_to_index=0, files_indexed=0, files_unchanged=60, files_deleted=5)

    assert summary_lines(job)[:2] == [
        "Indexed click in 2.3 s (27 files/s, 0.3 MB/s).",
        "  files    63 found: 0 indexed, 60 unchanged, 3 skipped, 5 deleted",
    ]


def test_the_next_step_is_a_search_in_the_jobs_project() -> None:
    assert '  pgdex search "what you\'re looking for"' in next_steps(completed_job(), default_project="default")
    assert '  pgdex search "what you\'re looking for" --project web' in next_steps(
        completed_job(project_id="web"), default_project="default"
    )


def test_the_next_step_after_nothing_was_indexed_is_to_ask_why() -> None:
    steps = next_steps(completed_job(files_indexed=0, repo_path="/src/my code"), default_project="default")

    assert steps[-1] == "  pgdex skipped '/src/my code'"


def test_the_way_back_to_a_job_names_its_short_id() -> None:
    assert follow_up(JOB_ID, project="default") == [
        "  look at it  pgdex status 1a2b3c4d --watch",
        "  cancel it   pgdex cancel 1a2b3c4d",
    ]


def test_a_failed_job_ends_with_its_error_and_what_to_do() -> None:
    lines = outcome_lines(sample_job(status="failed", error_message="disk\x1b full"))

    assert lines[0] == r"Error: the job failed: disk\x1b full"
    assert any("pgdex --debug status 1a2b3c4d" in line for line in lines)


def test_a_cancellation_says_what_is_kept_and_what_is_lost() -> None:
    question = cancel_question(sample_job())

    assert "what this job indexed (28 files) stays searchable" in question
    assert "the others (33 files) stay as they were" in question
    assert "nothing is lost" in cancel_question(sample_job(status="pending"))


@pytest.mark.parametrize(
    "repository",
    [
        "click",
        "a-very-long-name-of-a-repository-that-nobody-would-choose-but-some-do",
        "日本語のとても長いリポジトリ名でも幅は正しく数えられる必要がある",
    ],
)
def test_the_list_of_jobs_fits_into_80_columns(repository: str) -> None:
    jobs = [
        completed_job(repository=repository, files_scanned=1_234_567, elapsed_seconds=7500.0),
        sample_job(repository=repository, project_id="another-project", job_id=UUID(int=7)),
    ]

    lines = rendered(job_list_table(page_of(*jobs), now=NOW + timedelta(days=30), full_ids=False, width=80))

    assert len(lines) == 3
    assert all(cell_len(line) <= 80 for line in lines)
    assert lines[1].startswith("1a2b3c4d  completed")
    assert "1,234,567" in lines[1]
    assert "2 h 5 min" in lines[1]


def test_columns_line_up_under_wide_characters() -> None:
    jobs = [sample_job(repository="日本語", job_id=UUID(int=7 << 100)), sample_job(repository="click")]

    _, wide, narrow = rendered(job_list_table(page_of(*jobs), now=NOW, full_ids=False, width=80))

    assert cell_len(wide[: wide.index(" 63 ")]) == cell_len(narrow[: narrow.index(" 63 ")])


def test_a_pipe_gets_whole_ids_and_nothing_cut() -> None:
    name = "a-very-long-name-of-a-repository-that-nobody-would-choose-but-some-people-do"

    lines = rendered(
        job_list_table(page_of(sample_job(repository=name)), now=NOW, full_ids=True, width=10_000), width=10_000
    )

    assert str(JOB_ID) in lines[1]
    assert name in lines[1]


def test_the_note_below_a_page_leads_to_the_next() -> None:
    assert page_note(page_of(sample_job()), offset=0) is None
    assert page_note(page_of(sample_job(), total=57), offset=0) == "Jobs 1 to 1 of 57. Next: --offset 1"
    assert page_note(page_of(total=0), offset=60) == "No jobs on this page."


@pytest.mark.parametrize(
    ("event_type", "data", "story"),
    [
        ("created", {"repo_path": "/src/click", "force_reindex": True}, "/src/click (forced)"),
        ("progress", {"progress_percentage": 42.3, "progress_message": "Chunking: 1/2"}, " 42.3 %  Chunking: 1/2"),
        (
            "scanned",
            {"files_scanned": 63, "files_to_index": 60, "files_skipped": 3},
            "63 files found: 60 to index, 0 unchanged, 3 skipped, 0 deleted",
        ),
        ("reclaimed", {"batches": 1, "files": 32, "dead_workers": [4]}, "1 batch with 32 files from worker 4"),
        (
            "reclaimed",
            {"batches": 2, "files": 48, "dead_workers": [1, 2]},
            "2 batches with 48 files from workers 1, 2, which are gone",
        ),
        ("failed", {"error_type": "E", "error_message": "no\x1b disk"}, r"E: no\x1b disk"),
        (
            "completed",
            {"files_indexed": 60, "chunks_created": 1, "duration_seconds": 2.3},
            "60 files indexed, 1 chunk, in 2.3 s",
        ),
        ("cancelled", {"progress_percentage": 10, "files_indexed": 1}, "at 10.0 %, 1 file indexed"),
        ("something_new", {"key": "value"}, "key=value"),
    ],
)
def test_each_event_is_a_line_with_its_figures(event_type: str, data: dict[str, Any], story: str) -> None:
    event = JobEvent(event_id=1, job_id=JOB_ID, event_type=event_type, event_data=data, created_at=NOW)

    line = event_line(event)

    assert f"  {event_type}" in line
    assert story in line


@given(
    st.sampled_from(["created", "started", "scanned", "progress", "blocked", "failed", "completed", "cancelled", "x"])
)
def test_an_event_without_data_is_shown_all_the_same(event_type: str) -> None:
    event = JobEvent(event_id=1, job_id=JOB_ID, event_type=event_type, event_data={}, created_at=NOW)

    assert event_type in event_line(event)


def skipped_file(path: str, reason: str, **more: Any) -> SkippedFile:
    return SkippedFile(path=path, skip_reason=reason, skip_detail=None, size=None, repo_path="/src/click", **more)


def test_skipped_files_are_counted_by_reason_the_most_frequent_first() -> None:
    files = [skipped_file("a", "empty"), skipped_file("b", "binary"), skipped_file("c", "binary")]

    assert list(by_reason(files).items()) == [("binary", 2), ("empty", 1)]
    text = "\n".join(rendered(reasons_table(by_reason(files))))
    assert "2  binary" in text
    assert "NUL bytes" in text


def test_a_long_path_of_a_skipped_file_is_folded_and_not_cut() -> None:
    path = "src/" + "deep/" * 30 + "日本語.png"

    lines = rendered(files_table([skipped_file(path, "binary")]))

    assert all(cell_len(line) <= 80 for line in lines)
    assert "".join(line[8:].strip() for line in lines) == path


def test_workers_are_listed_with_what_they_have_in_progress() -> None:
    workers = [
        WorkerStatus(id=3, hostname="one", pid=42, started_at=NOW, alive=True, batches=2),
        WorkerStatus(id=4, hostname=None, pid=None, started_at=None, alive=False, batches=0),
    ]

    lines = rendered(workers_table(workers, now=NOW + timedelta(minutes=1)))

    assert lines[1].split() == ["3", "yes", "one", "42", "2", "1", "min", "ago"]
    assert lines[2].split() == ["4", "no", "starting", "0"]


def test_a_check_shows_its_mark_and_what_to_do() -> None:
    failed = Check("database", "failed", "it can't be reached", "Start it.")

    assert [line.rstrip() for line in rendered(check_line(failed))] == [
        "✗ database  it can't be reached",
        "            → Start it.",
    ]
    assert rendered(verdict([failed]))[-2] == "1 of 1 checks failed."
    assert rendered(verdict([failed]))[-1].startswith("More help: https://")
    assert rendered(verdict([Check("schema", "ok", "0001")]))[-1] == "Everything is in order."
    assert rendered(verdict([Check("jobs", "warning", "slow", "Look.")]))[-1] == "Everything works, with 1 warning."


def hit(**changes: Any) -> SearchHit:
    values: dict[str, Any] = {
        "repository": "click",
        "repo_path": "/src/click",
        "path": "click/core.py",
        "start_line": 10,
        "end_line": 19,
        "kind": "method",
        "symbol": "Command.parse_args",
        "language": "python",
        "score": 0.0328,
        "content": "".join(f"line {number}\n" for number in range(10)),
    }
    return SearchHit(**(values | changes))


def test_a_hit_shows_its_place_symbol_and_numbered_lines() -> None:
    found = hit(content="def parse_args(self):\n    pass\n", end_line=11)

    lines = rendered(*hit_lines(found, query_terms("parse args"), folder=Path("/elsewhere"), colour=False))

    assert lines == [
        "/src/click/click/core.py:10-11  Command.parse_args  method  0.033",
        "    10 def parse_args(self):",
        "    11     pass",
    ]


def test_a_hit_that_has_changed_since_it_was_indexed_is_marked() -> None:
    (head, *_) = answer(
        [hit()], frozenset(), folder=Path("/"), colour=False, explains=False, warning=None, mark_of=lambda _: "outdated"
    )

    assert head.plain.endswith("0.033  [outdated]")


def test_a_further_piece_that_has_its_text_shows_it_and_one_that_has_not_its_lines() -> None:
    with_text = Place(40, 41, "Command.parse_rest", "method", "def parse_rest(self):\n    pass\n")
    found = hit(content="def parse_args(self):\n", more=[with_text, Place(90, 95, "Command.main")])

    lines = rendered(*hit_lines(found, query_terms("parse args"), folder=Path("/elsewhere"), colour=False))

    assert lines[2:] == [
        "       also 40-41 Command.parse_rest",
        "    40 def parse_rest(self):",
        "    41     pass",
        "       also 90-95 Command.main",
    ]


@pytest.mark.parametrize(
    ("folder", "shown"),
    [
        ("/src/click", "click/core.py"),
        ("/src", "click/click/core.py"),
        ("/src/cli", "/src/click/click/core.py"),
        ("/", "/src/click/click/core.py"),
    ],
)
def test_paths_below_the_users_folder_are_relative_to_it(folder: str, shown: str) -> None:
    assert shown_path(hit(), Path(folder)) == shown


@pytest.mark.parametrize("language", ["python", "no such language", "hcl", "c"])
@pytest.mark.parametrize("content", ["x = 1\n\n\ny = 2\n\n", "\n\n", "", "'''never ended\n", "a\x1b[31m\tb"])
def test_colours_change_no_line_and_no_number(language: str, content: str) -> None:
    found = hit(language=language, content=content)

    plain = [line.plain for line in hit_lines(found, frozenset({"x"}), folder=Path("/"), colour=False)]
    coloured = [line.plain for line in hit_lines(found, frozenset({"x"}), folder=Path("/"), colour=True)]

    assert coloured == plain


def test_a_line_too_long_for_anyone_is_cut() -> None:
    lines = list(hit_lines(hit(content="x" * 100_000), frozenset(), folder=Path("/"), colour=False))

    assert len(lines[1].plain) < 500
    assert lines[1].plain.endswith("…")


def test_the_snippet_has_the_lines_with_most_of_the_query() -> None:
    lines = [*["nothing"] * 20, "parse the args", "of the command", *["nothing"] * 20, "args", *["nothing"] * 20]

    snippet = best_snippet(lines, query_terms("parse command args"))

    assert snippet.first == 19
    assert snippet.lines[1:3] == ["parse the args", "of the command"]


@given(st.lists(st.text(alphabet="ab \n", max_size=5), min_size=1, max_size=30), st.text(alphabet="ab _", max_size=6))
def test_a_snippet_is_always_consecutive_lines_of_the_chunk(lines: list[str], query: str) -> None:
    snippet = best_snippet(lines, query_terms(query))

    assert 1 <= len(snippet.lines) <= 6
    assert lines[snippet.first : snippet.first + len(snippet.lines)] == snippet.lines


@pytest.mark.parametrize(
    ("query", "text", "marked"),
    [
        ("parse_args", "x = parse_args(args)", ["parse_args", "args"]),
        ("parseArgs", "PARSE the args", ["PARSE", "args"]),
        ("where are the parameters", "the parent has a parameter", ["parameter"]),
        ("where is it", "this is where it was", ["is", "where", "it"]),
        ("args", "kwargs and parseArgs and ARGS_1", ["Args", "ARGS"]),
        ("class", "classes of a class", ["class"]),
        ("what?!", "what a day", ["what"]),
        ("x.b", "x.b", ["x", "b"]),
        ("", "anything", []),
        ("読み込み", "設定を読み込みます", ["読み込み"]),
    ],
)
def test_words_of_the_query_and_parts_of_its_identifiers_are_marked(query: str, text: str, marked: list[str]) -> None:
    shown = {text[start:end] for start, end in marks(text, query_terms(query))}

    assert shown >= set(marked)
    assert all(any(part in whole or whole in part for whole in marked) for part in shown)
