"""Search over what is indexed: words and vectors ranked in the database, fused, and ranked again by what code is like.

    request = SearchRequest("where is the retry delay computed", project_id="default")
    result = search(connection, request, open_embedder=open_embedder)

`search` answers a query, `related` finds what is like a given place. Both return hits that are files, each with the
piece of it that answers best. It reads the database through the caller's connection and writes nothing. `jobs.client`
and what only describes results may import it; of `indexer`, nothing does.
"""

from pgdex.indexer.search.engine import related, search
from pgdex.indexer.search.request import RelatedRequest, SearchRequest
from pgdex.indexer.search.result import ALL_RETRIEVERS, Place, Retriever, SearchHit, SearchRefused, SearchResult

__all__ = [
    "ALL_RETRIEVERS",
    "Place",
    "RelatedRequest",
    "Retriever",
    "SearchHit",
    "SearchRefused",
    "SearchRequest",
    "SearchResult",
    "related",
    "search",
]
