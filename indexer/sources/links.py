"""Where symbolic links of a tree lead, told without following them out of it."""

import stat

from pgdex.indexer.sources.paths import escaped, inside
from pgdex.indexer.sources.roots import LinkOnPath, OpenedRoot

# As many as Linux follows before it says that they lead in a circle.
_MOST_LINKS = 40


def link_detail(root: OpenedRoot, path: bytes) -> str:
    """Where a symbolic link leads, without following it."""
    try:
        target = root.read_link(path)
    except OSError:
        return "a link that could not be read"
    shown = f"a link to {escaped(target)}"
    for _ in range(_MOST_LINKS):
        place = inside(root.real_path, path, target)
        if place is None:
            return f"{shown}, outside the tree"
        try:
            if not stat.S_ISLNK(root.status(place).st_mode):
                return f"{shown}, inside the tree: what is there has its own path"
            path, target = place, root.read_link(place)
        except LinkOnPath:
            return f"{shown}, by way of another link"
        except OSError:
            break
    return f"{shown}, which leads nowhere"
