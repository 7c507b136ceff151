"""Whether the system reports changes in a folder: the kind of its file system, and how many folders may be watched."""

import os
from dataclasses import dataclass
from pathlib import Path

MOUNTS = Path("/proc/self/mountinfo")
LIMITS = Path("/proc/sys/fs/inotify")
# What others change there, the kernel of this machine does not hear of. FUSE too: most of it is sshfs, rclone, s3fs.
# fakeowner is how Docker Desktop shows folders of the host.
UNREPORTED = frozenset(
    {
        *(
            "nfs",
            "nfs4",
            "cifs",
            "smb3",
            "smbfs",
            "ncpfs",
            "afs",
            "coda",
            "9p",
            "virtiofs",
            "vboxsf",
            "vmhgfs",
            "prl_fs",
            "drvfs",
            "fakeowner",
        ),
        *("ceph", "lustre", "gpfs", "beegfs", "ocfs2", "gfs2", "orangefs", "pvfs2", "glusterfs", "acfs", "panfs"),
        *("wekafs", "fuse"),
    }
)


@dataclass(frozen=True, slots=True)
class Mount:
    """A mounted file system: where, of which kind, and which one, as its device and the folder of it that is shown."""

    point: str
    kind: str
    source: str = ""

    @property
    def is_reported(self) -> bool:
        """Whether the kernel reports every change in it."""
        return self.kind not in UNREPORTED and not self.kind.startswith("fuse.")


def mounts(text: str | None = None) -> list[Mount]:
    """What is mounted, in the order of mounting; nothing where the system does not tell. `text` as in mountinfo."""
    if text is None:
        try:
            text = MOUNTS.read_text(errors="surrogateescape")
        except OSError:
            return []
    found = []
    for line in text.splitlines():
        before, _, after = line.partition(" - ")
        fields, kind = before.split(" "), after.partition(" ")[0]
        if len(fields) > 4 and kind:
            found.append(Mount(_unescaped(fields[4]), kind, " ".join(fields[2:4])))
    return found


def mounts_of(root: str, known: list[Mount] | None = None) -> list[Mount]:
    """What `root` (a real path) lies in, and what is mounted below it."""
    known = mounts() if known is None else known
    around = [mount for mount in known if _is_at_or_below(root, mount.point)]
    # Of two with the same mount point the later one lies above the other.
    own = max(enumerate(around), key=lambda one: (len(one[1].point), one[0]), default=(0, None))[1]
    below = [mount for mount in known if mount.point != root and _is_at_or_below(mount.point, root)]
    return below if own is None else [own, *below]


def unreported_mount(root: str, known: list[Mount] | None = None) -> Mount | None:
    """The mount from which changes in `root` (a real path) may not be reported: the one around it, or one below."""
    return next((mount for mount in mounts_of(root, known) if not mount.is_reported), None)


def kind_of(root: str) -> str | None:
    """The kind of the file system that `root` lies in; None where the system does not tell."""
    around = [mount for mount in mounts() if _is_at_or_below(root, mount.point)]
    return max(enumerate(around), key=lambda one: (len(one[1].point), one[0]))[1].kind if around else None


def most_watches() -> int | None:
    """How many folders the processes of one user may watch with inotify; None where there is no such limit."""
    try:
        return int((LIMITS / "max_user_watches").read_text())
    except (OSError, ValueError):
        return None


def _is_at_or_below(path: str, folder: str) -> bool:
    return path == folder or path.startswith(os.path.join(folder, ""))


def _unescaped(text: str) -> str:
    for code, character in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        text = text.replace(code, character)
    return text
