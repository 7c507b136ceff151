"""Limits of requests and tokens per minute, which all workers keep together: the database hands out the turns."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

from pgdex.indexer.embedding import CountingEmbedder, Embedder
from pgdex.jobs.batches.claims import Claim

# With o200k_base 4.2 in this repository's Python, 4.1 in its SQL, 3.5 in its documentation; other tokenizers make more
# tokens of code.
BYTES_PER_TOKEN = 3
POLL_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class Pace:
    """The turns of one batch."""

    claim: Claim
    embedder: Embedder

    def wait(self, texts: Sequence[str]) -> None:
        """Wait until a call with these texts keeps within the limits, or the batch is aborted."""
        settings = self.claim.settings
        per_minute = (settings.embedder_requests_per_minute, settings.embedder_tokens_per_minute)
        if per_minute == (None, None):
            return
        requests = self.embedder.request_count(texts) if isinstance(self.embedder, CountingEmbedder) else 1
        with self.claim.pool.connection() as connection:
            row = connection.execute(
                "select pgdex.take_embedder_budget(%s, %s, %s, %s, %s)",
                [self.embedder.name, *per_minute, requests, estimated_tokens(texts)],
            ).fetchone()
        assert row is not None, "a function always returns a row"
        until = time.monotonic() + row[0]
        while (left := until - time.monotonic()) > 0 and not self.claim.aborted():
            time.sleep(min(left, POLL_SECONDS))


def estimated_tokens(texts: Sequence[str]) -> int:
    """About how many tokens a service counts in them; rather too many."""
    return sum(len(text.encode("utf-8", "replace")) // BYTES_PER_TOKEN + 1 for text in texts)
