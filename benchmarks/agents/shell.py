"""A shell tool of four commands that only read, and only inside one repository.

No shell runs: a command line is split into words as a POSIX shell does, and the program gets the words that passed the
checks. What only a shell could do (pipes, redirections, substitutions, wildcards) is refused with a message.
"""

import getopt
import re
import shlex
import shutil
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import anyio
from anyio.abc import ByteReceiveStream

OUTPUT_BYTES: Final = 30_000  # as much as coding agents let a command print
SECONDS: Final = 30
LINE_CHARACTERS: Final = 4_000
COMMANDS: Final = "grep [options] PATTERN [PATH…] | sed -n 'M,Np' FILE… | ls [options] [PATH…] | cat [-n] FILE…"
_GREP_LONG: Final = (
    *("include=", "exclude=", "exclude-dir=", "regexp=", "max-count=", "context=", "after-context=", "before-context="),
    *("ignore-case", "line-number", "recursive", "files-with-matches", "count", "word-regexp", "fixed-strings"),
    *("extended-regexp", "perl-regexp", "only-matching", "invert-match", "no-messages"),
)
_VALUED: Final = frozenset(
    ["-e", "-A", "-B", "-C", "-m", *(f"--{name[:-1]}" for name in _GREP_LONG if name.endswith("="))]
)
_RANGE: Final = re.compile(r"\s*(\d{1,9}|\$)(,\+?\d{1,9}|,\$)?\s*p\s*")
_UNQUOTED: Final = frozenset(";&|<>()$`{}~\n")
_WILDCARDS: Final = frozenset("*?[")


class NotAllowed(ValueError):
    """A command line that this tool does not run; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Output:
    """What a command printed, and whether it failed."""

    text: str
    failed: bool


def words_of(line: str) -> list[str]:
    """The words of a command line. Raises NotAllowed for anything that only a shell could do."""
    if len(line) > LINE_CHARACTERS:
        raise NotAllowed(f"the command line is longer than {LINE_CHARACTERS:,} characters")
    if any("\ud800" <= char <= "\udfff" for char in line):
        raise NotAllowed("the command line is no valid Unicode")
    quote = ""
    word = ""
    skip = False
    for place, char in enumerate(line):
        if "\0" <= char < " " and char not in "\t\n":
            raise NotAllowed(f"the command line has a control character at {place}")
        if skip:
            skip = False
        elif char == "\\" and quote != "'":
            skip = True
        elif quote:
            if char == quote:
                quote = ""
            elif quote == '"' and (char == "`" or re.match(r"\$[\w({]", line[place:])):
                raise NotAllowed("nothing is substituted here: put the pattern into single quotes")
        elif char in "'\"":
            quote = char
        elif char in _UNQUOTED:
            raise NotAllowed(f"{char!r} outside of quotes: one plain command at a time, no pipes or redirections")
        elif char in _WILDCARDS and not word.startswith("--"):
            raise NotAllowed(f"{char!r} outside of quotes: wildcards are not expanded; quote a pattern, or use grep -r")
        word = "" if char.isspace() and not quote else word + char
    try:
        return shlex.split(line)
    except ValueError as error:
        raise NotAllowed(f"the command line can't be split into words: {error}") from None


def checked(line: str, *, root: Path) -> list[str]:
    """The program and its arguments. Raises NotAllowed for another command, option or place."""
    words = words_of(line)
    if not words:
        raise NotAllowed(f"an empty command; use {COMMANDS}")
    check = _CHECKS.get(words[0])
    if check is None:
        raise NotAllowed(f"{words[0]!r} is not one of the commands here; use {COMMANDS}")
    return [words[0], *check(words[1:], root)]


def _grep(arguments: Sequence[str], root: Path) -> list[str]:
    # Without -R, which follows links out of the repository, and -f, which reads a file of patterns.
    options, rest = _options("grep", arguments, "EFGPivwxclLnHhorsIaqe:A:B:C:m:", _GREP_LONG)
    if not any(name in ("-e", "--regexp") for name, _ in options):
        if not rest:
            raise NotAllowed("grep needs a pattern")
        options, rest = [*options, ("-e", rest[0])], rest[1:]
    recursive = any(name in ("-r", "--recursive") for name, _ in options)
    if not rest and not recursive:
        raise NotAllowed("grep without -r needs a file")
    return [*_joined(options), "--", *_inside(rest or ["."], root)]


def _sed(arguments: Sequence[str], root: Path) -> list[str]:
    options, rest = _options("sed", arguments, "nE", ["quiet", "silent"])
    if not any(name in ("-n", "--quiet", "--silent") for name, _ in options):
        raise NotAllowed("only sed -n is allowed, as in: sed -n '10,40p' FILE")
    if len(rest) < 2:
        raise NotAllowed("sed needs a script and a file, as in: sed -n '10,40p' FILE")
    if not all(_RANGE.fullmatch(part) for part in rest[0].split(";")):
        raise NotAllowed(f"the script {rest[0]!r} is not of the form 'M,Np': only lines can be printed")
    return ["-n", "-e", rest[0], "--", *_inside(rest[1:], root)]


def _ls(arguments: Sequence[str], root: Path) -> list[str]:
    options, rest = _options("ls", arguments, "1aAlhRtSrFpd", ["all", "recursive"])
    return [*_joined(options), "--", *_inside(rest or ["."], root)]


def _cat(arguments: Sequence[str], root: Path) -> list[str]:
    options, rest = _options("cat", arguments, "nbs", ["number"])
    if not rest:
        raise NotAllowed("cat needs a file")
    return [*_joined(options), "--", *_inside(rest, root)]


_CHECKS: Final[Mapping[str, Callable[[Sequence[str], Path], list[str]]]] = {
    "grep": _grep,
    "sed": _sed,
    "ls": _ls,
    "cat": _cat,
}


def _options(
    program: str, arguments: Sequence[str], short: str, long: Sequence[str]
) -> tuple[list[tuple[str, str]], list[str]]:
    try:
        return getopt.gnu_getopt(list(arguments), short, list(long))
    except getopt.GetoptError as error:
        raise NotAllowed(f"{program}: {error.msg}, or not allowed here") from None


def _joined(options: Sequence[tuple[str, str]]) -> list[str]:
    joined = []
    for name, value in options:
        if name.startswith("--"):
            # An empty value keeps its "=": without it the program would take the next word for the value.
            joined.append(f"{name}={value}" if name in _VALUED else name)
        else:
            joined += [name, value] if name in _VALUED else [name]
    return joined


def _inside(paths: Sequence[str], root: Path) -> list[str]:
    """The paths, relative to the repository. Raises NotAllowed for one that leads out of it, through a link too."""
    home = root.resolve()
    inside = []
    for path in paths:
        try:
            whole = (home / path).resolve()
        except (OSError, RuntimeError) as error:
            raise NotAllowed(f"the path {path!r} can't be read: {error}") from None
        if not whole.is_relative_to(home):
            raise NotAllowed(f"the path {path!r} is outside of the repository")
        relative = str(whole.relative_to(home))
        inside.append("./-" if relative == "-" else relative)  # "-" alone is the standard input
    return inside


async def run(line: str, *, root: Path, seconds: float = SECONDS) -> Output:
    """Run a command line in the repository; what is not allowed comes back as a failure that says why."""
    try:
        command = checked(line, root=root)
    except NotAllowed as error:
        return Output(f"not allowed: {error}", failed=True)
    program = shutil.which(command[0])
    if program is None:
        raise RuntimeError(f"{command[0]} is not on the PATH: install it to run this benchmark")
    environment = {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"}
    process = await anyio.open_process(
        [program, *command[1:]],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        cwd=root,
        env=environment,
    )
    async with process:
        assert process.stdout is not None
        with anyio.move_on_after(seconds) as time:
            output, all_of_it = await _read(process.stdout)
            if all_of_it:
                await process.wait()
        if time.cancelled_caught:
            process.kill()
            return Output(f"stopped after {seconds:g} s", failed=True)
        if not all_of_it:
            process.kill()
    text = output.decode(errors="replace")
    if not all_of_it:
        return Output(f"{text}\n… cut after {OUTPUT_BYTES:,} bytes: ask for less", failed=False)
    # grep says with 1 that nothing matches.
    failed = process.returncode != 0 and not (command[0] == "grep" and process.returncode == 1)
    return Output(text or f"(no output, exit status {process.returncode})", failed=failed)


async def _read(stream: ByteReceiveStream) -> tuple[bytes, bool]:
    """At most OUTPUT_BYTES of the stream, and whether that was all."""
    output = b""
    try:
        while len(output) <= OUTPUT_BYTES:
            output += await stream.receive()
    except anyio.EndOfStream:
        return output, True
    return output[:OUTPUT_BYTES], False
