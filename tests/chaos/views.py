"""The views of a run: the jobs that each has had, and what was done to it."""

import random
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

from psycopg.rows import dict_row

from pgdex.jobs.client.targets import Target
from pgdex.jobs.errors import JobIsFinal
from tests.chaos.cluster import Cluster
from tests.chaos.families import NAMES, TRUNK, WORKTREES, Family, Tree

FINAL = ("completed", "failed", "cancelled")
SEARCHABLE = """
    select f.path from pgdex.files f
    where f.root = %s and f.chunks > 0
"""


@dataclass(slots=True)
class View:
    """A tree that is indexed again and again, changed in between."""

    tree: Tree
    jobs: list[UUID] = field(default_factory=list)
    cancelled: set[UUID] = field(default_factory=set)
    """The jobs that a cancel was acknowledged for."""
    final_rows: dict[UUID, str] = field(default_factory=dict)
    """What the database said of a job when it was first seen to have ended."""
    waits_for_asker: bool = False
    """Its job was cancelled, or it was removed from the index, and it is not enqueued again yet."""
    is_away: bool = False
    """An empty folder stands where it was."""
    may_fail: set[UUID] = field(default_factory=set)
    """The jobs that were live, or asked for, while it was away."""
    limited: set[UUID] = field(default_factory=set)
    """The jobs that were asked for to look at some paths only: who asks for all may take their place."""
    forgotten: set[UUID] = field(default_factory=set)
    """The jobs that it had before it was removed from the index."""
    complaints: list[str] = field(default_factory=list)
    _indexed: set[str] = field(default_factory=set)
    """What could be found of it when it went away."""

    @property
    def job(self) -> UUID:
        """Its latest job."""
        return self.jobs[-1]

    @property
    def root(self) -> Path:
        """Its folder, or that of the bare repository."""
        return self.tree.root

    @property
    def target(self) -> Target:
        """It, as a client asks for it."""
        return Target(str(self.root), self._ref)

    @property
    def label(self) -> str:
        """How people call it."""
        return self.tree.location

    def next_generation(self, cluster: Cluster) -> None:
        """Change the tree and have it indexed. Only while no job of it is live."""
        paths = self.tree.change()
        if paths is None:
            self.enqueue(cluster)
            return
        job_id = cluster.enqueue_paths(self.root, paths)
        self.limited.add(job_id)
        self._adopt(job_id)

    def enqueue(self, cluster: Cluster) -> None:
        """Have it indexed as it is."""
        self.waits_for_asker = False
        self._adopt(cluster.enqueue(self.target))

    def remove(self, cluster: Cluster) -> bool:
        """Remove it from the index, with its jobs; false where that, or a cancel, was done just before."""
        if self.waits_for_asker or self.is_away:
            return False
        cluster.remove_view(self.root, self._ref)
        self.forgotten |= set(self.jobs)
        self.jobs.clear()
        self.waits_for_asker = True
        self.tree.forget()
        return True

    def has_ended(self, cluster: Cluster) -> bool:
        """Whether its latest job is final; keeps what the job's row says then."""
        status, row = _job(cluster, self.job)
        if status in FINAL:
            self.final_rows.setdefault(self.job, row)
        return status in FINAL

    def unmount(self, cluster: Cluster) -> bool:
        """Move its folder away and leave an empty one; false where that was done already, or nothing is there."""
        if self.is_away or self.tree.is_branch:
            return False
        if self.jobs and not self.has_ended(cluster):
            self.may_fail.add(self.job)
        self.is_away = True
        self._indexed = self._searchable(cluster)
        self.root.rename(self._aside)
        self.root.mkdir()
        return True

    def mount(self, cluster: Cluster) -> None:
        """Bring it back. Of the files that are in it, none may have left the index meanwhile."""
        files = [path for path in self._aside.rglob("*") if path.is_file()]
        # One that is no text in this generation leaves the index for that.
        there = {path.relative_to(self._aside).as_posix() for path in files if b"\0" not in path.read_bytes()}
        lost = (self._indexed & there) - self._searchable(cluster)
        if lost:
            self.complaints.append(f"{self.label} was away for a moment, and {len(lost)} files left the index: {lost}")
        self.root.rmdir()
        self._aside.rename(self.root)
        self.is_away = False

    def enqueue_again_if_failed(self, cluster: Cluster) -> bool:
        """Where its latest job failed because the folder was away: ask for another one. Whether it did."""
        if self.job not in self.may_fail or _job(cluster, self.job)[0] != "failed":
            return False
        self.enqueue(cluster)
        return True

    @property
    def _ref(self) -> str:
        return TRUNK if self.tree.is_branch else ""

    @property
    def _aside(self) -> Path:
        return self.root.with_name(f"{self.root.name}.away")

    def _searchable(self, cluster: Cluster) -> set[str]:
        rows = cluster.client.connection.execute(SEARCHABLE, [str(self.root)]).fetchall()
        return {row[0] for row in rows}

    def cancel(self, cluster: Cluster) -> bool:
        """Cancel its job; false where that had ended already."""
        try:
            cluster.client.cancel(self.job)
        except JobIsFinal:
            return False
        self.cancelled.add(self.job)
        self.waits_for_asker = True
        self.has_ended(cluster)
        return True

    def enqueue_at_once(self, cluster: Cluster, count: int) -> bool:
        """Several ask for it; false where no job of it was live. All get the id of the live one."""
        if self.waits_for_asker or self.has_ended(cluster):
            return False
        before = self.job
        given = cluster.enqueue_at_once(self.root, self._ref, count)
        if before in self.limited and _job(cluster, before)[0] == "cancelled":
            self.cancelled.add(before)  # for one that looks at everything
        if _job(cluster, before)[0] not in FINAL and set(given) != {before}:
            self.complaints.append(f"{count} askers at once were given {given} while {before} was live")
        for job_id in dict.fromkeys(given):  # it ended in between: the first who came later got a new one
            self._adopt(job_id)
        return True

    def _adopt(self, job_id: UUID) -> None:
        if job_id not in self.jobs:
            self.jobs.append(job_id)
        if self.is_away:
            self.may_fail.add(job_id)


def _job(cluster: Cluster, job_id: UUID) -> tuple[str, str]:
    with cluster.client.connection.cursor(row_factory=dict_row) as cursor:
        cursor.execute("select j.status, to_jsonb(j)::text as row from pgdex.indexing_jobs j where j.id = %s", [job_id])
        row = cursor.fetchone()
    assert row is not None, f"job {job_id} is gone"
    return row["status"], row["row"]


def new_views(folder: Path, *, families: int, modules: int, seed: int) -> list[View]:
    """So many families, none of them indexed yet."""
    made = [
        Family(folder, NAMES[number], modules, WORKTREES[number % len(WORKTREES)], random.Random(f"{seed} {number}"))
        for number in range(families)
    ]
    return [View(tree) for family in made for tree in family.make()]
