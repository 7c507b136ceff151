"""Folders that nobody means as a repository, though an agent may ask for them: `/`, a home folder, `/usr`.

Indexing one would read everything that people have there, keep a machine busy for hours, and make private files
searchable.
`enqueue_job` refuses the well-known names too, for those who call it in SQL; here is what only this machine knows.
"""

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from pgdex.jobs.errors import TooBroad

# What lies below them may be a repository, save for ALWAYS_SYSTEM.
SYSTEM_FOLDERS: Final = frozenset(
    f"/{name}"
    for name in (
        *("bin", "boot", "etc", "lib", "lib32", "lib64", "libx32", "lost+found", "sbin", "usr", "var"),
        *("usr/bin", "usr/include", "usr/lib", "usr/lib32", "usr/lib64", "usr/libexec", "usr/local", "usr/sbin"),
        *("usr/share", "usr/local/bin", "usr/local/lib", "usr/local/share", "var/cache", "var/lib", "var/log"),
        *("var/spool", "var/tmp", "snap", "nix", "nix/store", "gnu", "gnu/store"),
        *("Applications", "Library", "Network", "System", "cores", "private", "private/etc", "private/var"),
    )
)
ALWAYS_SYSTEM: Final = ("/dev", "/proc", "/run", "/sys")
# Where people keep many projects, or mount one: a repository among them is meant.
SHARED_FOLDERS: Final = frozenset(
    f"/{name}" for name in ("home", "media", "mnt", "opt", "srv", "tmp", "export", "Users", "Volumes", "private/tmp")
)
FIRST_USER: Final = 500 if os.uname().sysname == "Darwin" else 1000
NOBODY: Final = 65_534


def is_named(root: Path, allowed_roots: Sequence[Path]) -> bool:
    """Whether `root` (as resolve_root gives it) is one of PGDEX_ALLOWED_ROOTS itself: whoever set that means it."""
    return any(root == allowed.resolve() for allowed in allowed_roots)


def require_narrow(root: Path, *, home: Path) -> None:
    """Raise TooBroad for a folder (as resolve_root gives it) that nobody means as a repository.

    That is the top of a disk, a folder of the system, anyone's home, a folder around homes, and one that holds
    `home`, where pgdex keeps its own data.
    """
    what = _system_folder(root) or _folder_of_homes(root)
    if what is None and home.resolve().is_relative_to(root):
        what = f"the folder in which pgdex keeps its own data ({home})"
    if what is not None:
        raise TooBroad(
            f"{root} is {what}, and indexing it would make everything below it searchable. Name the folder of a "
            "project instead"
        )


def _system_folder(root: Path) -> str | None:
    if root.parent == root or _is_one_of(root, ("/",)):
        return "the top of a disk"
    if _is_one_of(root, SYSTEM_FOLDERS) or any(root.is_relative_to(folder) for folder in ALWAYS_SYSTEM):
        return "a folder of the operating system"
    if _is_one_of(root, SHARED_FOLDERS) and not (root / ".git").exists():
        return "a folder that many people and programs share"
    return None


def _is_one_of(root: Path, folders: Iterable[str]) -> bool:
    """Whether the folder is one of those, also under another name: letters' case on a Mac, a bind mount."""
    for folder in folders:
        with suppress(OSError):
            if os.path.samefile(root, folder) and not Path(folder).is_symlink():
                return True
    return False


def _folder_of_homes(root: Path) -> str | None:
    homes = {*_homes_of_users(), Path("/root"), Path("/var/root")}
    own = os.environ.get("HOME")
    if root in homes or (own and root == _resolved(own)):
        return "a home folder"
    return "a folder around home folders" if any(home.is_relative_to(root) for home in homes) else None


def _homes_of_users() -> Iterator[Path]:
    """The homes of the people who may log in to this machine; those of services are none."""
    import pwd  # no Windows has it

    homes = [user.pw_dir for user in pwd.getpwall() if user.pw_uid == 0 or FIRST_USER <= user.pw_uid < NOBODY]
    with suppress(KeyError):  # a container that was given a number without a name
        homes.append(pwd.getpwuid(os.getuid()).pw_dir)
    for home in dict.fromkeys(homes):
        folder = _resolved(home)
        if folder is not None and folder.parent != folder and folder.is_dir():
            yield folder


def _resolved(folder: str) -> Path | None:
    try:
        return Path(folder).resolve() if folder.startswith("/") else None
    except (OSError, RuntimeError):
        return None
