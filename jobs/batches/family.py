"""Which repository the tree of a scan belongs to: its family, by its git history."""

from dataclasses import dataclass, replace

import psycopg

from pgdex.indexer.sources import OpenedRoot
from pgdex.jobs.batches.claims import Claim
from pgdex.jobs.database.connection import Connection
from pgdex.jobs.errors import ModelChanged

MODEL_CHANGED = "PX004"
JOIN = "select repository_id, embedder from pgdex.join_family(%s, %s, %s, %s, %s, %s, %s)"


@dataclass(frozen=True, slots=True)
class Family:
    """What a folder is a part of. `identity` is the same for all views of one repository: the URL of its remote, else
    its common git directory, else the folder itself."""

    identity: str
    kind: str
    is_main: bool
    branch: str | None
    commit_id: str | None


def family_of(root: OpenedRoot) -> Family:
    """The family of a folder, without running git."""
    return Family(f"folder:{root.path}", "folder", is_main=True, branch=None, commit_id=None)


def joined(claim: Claim, connection: Connection, root: OpenedRoot) -> Claim:
    """The claim of a scan, with the repository that its view belongs to from now on. Raises ModelChanged."""
    family = family_of(root)
    try:
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
    return replace(claim, repository_id=row[0], embedder=row[1])
