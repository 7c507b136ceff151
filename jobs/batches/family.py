"""Which repository the tree of a scan belongs to: its family, by its git history."""

from dataclasses import dataclass, replace

import psycopg

from pgdex.indexer.sources import GitTree, OpenedRoot
from pgdex.jobs.batches.claims import Claim
from pgdex.jobs.errors import ModelChanged

MODEL_CHANGED = "PX004"
JOIN = "select repository_id, embedder, embedder_allowed from pgdex.join_family(%s, %s, %s, %s, %s, %s, %s)"


@dataclass(frozen=True, slots=True)
class Family:
    """What a folder is a part of. `identity` is the same for all views of one repository: the address of its remote,
    else its common git directory, else the folder itself."""

    identity: str
    kind: str
    is_main: bool
    branch: str | None
    commit_id: str | None


def family_of(root: OpenedRoot, git: GitTree | None) -> Family:
    """The family of a folder. A folder within a working tree is a family of its own with the same folder of the other
    worktrees: their files have the same paths."""
    if git is None:
        return Family(f"folder:{root.path}", "folder", is_main=True, branch=None, commit_id=None)
    below = f"//{git.prefix}" if git.prefix else ""
    return Family(f"{git.history}{below}", "worktree", git.is_main_worktree, git.branch, git.commit)


def joined(claim: Claim, family: Family) -> Claim:
    """The claim of a scan, with the repository that its view belongs to from now on. Raises ModelChanged."""
    try:
        with claim.pool.connection() as connection:
            row = connection.execute(
                JOIN,
                [
                    claim.job_id,
                    claim.attempt,
                    family.identity,
                    family.kind,
                    family.is_main,
                    family.branch,
                    family.commit_id,
                ],
            ).fetchone()
    except psycopg.Error as error:
        if error.sqlstate == MODEL_CHANGED:
            raise ModelChanged(error.diag.message_primary or str(error)) from error
        raise
    assert row is not None, "the function returns one row"
    return replace(
        claim,
        repository_id=row[0],
        embedder=row[1],
        embedder_allowed=row[2],
        commit_id=family.commit_id if claim.ref else None,
    )
