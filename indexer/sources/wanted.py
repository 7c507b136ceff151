"""Which part of a tree is walked, where not all of it is wanted."""

import os
from collections.abc import Collection
from dataclasses import dataclass
from typing import Self


@dataclass(frozen=True, slots=True)
class Wanted:
    """Files and folders that are wanted, folders with all that is in them; `on_the_way` has the folders above too."""

    paths: frozenset[bytes]
    on_the_way: frozenset[bytes]

    @classmethod
    def of(cls, paths: Collection[str]) -> Self:
        """Of paths below the root, without a slash at the end."""
        wanted = frozenset(map(os.fsencode, paths))
        return cls(wanted, wanted | {folder for path in wanted for folder in _folders_above(path)})

    def within(self, folder: bytes) -> frozenset[bytes] | None:
        """The paths that are looked at in a folder (the root is empty), among others elsewhere; None for all of it."""
        if folder in self.paths or any(above in self.paths for above in _folders_above(folder)):
            return None
        return self.on_the_way


def _folders_above(path: bytes) -> list[bytes]:
    found = []
    while b"/" in path:
        path = path.rpartition(b"/")[0]
        found.append(path)
    return found
