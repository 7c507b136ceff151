"""Random jobs of three views, removals and collections, one after the other, each compared with what a model says."""

from dataclasses import dataclass, field

import hypothesis.strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from pgdex.jobs.database.connection import Connection
from tests.support.index_digest import assert_index_is_sound
from tests.support.job_checks import value
from tests.support.job_machine import EMPTY_ALL
from tests.support.sql_worker import DIMENSION, FOUND_FILES, MODEL, Claim, SqlWorker, enqueue

FAMILIES = {"/a/main": "git:/a", "/a/fix": "git:/a", "/b": "git:/b"}
ROOTS = tuple(FAMILIES)
PATHS = ("d/f2", "d/f3", "f0", "f1")
BATCH_FILES = 2
SKIPPED = 0
"""Stands for the content of a file that the walk skips unread."""
CONTENTS = st.sampled_from([SKIPPED, 1, 2, 3])
TREES = st.dictionaries(st.sampled_from(PATHS), CONTENTS, min_size=1)
SOME_PATHS = st.lists(st.sampled_from(["f0", "f1", "d", "d/f2"]), min_size=1, max_size=3, unique=True)
STORE = """
    select path, id, is_written from pgdex.store_versions(
        %s, %s::text[], array_fill(null::text, array[%s]), %s::bigint[], %s::bytea[], %s::bytea[],
        array_fill(1, array[%s]), array_fill(null::text, array[%s]), array_fill(null::text, array[%s]), %s::smallint,
        2::smallint, %s)
"""
SET_FILES = """
    select pgdex.set_view_files(%s, %s::text[], %s::bigint[], %s::bigint[], %s::bigint[],
        array_fill(null::bigint, array[%s]), array_fill(null::bigint, array[%s]), array_fill(null::text, array[%s]),
        array_fill(null::text, array[%s]))
"""
VERSIONS = """
    select repository_id, path, convert_from(content_hash, 'UTF8'), unused_since is not null from pgdex.versions
"""
FILES = """
    select e.view_id, e.path, coalesce(convert_from(v.content_hash, 'UTF8'), '0')
    from pgdex.view_files e left join pgdex.versions v on v.id = e.version_id
"""


@dataclass(slots=True)
class View:
    """A view of the model: the repository that it is in, and what it holds."""

    id: int
    repository: int
    files: dict[str, int] = field(default_factory=dict)
    was_indexed: bool = False


@dataclass(slots=True)
class Model:
    """What there has to be. A version is (repository, path, content)."""

    views: dict[str, View] = field(default_factory=dict)
    removed: list[View] = field(default_factory=list)
    versions: set[tuple[int, str, int]] = field(default_factory=set)

    def held(self) -> set[tuple[int, str, int]]:
        """The versions that views hold, also those whose rows are still to be deleted."""
        return {
            (view.repository, path, content)
            for view in [*self.views.values(), *self.removed]
            for path, content in view.files.items()
            if content != SKIPPED
        }

    def live_repositories(self) -> set[int]:
        return {view.repository for view in self.views.values()}

    def remove_rows(self) -> None:
        """All that removed views have left behind goes, and what only they held."""
        dropped = {(view.repository, path, content) for view in self.removed for path, content in view.files.items()}
        gone = {view.repository for view in self.removed} - self.live_repositories()
        self.removed.clear()
        self.versions -= dropped - self.held()
        self.versions = {version for version in self.versions if version[0] not in gone}


def is_below(path: str, only: list[str]) -> bool:
    """Whether a job that looks at these paths looks at this one."""
    return any(path == one or path.startswith(f"{one}/") for one in only)


class VersionMachine(RuleBasedStateMachine):
    """Each step does a whole job, or a part of one that is then cancelled, or removes something."""

    def __init__(self, connection: Connection) -> None:
        super().__init__()
        connection.execute(EMPTY_ALL)
        connection.execute("truncate pgdex.versions restart identity cascade")
        self.connection = connection
        self.worker = SqlWorker(connection)
        self.model = Model()

    @rule(
        root=st.sampled_from(ROOTS),
        tree=TREES,
        clean=st.sets(st.sampled_from(PATHS)),
        only=st.none() | SOME_PATHS,
        force=st.sampled_from([False] * 5 + [True]),
        batches=st.sampled_from([None] * 4 + [0, 1]),
    )
    def index(
        self,
        root: str,
        tree: dict[str, int],
        clean: set[str],
        only: list[str] | None,
        force: bool,
        batches: int | None,
    ) -> None:
        """A job of a view, cancelled after some batches or done to its end. Of the files that are `clean`, git vouches
        for their contents."""
        known = self.model.views.get(root)
        limited = only if known is not None and known.was_indexed and not force else None
        job_id = enqueue(self.connection, root, paths=only, force=force)
        assert value(self.connection, "select only_paths from pgdex.indexing_jobs where id = %s", job_id) == limited
        claim = self.worker.join(self.worker.take(), FAMILIES[root])
        view = self._joined(root, claim)
        found = {path: content for path, content in tree.items() if limited is None or is_below(path, limited)}
        if not found and limited is None:
            return
        self._plan(claim, found, clean)
        gone = [path for path in view.files if path not in found and (limited is None or is_below(path, limited))]
        changed = {path: content for path, content in found.items() if force or view.files.get(path) != content}
        taken = {
            path: content
            for path, content in changed.items()
            if path in clean and not force and (view.repository, path, content) in self.model.versions
        }
        view.files |= taken | {path: content for path, content in found.items() if content == SKIPPED}
        planned = sorted(path for path in changed if path not in taken and changed[path] != SKIPPED)
        self._do_batches(job_id, view, changed, planned, gone, limit=batches)

    def _joined(self, root: str, claim: Claim) -> View:
        family = {view.repository for other, view in self.model.views.items() if FAMILIES[other] == FAMILIES[root]} or {
            claim.repository_id
        }
        assert {claim.repository_id} == family
        view = self.model.views.setdefault(root, View(claim.view_id, claim.repository_id))
        assert (view.id, view.repository) == (claim.view_id, claim.repository_id)
        return view

    def _plan(self, claim: Claim, found: dict[str, int], clean: set[str]) -> None:
        self.connection.execute(FOUND_FILES)
        self.connection.execute("truncate pg_temp.found_files")
        self.connection.cursor().executemany(
            "insert into pg_temp.found_files (path, size, mtime_ns, blob_id, skip_reason) values (%s, 10, %s, %s, %s)",
            [
                (
                    path,
                    content,
                    f"{content}".encode() if path in clean and content != SKIPPED else None,
                    "oversized" if content == SKIPPED else None,
                )
                for path, content in found.items()
            ],
        )
        job_id, _, attempt = claim.key
        with self.connection.transaction():
            self.connection.execute("select pgdex.ensure_chunk_partition(%s)", [claim.repository_id])
            self.connection.execute(
                "select pgdex.plan_job(%s, %s, %s, %s, %s, 1000000, 0.1, 2::smallint)",
                [job_id, attempt, MODEL, DIMENSION, BATCH_FILES],
            )
        self.worker.drop(claim.wake_up)

    def _do_batches(
        self,
        job_id: object,
        view: View,
        contents: dict[str, int],
        planned: list[str],
        gone: list[str],
        *,
        limit: int | None,
    ) -> None:
        parts = [planned[start : start + BATCH_FILES] for start in range(0, len(planned), BATCH_FILES)]
        for part in parts[:limit]:
            claim = self.worker.take()
            assert claim.paths == part
            self._write(claim, {path: contents[path] for path in part})
            self.worker.drop(claim.wake_up)
            view.files |= {path: contents[path] for path in part}
            self.model.versions |= {(view.repository, path, contents[path]) for path in part}
        if limit is not None:
            self.connection.execute("select pgdex.cancel_job(%s)", [job_id])
            return
        finish = self.worker.take()
        assert sorted(finish.paths) == sorted(gone)
        self.worker.finish(finish)
        self.worker.drop(finish.wake_up)
        view.was_indexed = True
        for path in gone:
            del view.files[path]
        chunks = sum(content != SKIPPED for content in view.files.values())
        assert value(self.connection, "select chunks from pgdex.views where id = %s", view.id) == chunks

    def _write(self, claim: Claim, files: dict[str, int]) -> None:
        paths, contents, count = list(files), list(files.values()), len(files)
        texts = [f"{content}".encode() for content in contents]
        sizes = [10] * count
        with self.connection.transaction():
            stored = self.connection.execute(
                STORE,
                [claim.repository_id, paths, count, sizes, texts, texts, *[count] * 3, claim.model_id, claim.embed_all],
            ).fetchall()
            new = {path: (claim.repository_id, path, files[path]) not in self.model.versions for path in paths}
            assert {path: is_written for path, _, is_written in stored} == {
                path: new[path] or claim.embed_all for path in paths
            }
            table = value(self.connection, "select pgdex.lock_chunk_table(%s)", claim.repository_id)
            ids = {path: version_id for path, version_id, _ in stored}
            for path, version_id, is_written in stored:
                if is_written:
                    self.connection.execute(
                        f"insert into pgdex.{table} (repository_id, version_id, ordinal, start_line, end_line, kind,"
                        " content) values (%s, %s, 0, 1, 1, 'text', %s)",
                        [claim.repository_id, version_id, path],
                    )
            self.connection.execute(
                SET_FILES, [claim.view_id, paths, [ids[path] for path in paths], sizes, contents, *[count] * 4]
            )
            self.connection.execute(
                "select pgdex.complete_batch(%s, %s, %s, %s, 0, 0, %s, '{}')", [*claim.key, count, count]
            )

    @rule(root=st.sampled_from(ROOTS), requests=st.lists(st.none() | SOME_PATHS, min_size=2, max_size=4))
    def ask_again(self, root: str, requests: list[list[str] | None]) -> None:
        """Several ask for a view while its job waits: it looks at all that they ask for. Then it is cancelled."""
        view = self.model.views.get(root)
        if view is None or not view.was_indexed:
            return
        first, *more = requests
        job_id = enqueue(self.connection, root, then_admit=False, paths=first)
        for paths in more:
            assert enqueue(self.connection, root, then_admit=False, paths=paths) == job_id
            if first is not None and (paths is None or not set(paths) <= set(first)):
                first = None if paths is None else sorted({*first, *paths})
        assert value(self.connection, "select only_paths from pgdex.indexing_jobs where id = %s", job_id) == first
        self.connection.execute("select pgdex.cancel_job(%s)", [job_id])

    @rule(root=st.sampled_from(ROOTS), paths=st.lists(st.sampled_from(PATHS), unique=True))
    def remove_files(self, root: str, paths: list[str]) -> None:
        """Files leave a view; it keeps one, as a view that no job emptied does."""
        view = self.model.views.get(root)
        if view is None or set(view.files) <= set(paths):
            return
        there = [path for path in paths if path in view.files]
        assert value(self.connection, "select pgdex.remove_view_files(%s, %s)", view.id, paths) == len(there)
        for path in there:
            del view.files[path]

    @rule(root=st.sampled_from(ROOTS))
    def remove_view(self, root: str) -> None:
        """A view is removed; its rows stay for now."""
        view = self.model.views.pop(root, None)
        if view is not None:
            assert value(self.connection, "select pgdex.remove_view(%s)", view.id) == root
            self.model.removed.append(view)

    @rule(rows=st.sampled_from([1, 20, 2000]))
    def remove_portions(self, rows: int) -> None:
        """All that removed views left behind goes, in small or large portions."""
        while value(self.connection, "select pgdex.remove_portion(null, %s)", rows):
            pass
        self.model.remove_rows()

    @rule(limit=st.integers(1, 3))
    def collect(self, limit: int) -> None:
        """What no view holds goes, except in repositories that are being removed."""
        due = {
            version
            for version in self.model.versions - self.model.held()
            if version[0] in self.model.live_repositories()
        }
        assert value(self.connection, "select pgdex.remove_unused_versions('1 hour')") == 0
        collected = 0
        while removed := value(self.connection, "select pgdex.remove_unused_versions('0', %s)", limit):
            assert removed <= limit
            collected += removed
        assert collected == len(due)
        self.model.versions -= due

    @rule(root=st.sampled_from(ROOTS), paths=st.sets(st.sampled_from(PATHS)))
    def delete(self, root: str, paths: set[str]) -> None:
        """Of versions that are named, those go that no view holds, of this repository only."""
        view = self.model.views.get(root)
        if view is None:
            return
        named = "select pgdex.delete_versions(%s, array(select id from pgdex.versions where path = any(%s)))"
        due = {
            version
            for version in self.model.versions - self.model.held()
            if version[0] == view.repository and version[1] in paths
        }
        assert value(self.connection, named, view.repository, list(paths)) == len(due)
        self.model.versions -= due

    @invariant()
    def what_is_stored_is_what_the_model_says(self) -> None:
        """Versions with their marks, the files of each view, one default view for each repository; no mark is wrong."""
        held = self.model.held()
        stored = {(row[0], row[1], int(row[2])): row[3] for row in self.connection.execute(VERSIONS)}
        assert stored == {version: version not in held for version in self.model.versions}
        files: dict[int, dict[str, int]] = {}
        for view_id, path, content in self.connection.execute(FILES):
            files.setdefault(view_id, {})[path] = int(content)
        views = [*self.model.views.values(), *self.model.removed]
        assert files == {view.id: view.files for view in views if view.files}
        defaults = self.connection.execute("select repository_id from pgdex.views where is_default").fetchall()
        assert sorted(row[0] for row in defaults) == sorted(self.model.live_repositories())
        for repository_id in self.model.live_repositories():
            assert value(self.connection, "select pgdex.sweep_versions(%s)", repository_id) == 0
        assert_index_is_sound(self.connection)
