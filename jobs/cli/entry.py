"""The way in and out of the command line: runs the command, and turns every error into a message and a code."""

import errno
import gc
import os
import sys
import traceback
from collections.abc import Sequence
from io import StringIO, TextIOWrapper
from typing import TYPE_CHECKING

import click

from pgdex.jobs.cli.exit_codes import BROKEN_PIPE, ExitCode
from pgdex.jobs.cli.interpreter import restart_if_needed
from pgdex.jobs.cli.lazy import ReaderHasLeft
from pgdex.jobs.cli.render.wrapping import width_of, wrapped
from pgdex.jobs.cli.root import Invocation, pgdex
from pgdex.jobs.cli.session import present_folder
from pgdex.jobs.client.printable import printable
from pgdex.jobs.errors import PgdexError

if TYPE_CHECKING:
    import psycopg

GARBAGE_THRESHOLDS = (100_000, 20, 50)  # Python's own: 700, 10, 10
COMPLETION_VARIABLE = "_PGDEX_COMPLETE"
DISK_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)
LONGEST_MESSAGE = 400  # characters of an error that nobody wrote for users; --debug shows the rest


def main(arguments: Sequence[str] | None = None) -> int:
    """Run `pgdex` with the process's arguments, or the given ones; returns the exit code."""
    if arguments is None:
        restart_if_needed()
    # Importing and answering makes objects that stay: looking through them for cycles took 50 of 450 ms of a search.
    gc.set_threshold(*GARBAGE_THRESHOLDS)
    _open_closed_streams()
    given = None if arguments is None else list(arguments)
    invocation = Invocation()
    if COMPLETION_VARIABLE in os.environ:  # a shell asks what may come next
        from pgdex.jobs.cli.completing.shells import register

        register()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a locale without Unicode: rather \u65e5 than no answer
    try:
        code = pgdex.main(given, prog_name="pgdex", standalone_mode=False, obj=invocation)
        sys.stdout.flush()
    except (ReaderHasLeft, BrokenPipeError):
        return _reader_has_left()
    except click.ClickException as error:
        shown = StringIO()
        error.show(file=shown)
        _complain(shown.getvalue().rstrip("\n"))
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        click.echo("Stopped.", err=True)
        return ExitCode.INTERRUPTED
    except Exception as error:
        if invocation.debug:
            traceback.print_exc()
        message, exit_code = explained(error)
        _complain(f"Error: {message}")
        return exit_code
    return code if isinstance(code, int) else ExitCode.DONE


def explained(error: Exception) -> tuple[str, int]:
    """The message for an error in one or two lines, and the exit code."""
    if isinstance(error, PgdexError):
        return str(error).strip(), error.exit_code
    from pgdex.indexer.embedding import EmbedderError

    if isinstance(error, EmbedderError):
        return str(error).strip(), ExitCode.EMBEDDER
    if isinstance(error, UnicodeEncodeError) and error.reason == "surrogates not allowed":
        return f"not valid UTF-8, which the database requires: {error.object!a}", ExitCode.USAGE
    return _unforeseen(error)


def _unforeseen(error: Exception) -> tuple[str, int]:
    """As `explained`, for what no part of pgdex has put into words."""
    import psycopg

    if isinstance(error, psycopg.Error):
        return _of_database(error), ExitCode.DATABASE
    if isinstance(error, OSError) and error.filename is None:
        if present_folder() is None:
            return "the folder that you are in was removed. Go to one that exists, and try again", ExitCode.USAGE
        if error.errno in DISK_ERRORS:  # errors of the database and of files are put into words where they come from
            _print_no_more()
            return f"the output can't be written: {error.strerror}", ExitCode.FAILED
    return (
        f"unexpected {type(error).__name__}: {_one_line(error)}\nFor the traceback: pgdex --debug COMMAND …",
        ExitCode.FAILED,
    )


def _of_database(error: "psycopg.Error") -> str:
    from psycopg import OperationalError

    from pgdex.jobs.database.outages import refusal_message

    said = "lost the connection to the database" if isinstance(error, OperationalError) else "the database refused"
    return refusal_message(error) or f"{said}: {_one_line(error)}"


def _one_line(error: Exception) -> str:
    message = " ".join(str(error).split()) or "(no message)"
    return message if len(message) <= LONGEST_MESSAGE else f"{message[:LONGEST_MESSAGE]}…"


def _complain(message: str) -> None:
    click.echo(wrapped(printable(message, lines=True), width_of(sys.stderr)), err=True)


def _open_closed_streams() -> None:
    """Who starts pgdex may have closed some of its standard streams (`>&-`, a daemon). Python has None for these then,
    and the next file or connection that is opened would get the number, and what others print to it."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):  # in the order of their numbers
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115  # stays open


def _reader_has_left() -> int:
    """Nobody reads our output any more (`| head`)."""
    _print_no_more()
    os.dup2(sys.stdout.fileno(), sys.stderr.fileno())
    return BROKEN_PIPE


def _print_no_more() -> None:
    """What is still buffered must not complain at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
