"""What the kernel has reported of a tree until this moment, asked without waiting and without a thread: inotify.

A watcher (`events.py`) hears of a save some 150 ms later, because watchfiles collects what belongs together. That is
too late for a search that must not miss what was saved just before it. The kernel has the event in its queue when the
system call that writes returns, so reading the queue says for certain whether anything happened.
"""

import os
import sys
from typing import Final

from pgdex.indexer.sources import GIT_DIRECTORY, decides_about_others
from pgdex.jobs.watching.git_marks import checked_out, git_marks

MOST_PATHS = 1_000
"""More reported paths than this are looked at by a walk of everything, as in `pending.py`."""
IS_SUPPORTED = sys.platform == "linux"

# The kernel's numbers (inotify(7)), which inotify_simple has in an enumeration that is slow to combine.
_MODIFY, _ATTRIB = 0x2, 0x4
_MOVED_FROM, _MOVED_TO, _CREATE, _DELETE = 0x40, 0x80, 0x100, 0x200
_DELETE_SELF, _MOVE_SELF = 0x400, 0x800
_UNMOUNT, _OVERFLOW, _IGNORED, _IS_FOLDER = 0x2000, 0x4000, 0x8000, 0x40000000
_ONLY_FOLDERS, _NO_LINKS, _ADD = 0x1000000, 0x2000000, 0x20000000
_IN_A_FOLDER: Final = _MODIFY | _ATTRIB | _MOVED_FROM | _MOVED_TO | _CREATE | _DELETE
_OF_A_TREE: Final = _IN_A_FOLDER | _DELETE_SELF | _MOVE_SELF | _ONLY_FOLDERS | _NO_LINKS
_OF_GIT: Final = _MODIFY | _MOVED_FROM | _MOVED_TO | _CREATE | _DELETE | _ONLY_FOLDERS | _ADD


class ReportsRefused(Exception):
    """The kernel does not report the changes of this tree; the message says why."""


class Reports:
    """The changes of one tree, from the moment at which each folder of it is first watched. Not for several threads at
    once, and for the process that made it. Paths are bytes below the root; b"" is the root itself.
    """

    def __init__(self, root: bytes) -> None:
        """`root` is a real path. Raises ReportsRefused."""
        from inotify_simple import INotify

        self._root = root
        self._marks = git_marks(root)
        self._folders: dict[int, bytes] = {}
        self._watches: dict[bytes, int] = {}
        self._of_git: dict[int, bytes] = {}
        self._refusal: OSError | None = None
        try:
            self._kernel: INotify = INotify(nonblocking=True)
        except OSError as error:  # fs.inotify.max_user_instances
            raise ReportsRefused(str(error)) from error
        for folder in self._marks.folders:
            if (watch := self._watch_of(folder, _OF_GIT)) is not None:
                self._of_git[watch] = folder
        self._tracked = checked_out(root).paths

    def close(self) -> None:
        """Stop watching."""
        self._kernel.close()

    def watch(self, folder: bytes) -> None:
        """Report what happens in a folder from now on; before it is listed, so that nothing falls in between."""
        if folder in self._watches:
            return
        watch = self._watch_of(os.path.join(self._root, folder) if folder else self._root, _OF_A_TREE)
        if watch is None:
            return
        before = self._folders.get(watch)
        if before is not None:  # the folder was renamed, and what is reported of that has not been read yet
            del self._watches[before]
        self._folders[watch] = folder
        self._watches[folder] = watch

    def require_all(self) -> None:
        """Raise ReportsRefused where a folder could not be watched."""
        if self._refusal is not None:
            raise ReportsRefused(str(self._refusal)) from self._refusal

    def taken(self) -> frozenset[str] | None:
        """The paths at which something happened since the last time; a folder stands for all that is in it. None: more
        than can be named happened."""
        paths = set()
        is_all = is_checkout = False
        for event in self._kernel.read(timeout=0):
            name = os.fsencode(event.name)
            mark = self._mark(event.wd, name)
            is_checkout = is_checkout or mark in self._marks.checkout
            # One of git's folders that came or went has other files now, whatever is told of each.
            if event.mask & (_OVERFLOW | _UNMOUNT) or mark in self._marks.rules or mark in self._marks.folders:
                is_all = True
            elif (folder := self._folders.get(event.wd)) is not None:
                path = self._told(event.wd, event.mask, folder, name)
                is_all = is_all or path == b""
                paths.add(path)
        if is_checkout:  # what git tracks counts, whatever a rule says
            before, self._tracked = self._tracked, checked_out(self._root).paths
            paths |= set(before) ^ set(self._tracked)
        return None if is_all or len(paths) > MOST_PATHS else frozenset(map(os.fsdecode, paths))

    def _watch_of(self, location: bytes, mask: int) -> int | None:
        try:
            watch: int = self._kernel.add_watch(location, mask)
        except (FileNotFoundError, NotADirectoryError, PermissionError):
            return None  # it is gone, or nobody can list it: the folder above reports when that changes
        except OSError as error:  # fs.inotify.max_user_watches, or memory
            self._refusal = error
            return None
        return watch

    def _mark(self, watch: int, name: bytes) -> bytes | None:
        """What an event in one of git's folders, or in one above the root, is about; None for one elsewhere."""
        folder = self._of_git.get(watch)
        return None if folder is None else os.path.join(folder, name) if name else folder

    def _told(self, watch: int, mask: int, folder: bytes, name: bytes) -> bytes:
        """The path that an event in a folder is about; the root's for all."""
        if mask & _IGNORED:  # the watch is gone, with the folder
            del self._folders[watch]
            self._watches.pop(folder, None)
            return folder
        path = folder + b"/" + name if folder and name else folder or name
        if mask & _IS_FOLDER and mask & (_MOVED_FROM | _DELETE):
            self._forget(path)
        return b"" if path == GIT_DIRECTORY or decides_about_others(path) else path

    def _forget(self, gone: bytes) -> None:
        """Watch a folder no more, nor what is in it: it may be somewhere else by now."""
        below = gone + b"/"
        for folder in [one for one in self._watches if one == gone or one.startswith(below)]:
            watch = self._watches.pop(folder)
            self._folders.pop(watch, None)
            try:
                self._kernel.rm_watch(watch)
            except OSError:
                continue  # the kernel has dropped it with the folder
