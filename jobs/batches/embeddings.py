"""What was embedded before: in the index, and by batches of the same job before the embedding service went away."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

import psycopg

from pgdex.indexer.binary_formats import halfvec_numbers, halfvecs
from pgdex.indexer.pipeline import Vectors
from pgdex.jobs.batches.claims import Claim
from pgdex.jobs.errors import DatabaseUnavailable
from pgdex.jobs.logging import fields

# The condition of the second part has nothing of its rows in it, so the function is not even called where it is false.
KNOWN = """
    select text_hash, embedding from pgdex.kept_embeddings
    where job_id = %(job)s and text_hash = any (%(hashes)s)
    union all
    select text_hash, embedding
    from pgdex.known_embeddings(%(repository)s, %(model)s::smallint, %(paths)s, %(hashes)s)
    where not %(is_forced)s
"""

logger = logging.getLogger("pgdex.worker")


@dataclass(frozen=True, slots=True)
class Embeddings:
    """The vectors that one batch need not ask for."""

    claim: Claim

    def known(self, paths: Sequence[str], hashes: Sequence[UUID]) -> Mapping[UUID, Vectors]:
        """The vectors that this model has made in this repository before.

        Of an edited file that is all but the functions that changed, and after a branch is switched back, everything.
        A forced job takes only what it has made itself.
        """
        claim = self.claim
        with claim.pool.connection() as connection:
            rows = connection.execute(
                KNOWN,
                {
                    "job": claim.job_id,
                    "hashes": list(hashes),
                    "is_forced": claim.embed_all,
                    "repository": claim.repository_id,
                    "model": claim.model_id,
                    "paths": list(paths),
                },
                binary=True,
            ).fetchall()
        return {text: halfvec_numbers(embedding) for text, embedding in rows}

    def keep(self, hashes: Sequence[UUID], vectors: Vectors) -> None:
        """Keep what was embedded until the job ends. Where the database refuses, the service is asked again later."""
        claim = self.claim
        try:
            with claim.pool.connection() as connection:
                connection.execute(
                    "select pgdex.keep_embeddings(%s, %s, %s, %s, %s)",
                    [claim.job_id, claim.seq, claim.attempt, list(hashes), halfvecs(vectors)],
                )
        except (psycopg.Error, DatabaseUnavailable) as error:
            logger.warning(
                "%d embeddings were lost: %s",
                len(hashes),
                error,
                extra=fields(action="embeddings_lost", batch=claim.seq),
            )
