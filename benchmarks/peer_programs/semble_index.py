"""One run of semble over a tree, in an environment of its own (see benchmarks.peers): python semble_index.py TREE MODEL

All kinds of files that semble knows are indexed, as pgdex does, and the index is saved, as its commands do.
SEMBLE_INDEX_WORKERS says how many processes cut the files; semble's default is to do everything in one.
"""

import sys

from semble import SembleIndex
from semble.cache import save_index_to_cache
from semble.types import ContentType


def main() -> None:
    """Index the tree as it is now, and say how many chunks there are."""
    tree, model = sys.argv[1], sys.argv[2]
    index = SembleIndex.from_path(
        tree, content=(ContentType.CODE, ContentType.DOCS, ContentType.CONFIG), model_path=model
    )
    save_index_to_cache(index, tree)
    print(index.stats.total_chunks)


if __name__ == "__main__":
    main()
