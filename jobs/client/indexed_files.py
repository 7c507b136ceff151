"""Files as the index has them: their text, put together again from their chunks; and which paths, folders and jobs
there are that begin with something.

No disk is looked at. What is returned is what was indexed, so no link, no `..` and no exchanged folder leads to
anything else, and it is there on a machine that doesn't have the files.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from psycopg import sql
from psycopg.rows import class_row

from pgdex.indexer.search.snapshots import in_one_snapshot
from pgdex.jobs.client.answer import Answer
from pgdex.jobs.client.job_ids import id_range
from pgdex.jobs.client.models import JobStatus
from pgdex.jobs.database.connection import Connection
from pgdex.jobs.errors import InvalidRequest

MOST_LINES = 1_000
"""Of one reading: longer files are read in parts."""
MOST_CHARACTERS = 60_000
"""Of one reading, about 15,000 tokens."""
MOST_FOUND = 100
"""Of a list of paths, of folders or of jobs: as many as MCP's completion takes."""
FEWEST_DIGITS = 4
"""Of an id, from which on `id_range` takes it."""

VIEW = """
    select s.id, s.repository_id, s.chunk_table, s.location from pgdex.views_status s
    where s.project_id = %(project)s and s.location = %(location)s and s.root = any(%(roots)s)
"""
FILE = """
    select v.language, coalesce(e.skip_reason, v.skip_reason), coalesce(e.skip_detail, v.skip_detail), v.chunks
    from pgdex.view_files e left join pgdex.versions v on v.id = e.version_id
    where e.view_id = %(view)s and e.path = %(path)s
"""
CHUNKS = """
    from pgdex.view_files e
    join {table} c on c.repository_id = %(repository)s and c.version_id = e.version_id
    where e.view_id = %(view)s and e.path = %(path)s
"""
# Those that begin with the text first, then those that have it anywhere.
PATHS = """
    select e.path, starts_with(e.path, %(text)s) as begins from pgdex.view_files e
    where e.view_id = %(view)s and e.skip_reason is null and strpos(lower(e.path), lower(%(text)s)) > 0
    order by begins desc, e.path limit %(limit)s
"""
LOCATIONS = """
    select s.location from pgdex.views_status s
    where s.project_id = %(project)s and strpos(lower(s.location), lower(%(text)s)) > 0
    order by starts_with(s.location, %(text)s) desc, s.location limit %(limit)s
"""
JOB_IDS = """
    select j.id::text from pgdex.indexing_jobs j join pgdex.views v on v.id = j.view_id and v.removed_at is null
    where j.project_id = %(project)s and j.id between %(first)s and %(last)s
        and starts_with(j.id::text, lower(%(text)s))
    order by j.created_at desc, j.id limit %(limit)s
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexedText(Answer):
    """Some lines of a file. `text` ends with the whole of `last_line`, unless `is_cut`: then more stands on that line
    than MOST_CHARACTERS. `total_lines` are the file's."""

    repo_path: str
    path: str
    language: str | None
    first_line: int
    last_line: int
    total_lines: int
    is_cut: bool
    text: str


@dataclass(frozen=True, slots=True)
class _View:
    """Where the files of a view are found."""

    id: int
    repository_id: int
    chunk_table: str | None
    location: str


@dataclass(frozen=True, slots=True)
class _Lines:
    """Chunks (first line, last line, content) of a file, and the last line that any has."""

    view: _View
    language: str | None
    chunks: Sequence[tuple[int, int, str]]
    total: int


def text_of(
    connection: Connection,
    *,
    project: str,
    repo_path: str,
    path: str,
    first_line: int = 1,
    last_line: int | None = None,
) -> IndexedText:
    """The lines `first_line` to `last_line` (counted from 1, both included) of a file of the view at `repo_path`; fewer
    where they are more than MOST_LINES or MOST_CHARACTERS. Of a notebook what its cells say, at their lines in the
    file; the other lines are empty. Where its JSON has a whole cell on one line, all lines of the cell are that line.

    Raises InvalidRequest where the view or the file is not indexed, the file was skipped, or it has no such line.
    """
    if first_line < 1 or (last_line is not None and last_line < first_line):
        raise InvalidRequest(f"lines must be FIRST-LAST, counted from 1, got {first_line}-{last_line}")
    most = first_line + MOST_LINES - 1
    last = most if last_line is None else min(last_line, most)

    def look() -> _Lines:
        view = _view_at(connection, project=project, location=repo_path)
        values = {
            "repository": view.repository_id,
            "view": view.id,
            "path": path,
            "first": first_line,
            "last": last,
        }
        row = connection.execute(FILE, values).fetchone()
        if row is None:
            raise InvalidRequest(f"path: {path} is not indexed in {view.location}")
        language, skip_reason, skip_detail, count = row
        if skip_reason is not None or not count or view.chunk_table is None:
            why = ", ".join(filter(None, (skip_reason, skip_detail))) or "it has no text"
            raise InvalidRequest(f"path: {path} is in {view.location}, but its text is not indexed ({why})")
        of_file = sql.SQL(CHUNKS).format(table=sql.Identifier("pgdex", view.chunk_table))
        chunks = connection.execute(
            sql.SQL("select c.start_line, c.end_line, c.content")
            + of_file
            + sql.SQL("and c.end_line >= %(first)s and c.start_line <= %(last)s order by c.ordinal"),
            values,
        ).fetchall()
        found = connection.execute(sql.SQL("select max(c.end_line)") + of_file, values).fetchone()
        return _Lines(view, language, chunks, int(found[0]) if found is not None else 0)

    read = in_one_snapshot(connection, look)
    if first_line > read.total:
        raise InvalidRequest(f"lines: {path} has {read.total} in the index, and no line {first_line}")
    shown, is_cut = _fitting(_lines(read, first=first_line, last=last))
    return IndexedText(
        repo_path=read.view.location,
        path=path,
        language=read.language,
        first_line=first_line,
        last_line=min(shown[-1][0], read.total),
        total_lines=read.total,
        is_cut=is_cut,
        text="\n".join(line for _, line in shown),
    )


def paths_like(connection: Connection, *, project: str, repo_path: str, text: str) -> list[str]:
    """Searchable paths of the view at `repo_path` that have `text` in them, those first that begin with it; at most one
    more than MOST_FOUND. Empty where no such view is indexed."""
    try:
        view = _view_at(connection, project=project, location=repo_path)
    except InvalidRequest:
        return []
    rows = connection.execute(PATHS, {"view": view.id, "text": text, "limit": MOST_FOUND + 1})
    return [path for path, _ in rows.fetchall()]


def locations_like(connection: Connection, *, project: str, text: str) -> list[str]:
    """The repo_path of views of a project that have `text` in it; otherwise as `paths_like`."""
    rows = connection.execute(LOCATIONS, {"project": project, "text": text, "limit": MOST_FOUND + 1})
    return [row[0] for row in rows.fetchall()]


def job_ids_like(connection: Connection, *, project: str, text: str) -> list[str]:
    """The ids of a project's jobs that begin with `text`, newest first; otherwise as `paths_like`."""
    # Of a history of a million jobs only those are looked at that may begin so. With fewer characters the newest that
    # do are found soon.
    first, last = UUID(int=0), UUID(int=(1 << 128) - 1)
    if len(text) >= FEWEST_DIGITS:
        try:
            first, last = id_range(text)
        except InvalidRequest:
            return []
    values = {"project": project, "text": text, "first": first, "last": last, "limit": MOST_FOUND + 1}
    rows = connection.execute(JOB_IDS, values)
    return [row[0] for row in rows.fetchall()]


def statuses(connection: Connection, job_ids: Sequence[UUID]) -> list[JobStatus]:
    """The jobs with these ids, of whatever project, that are still there."""
    with connection.cursor(row_factory=class_row(JobStatus)) as cursor:
        cursor.execute("select * from pgdex.job_status where job_id = any(%s)", [list(job_ids)])
        return cursor.fetchall()


def _view_at(connection: Connection, *, project: str, location: str) -> _View:
    # By the root, which is what an index has: all of the location, or what stands before an @ in it.
    roots = [location, *(location[:place] for place, letter in enumerate(location) if letter == "@")]
    row = connection.execute(VIEW, {"project": project, "location": location, "roots": roots}).fetchone()
    if row is None:
        raise InvalidRequest(f"repo_path: {location} is not indexed in project {project}")
    return _View(*row)


def _lines(read: _Lines, *, first: int, last: int) -> list[tuple[int, str]]:
    """The lines `first` to `last`, each with its number; at the end of a file an empty one more, for what follows its
    last line feed. Lines that no chunk has are empty: what surrounds the cells of a notebook."""
    lines: list[tuple[int, str]] = []
    following = first
    for start, end, content in read.chunks:
        for offset, line in enumerate(content.removesuffix("\n").split("\n")):
            number = min(start + offset, end)
            if first <= number <= last:
                lines += [(empty, "") for empty in range(following, number)]
                lines.append((number, line))
                following = number + 1
    if last > read.total and read.chunks and read.chunks[-1][2].endswith("\n"):
        lines.append((read.total + 1, ""))
    return lines or [(first, "")]


def _fitting(lines: list[tuple[int, str]]) -> tuple[list[tuple[int, str]], bool]:
    """As many of the lines as are MOST_CHARACTERS, but one at least, and whether the last of them had to be cut."""
    length = 0
    for place, (number, line) in enumerate(lines):
        length += len(line) + 1
        if length > MOST_CHARACTERS:
            if not place:
                return [(number, line[:MOST_CHARACTERS])], True
            return lines[:place], number == lines[place - 1][0]
    return lines, False
