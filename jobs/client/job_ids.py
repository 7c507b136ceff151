"""Ids of jobs as people type them: whole ones, or their first characters."""

import re
from uuid import UUID

from pgdex.jobs.errors import InvalidRequest


def parse_job_id(job_id: UUID | str) -> UUID:
    """A job id from what a user typed. Raises InvalidRequest."""
    if isinstance(job_id, UUID):
        return job_id
    try:
        return UUID(job_id)
    except ValueError:
        raise InvalidRequest(f"a job id looks like 123e4567-e89b-12d3-a456-426614174000, got {job_id!r}") from None


def id_range(prefix: str) -> tuple[UUID, UUID]:
    """The first and the last id that begin with `prefix`, dashes or not. Raises InvalidRequest."""
    digits = prefix.replace("-", "").lower()
    if not re.fullmatch(r"[0-9a-f]{4,32}", digits):
        raise InvalidRequest(
            "a job id looks like 123e4567-e89b-12d3-a456-426614174000 (its first 4 characters are enough), "
            f"got {prefix!r}"
        )
    return UUID(digits.ljust(32, "0")), UUID(digits.ljust(32, "f"))
