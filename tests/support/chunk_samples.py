"""What the tests of chunking share: the definitions of a small source."""

from pgdex.indexer.chunking import Limits, chunk_file
from pgdex.indexer.languages import language_of

# So small that every definition is cut off from its neighbours and opened.
FINEST = Limits(target=1, maximum=1, alone=1, fragment=0, tiny_definition=0)


def definitions(path: str, source: str) -> list[str]:
    """ "kind symbol" of each definition that chunks are named after, in order, each once."""
    language = language_of(path, source.partition("\n")[0])
    chunks = chunk_file(source, language, limits=FINEST)
    assert "".join(chunk.content for chunk in chunks) == source
    return list(dict.fromkeys(f"{chunk.kind} {chunk.symbol}" for chunk in chunks if chunk.symbol is not None))
