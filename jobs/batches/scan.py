"""The scan of a job: lists the folder, or the commit of a git source, and plans the job from it."""

import time
from collections.abc import Iterator
from itertools import islice

from pgdex.indexer.sources import FoundFile, GitTree, LeftOut, OpenedRoot, WitnessNotes, walk
from pgdex.jobs.batches.claims import Claim
from pgdex.jobs.batches.family import family_of, joined
from pgdex.jobs.batches.planning import Planning, Seen, planning
from pgdex.jobs.database.connection import Connection
from pgdex.jobs.embedders import embedder_of_job
from pgdex.jobs.errors import NothingFound
from pgdex.jobs.ignored import as_json, nothing_found

WALK_BLOCK = 5_000  # files between two looks at the abort flag and two progress reports


def scan_repository(claim: Claim) -> None:
    """List what is to be indexed and plan the job. Memory stays flat: blocks of files go to the database as they are
    found."""
    if claim.ref:
        _scan_commit(claim)
    else:
        _scan_folder(claim)


def _scan_folder(claim: Claim) -> None:
    started = time.perf_counter()
    with claim.opened_root(for_listing=True) as root:
        with claim.folder_in_progress():
            git = GitTree.of(root)
        claim = joined(claim, family_of(root, git))
        embedder = embedder_of_job(claim.embedder, allowed=claim.embedder_allowed, aborted=claim.aborted)
        notes = WitnessNotes()
        left_out = LeftOut()
        with planning(claim) as plan:
            heeds_git, is_new = _what_is_known(plan.connection, claim.view_id)
            for block in _blocks(claim, root, notes, left_out, git, heeds_git=heeds_git):
                plan.add(block)
            claim.stop_if_aborted()
            is_whole = claim.only_paths is None
            if not plan.total and is_whole and others_may_see_more(claim):
                return
            with claim.folder_in_progress():
                if not plan.total and is_whole and (is_new or left_out.entries):
                    raise nothing_found(root, left_out, heeds_git=heeds_git, is_new=is_new)
                seen = Seen(
                    notes.witness(root) if is_whole else None,
                    claim.witness.unmounted(root),
                    is_known=claim.witness.is_of(root),
                )
            ignored = as_json(root.real_path, left_out, heeds_git=heeds_git) if is_whole else None
            plan.plan(embedder, seen, ignored=ignored, started=started)


def _scan_commit(claim: Claim) -> None:
    from pgdex.jobs.batches.commits import commit_snapshot, resolved  # with all that fetches from git
    from pgdex.jobs.batches.submodules import follow_submodules

    started = time.perf_counter()
    claim = joined(claim, resolved(claim))
    embedder = embedder_of_job(claim.embedder, allowed=claim.embedder_allowed, aborted=claim.aborted)
    left_out = LeftOut()
    with commit_snapshot(claim) as snapshot, planning(claim) as plan:
        found = snapshot.listing(max_file_bytes=claim.settings.max_file_bytes, aborted=claim.aborted, left_out=left_out)
        _add_all(plan, found)
        if not plan.total:
            raise NothingFound(f"no file to index in {claim.repo_path}: the commit {claim.commit_id} has none")
        follow_submodules(claim, snapshot, plan.connection, embedder=embedder.name)
        plan.plan(embedder, Seen(), ignored=as_json(b"/", left_out, heeds_git=True), started=started)


def _add_all(plan: Planning, found: Iterator[FoundFile]) -> None:
    while block := list(islice(found, WALK_BLOCK)):
        plan.add(block)


def others_may_see_more(claim: Claim) -> bool:
    """Leave an empty folder to workers that have not seen it yet: a share that is not mounted looks like this."""
    reason = f"{claim.repo_path} is empty"
    return claim.leave_to_others(reason, kind="FolderEmptied", fails=False) != "alone"


def _what_is_known(connection: Connection, view_id: int) -> tuple[bool, bool]:
    """Whether git's ignore rules count for the view, and whether no file of it is known yet."""
    row = connection.execute(
        "select not v.no_ignore, not exists (select from pgdex.view_files e where e.view_id = v.id)"
        " from pgdex.views v where v.id = %s",
        [view_id],
    ).fetchone()
    return (True, False) if row is None else (bool(row[0]), bool(row[1]))


def _blocks(
    claim: Claim,
    root: OpenedRoot,
    notes: WitnessNotes,
    left_out: LeftOut,
    git: GitTree | None,
    *,
    heeds_git: bool,
) -> Iterator[list[FoundFile]]:
    """The walk in blocks. The file system is watched while one is filled, and not while the database takes it."""
    with claim.folder_in_progress():
        found = walk(
            root,
            max_file_bytes=claim.settings.max_file_bytes,
            aborted=claim.aborted,
            entering=claim.entered,
            notes=notes,
            heeds_git=heeds_git,
            left_out=left_out,
            git=git,
            only=claim.only_paths,
        )
    while True:
        with claim.folder_in_progress():
            block = list(islice(found, WALK_BLOCK))
        if not block:
            return
        yield block
