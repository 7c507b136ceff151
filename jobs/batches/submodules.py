"""The submodules of a git source: each is indexed as a repository of its own, at the commit that is named."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from pgdex.indexer.git import GitSnapshot, GitUrl, SourceRefused, Submodule, require_allowed
from pgdex.jobs.batches.claims import Claim
from pgdex.jobs.batches.commits import source_of
from pgdex.jobs.database.connection import Connection
from pgdex.jobs.settings import Settings

MOST_LEVELS = 5
MOST_FOLLOWED = 100
"""Of one commit; each is a job. Chromium has 160 submodules, of repositories that few people want all of."""
MOST_NOTED = 500
"""Of one commit, followed or not: what a hostile repository names goes into the database."""
WANTED = "select follows_submodules, coalesce(submodule_of, '{}') from pgdex.views where id = %s"
FOLLOW = "select pgdex.follow_submodules(%s, %s, %s, %s, %s)"


def follow_submodules(claim: Claim, snapshot: GitSnapshot, connection: Connection, *, embedder: str) -> None:
    """Have the submodules of the commit indexed, if the view wants that, and note with the job which and which not.

    Raises GitError, and psycopg.Error where the scan is no longer this worker's.
    """
    follows, above = connection.execute(WANTED, [claim.view_id]).fetchone() or (False, [])
    if not follows:
        return
    parent = source_of(claim)
    chain = [*above, parent.identity]
    choice = Choice(parent=parent, chain=chain, settings=claim.settings)
    found = list(choice.entries(snapshot.submodules(parent)))
    with connection.transaction():
        connection.execute(FOLLOW, [claim.job_id, claim.attempt, embedder, chain, json.dumps(found)])


@dataclass(frozen=True, slots=True)
class Choice:
    """Which submodules of `parent` are followed. `chain`: the identities of the repositories that lead to them, the
    parent's last."""

    parent: GitUrl
    chain: Sequence[str]
    settings: Settings

    def entries(self, submodules: Sequence[Submodule]) -> Iterator[dict[str, str]]:
        """What follow_submodules takes of each."""
        followed = 0
        for one in islice(submodules, MOST_NOTED):
            reason = self._reason(one, is_one_too_many=followed == MOST_FOLLOWED)
            if reason is not None or one.url is None:
                location = "" if one.url is None else one.url.text
                yield {"path": one.path, "location": location, "reason": reason or "it has no address"}
                continue
            followed += 1
            yield {
                "path": one.path,
                "location": f"{one.url.text}@{one.commit}",
                "root": one.url.text,
                "ref": one.commit,
            }

    def _reason(self, one: Submodule, *, is_one_too_many: bool) -> str | None:
        """Why it is not followed; None where it is."""
        url, reason = one.url, None
        if url is None:
            return one.problem
        if url.is_local and not self.parent.is_local:
            reason = "it names a folder on this machine, which a remote repository may not"
        elif url.identity in self.chain:
            reason = "it is one of the repositories that lead to it"
        elif len(self.chain) > MOST_LEVELS:
            reason = f"it lies more than {MOST_LEVELS} levels below the repository that was asked for"
        elif (refusal := self._refusal(url)) is not None:
            reason = refusal
        elif is_one_too_many:
            reason = f"only the first {MOST_FOLLOWED} of a commit are followed"
        return reason

    def _refusal(self, url: GitUrl) -> str | None:
        settings = self.settings
        try:
            require_allowed(url, sources=settings.allowed_source_names, roots=settings.roots)
        except SourceRefused as refused:
            return str(refused)
        return None
