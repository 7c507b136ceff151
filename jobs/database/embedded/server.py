"""Using the embedded server: joining its users, starting it where it does not run, waiting while it recovers."""

import importlib.util
import os
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

from pgdex.jobs.database.embedded.accounts import INHERITED, require_own_data
from pgdex.jobs.database.embedded.answers import Answer, State, ask
from pgdex.jobs.database.embedded.failures import DoesNotStart, explained
from pgdex.jobs.database.embedded.launch import cause, launch
from pgdex.jobs.database.embedded.locks import is_in_place, open_lock, take_lock, try_lock
from pgdex.jobs.database.embedded.paths import HomePaths
from pgdex.jobs.database.embedded.postmaster import end, postmaster, read_pid_file, serves
from pgdex.jobs.database.embedded.server_log import recovery_step
from pgdex.jobs.database.embedded.sockets import is_ours, url, usual_folder
from pgdex.jobs.database.embedded.telling import Teller
from pgdex.jobs.database.home import make_home
from pgdex.jobs.errors import DatabaseUnavailable

LINGER_SECONDS = 300.0
PATIENCE_SECONDS = 300.0
"""What a recovery, or another process that starts or stops the server, may take."""
MOST_LAUNCHES = 3
LONGEST_PAUSE_SECONDS = 2.0
STOP_SECONDS = 60.0
# Without site-packages, whose start-up files take longer than all that it does: 13 MB and 20 ms of a processor.
KEEPER = (
    "import sys; sys.path[:0] = sys.argv[2:]; from pgdex.jobs.database.embedded.keeper import main; main(sys.argv[1])"
)

_joined: dict[Path, int] = {}  # the lock `users` of the homes that this process uses
_one_thread = threading.Lock()


def start_server(
    home: Path, *, linger_seconds: float = LINGER_SECONDS, patience_seconds: float = PATIENCE_SECONDS
) -> str:
    """Count this process as a user of the server under `home`, see to it that it serves, and return its URL.

    The server stops when it had no user for `linger_seconds`, as the last one said. While it recovers from a crash this
    waits, and says so. Raises DatabaseUnavailable where the folder can't be used, the server does not start, or was not
    there after `patience_seconds`.
    """
    paths = HomePaths(home)
    with _one_thread:
        try:
            _require_not_removed(paths)
            make_home(home)
            require_own_data(paths)
            _join(paths, linger_seconds, patience_seconds)
            _start_keeper(paths)  # first: this process may be killed while it waits
            folder = _reach(paths, patience_seconds)
        except DoesNotStart as error:
            raise DatabaseUnavailable(explained(paths, str(error))) from error
        except OSError as error:
            reason = f"{error.strerror or error}{f' ({error.filename})' if error.filename else ''}"
            raise DatabaseUnavailable(explained(paths, reason)) from error
    return url(folder)


def is_running(home: Path) -> bool:
    """Whether the server of `home` serves. Takes 3 ms where it does."""
    return _look(HomePaths(home))[1].state is State.READY


def stop_server(home: Path, *, mode: str = "fast", seconds: float = STOP_SECONDS) -> None:
    """Stop the server of `home`, whoever uses it: "fast", or "immediate" as a crash does. Nothing where none runs.

    Raises DatabaseUnavailable where it does not end.
    """
    process = postmaster(HomePaths(home).data)
    if process is not None and not end(process, mode=mode, seconds=seconds):
        raise DatabaseUnavailable(f"the embedded PostgreSQL of {home} does not stop")


def _require_not_removed(paths: HomePaths) -> None:
    """A process that has used the home does not bring it back to life: whoever removes it would find it again, with a
    new database that a worker has made."""
    if paths.home in _joined and not paths.users.exists():
        raise DatabaseUnavailable(
            f"{paths.home} was removed while this process used it: start it again, and a new database is created there"
        )


def _join(paths: HomePaths, linger_seconds: float, patience_seconds: float) -> None:
    """Hold the lock `users` until this process ends. Whoever stops the server holds it alone, and is waited for."""
    lock = _joined.get(paths.home)
    if lock is not None and not is_in_place(lock, paths.users):  # the home was removed
        os.close(_joined.pop(paths.home))
        lock = None
    if lock is None:
        tell = Teller(paths)
        lock = take_lock(
            paths.users,
            shared=True,
            seconds=patience_seconds,
            waiting=lambda seconds: tell.after(seconds, "is stopping; pgdex waits, and starts it again"),
        )
        if lock is None:
            raise DatabaseUnavailable(
                f"another process has been stopping the embedded PostgreSQL of {paths.home} for "
                f"{patience_seconds:.0f} s: stop it (it holds {paths.users}), and try again"
            )
        _joined[paths.home] = lock
    with suppress(OSError):  # a full disk: the server may run all the same
        text = f"{linger_seconds:g} {time.monotonic_ns()}\n".encode()
        os.pwrite(lock, text, 0)
        os.ftruncate(lock, len(text))


def _start_keeper(paths: HomePaths) -> None:
    """Start a keeper where none holds its lock: the small process that stops the server some time after its last user.

    Call it as a user: a keeper ends only while there are none, so one that
    holds its lock now stays. Of two that are started at once, one ends at once."""
    lock = open_lock(paths.keeper)
    try:
        if not try_lock(lock):
            return
    finally:
        os.close(lock)
    psutil = importlib.util.find_spec("psutil")
    libraries = [str(Path(psutil.origin).parents[1])] if psutil is not None and psutil.origin else []
    keeper = subprocess.Popen(
        [sys.executable, "-I", "-S", "-c", KEEPER, str(paths.home), str(Path(__file__).parents[4]), *libraries],
        env={name: value for name, value in os.environ.items() if name in INHERITED},
        cwd="/",
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    threading.Thread(target=keeper.wait, name="pgdex-keeper-end", daemon=True).start()


def _reach(paths: HomePaths, patience_seconds: float) -> Path:
    """The socket's folder of the server, when it serves."""
    began, tell, launches, pause = time.monotonic(), Teller(paths), 0, 0.1
    log_began = _size(paths.log)
    while True:
        folder, answer = _look(paths)
        waited = time.monotonic() - began
        if answer.state is State.READY:
            if not _programs_are_gone(paths):
                return folder
            stop_server(paths.home)
            continue
        if answer.state is State.ABSENT:
            if launches == MOST_LAUNCHES:
                raise DoesNotStart(cause(paths.log, log_began) or "it keeps exiting without saying why")
            launches += _launch_if_absent(paths, patience_seconds)
            began, tell = time.monotonic(), Teller(paths)
            continue
        if waited > patience_seconds:
            raise DatabaseUnavailable(_still_busy(paths, answer, waited))
        tell.after(waited, _doing(paths, answer))
        _pause_until_ready(paths, pause)
        pause = min(LONGEST_PAUSE_SECONDS, pause * 1.5)


def _pause_until_ready(paths: HomePaths, seconds: float) -> None:
    """Wait for so long, or until its file changes to ready: a question that comes too early is a line in its log."""
    end_at = time.monotonic() + seconds
    was_ready = _says_ready(paths)
    while time.monotonic() < end_at and (was_ready or not _says_ready(paths)):
        time.sleep(0.02)


def _says_ready(paths: HomePaths) -> bool:
    noted = read_pid_file(paths.data)
    return noted is not None and noted.says_ready


def _look(paths: HomePaths) -> tuple[Path, Answer]:
    """Who answers for this data folder: where its `postmaster.pid` says, or where a server of ours would listen."""
    noted = read_pid_file(paths.data)
    usual = usual_folder(paths)
    for folder in dict.fromkeys([noted.socket_folder if noted and noted.socket_folder else usual, usual]):
        if is_ours(folder, paths):  # in a folder of someone else anyone may answer
            answer = ask(folder)
            if answer.state is not State.ABSENT and serves(folder, paths.data):
                return folder, answer
    return usual, Answer(State.ABSENT)


def _launch_if_absent(paths: HomePaths, patience_seconds: float) -> bool:
    """Start the server, unless another process has done it meanwhile."""
    tell = Teller(paths)
    lock = take_lock(
        paths.start,
        seconds=patience_seconds,
        waiting=lambda seconds: tell.after(seconds, "is being started by another process; pgdex waits for it"),
    )
    if lock is None:
        raise DatabaseUnavailable(
            f"another process has been starting the embedded PostgreSQL of {paths.home} for {patience_seconds:.0f} s: "
            f"stop it (it holds {paths.start}), and try again"
        )
    try:
        if _look(paths)[1].state is not State.ABSENT:
            return False
        launch(paths)
        return True
    finally:
        os.close(lock)


def _programs_are_gone(paths: HomePaths) -> bool:
    """Whether the programs of the running server were removed, with their virtual environment say: it would fail as
    soon as it needs another file of theirs."""
    try:
        program = os.fsdecode((paths.data / "postmaster.opts").read_bytes()).partition(' "')[0].strip()
    except OSError:
        return False
    return program.startswith("/") and not os.path.lexists(program) and postmaster(paths.data) is not None


def _doing(paths: HomePaths, answer: Answer) -> str:
    if answer.state is State.SILENT:
        return "runs, but does not answer; pgdex waits for it"
    if "shutting down" in answer.message:
        return "is shutting down; pgdex starts it again when it has ended"
    step = recovery_step(paths.log)
    if step is None:
        return "is starting up"
    return f"is recovering after a crash or a power failure, and will be ready soon; nothing is lost. Now: {step}"


def _still_busy(paths: HomePaths, answer: Answer, waited: float) -> str:
    return (
        f"the embedded PostgreSQL of {paths.home} is not ready after {waited:.0f} s: it {_doing(paths, answer)}. "
        f"It continues without pgdex: try again in a few minutes. Its log is {paths.log}"
    )


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
