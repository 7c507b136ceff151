"""Search hits: where, what, and the lines that show it."""

import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pgdex.jobs.cli.render.snippets import LONGEST_LINE, SNIPPET_LINES, best_snippet, marks
from pgdex.jobs.cli.render.text import printable

if TYPE_CHECKING:
    from rich.text import Text

    from pgdex.indexer.search import Place, SearchHit

MARK = "bold black on yellow"
THEME = "ansi_dark"
FULL_HITS = 3
BRIEF_LINES = 2
# Names that pygments has for our languages where they differ.
LEXERS = {
    "commonlisp": "common-lisp",
    "elisp": "emacs-lisp",
    "hcl": "terraform",
    "cuda": "cuda",
    "latex": "tex",
    "docx": "markdown",
    "pdf": "text",
}


def answer(
    hits: "Sequence[SearchHit]",
    terms: frozenset[str],
    *,
    folder: Path,
    colour: bool,
    explains: bool,
    warning: str | None,
    mark_of: "Callable[[SearchHit], str | None]" = lambda _: None,
) -> "Iterator[Text]":
    """The hits, best first: the first ones in full, of each further one three lines, because people read the first and
    skim the rest. Under a `warning` that nothing fits well, all of them in three lines."""
    from rich.text import Text

    if warning is not None:
        yield Text(printable(warning), "bold yellow")
        yield Text()
    for number, hit in enumerate(hits):
        if number:
            yield Text()
        brief = warning is not None or number >= FULL_HITS
        yield from hit_lines(hit, terms, folder=folder, colour=colour, brief=brief, mark=mark_of(hit))
        if explains:
            yield reason_line(hit)


def hit_lines(
    hit: "SearchHit",
    terms: frozenset[str],
    *,
    folder: Path,
    colour: bool,
    brief: bool = False,
    mark: str | None = None,
) -> "Iterator[Text]":
    """The lines of one hit; where it is to be `brief`, its place and two lines of code. `folder` is where the user
    stands: what lies below it is shown relative to it. `mark` is what a reader must know before they trust it: the file
    is "outdated", or its whole folder "gone"."""
    from rich.text import Text

    head = Text(overflow="fold")
    head.append(f"{shown_path(hit, folder)}:{hit.start_line}-{hit.end_line}", "bold cyan")
    if hit.symbol:
        head.append(f"  {printable(hit.symbol)}", "bold")
    head.append(f"  {hit.kind}  {hit.score:.3f}", "dim")
    if mark is not None:
        head.append(f"  [{mark}]", "yellow")
    yield head

    size = BRIEF_LINES if brief else SNIPPET_LINES
    yield from _snippet(hit.content, hit, terms, language=hit.language, colour=colour, size=size)
    if brief:
        return
    for piece in hit.more:
        if piece.content:
            yield from _piece_lines(piece, terms, language=hit.language, colour=colour)
    others = [
        f"{place.start_line}-{place.end_line} {printable(place.symbol or '')}".rstrip()
        for place in hit.more
        if not place.content
    ]
    if others:
        yield Text(f"{'':>6} also {' · '.join(others)}", "dim", overflow="ellipsis", no_wrap=True)
    if hit.also_in:
        names = ", ".join(printable(path) for path in hit.also_in[:3])
        more = f" and {len(hit.also_in) - 3:,} more" if len(hit.also_in) > 3 else ""
        yield Text(f"{'':>6} nearly the same in {names}{more}", "dim", overflow="ellipsis", no_wrap=True)


def _piece_lines(piece: "Place", terms: frozenset[str], *, language: str, colour: bool) -> "Iterator[Text]":
    """A further piece of a hit's file that comes with its text."""
    from rich.text import Text

    yield Text(f"{'':>6} also {piece.start_line}-{piece.end_line} {printable(piece.symbol or '')}".rstrip(), "dim")
    yield from _snippet(piece.content or "", piece, terms, language=language, colour=colour)


def _snippet(
    code: str,
    lines_of: "SearchHit | Place",
    terms: frozenset[str],
    *,
    language: str,
    colour: bool,
    size: int = SNIPPET_LINES,
) -> "Iterator[Text]":
    """The `size` lines of the code that show best why it was found, with their numbers."""
    from rich.text import Text

    content = printable(code.expandtabs(4).rstrip("\n"), lines=True)
    lines = content.split("\n")
    snippet = best_snippet(lines, terms, size=size)
    shown = _coloured(content, language) if colour else [Text(line) for line in lines]
    for number in range(snippet.first, snippet.first + len(snippet.lines)):
        line = shown[number]
        if len(line) > LONGEST_LINE:
            line = line[:LONGEST_LINE]
            line.append("…")
        if colour:
            for start, end in marks(line.plain, terms):
                line.stylize(MARK, start, end)
        place = min(
            lines_of.start_line + number, lines_of.end_line
        )  # JSON may have a notebook's source on one line of its own
        yield Text.assemble((f"{place:>6} ", "dim"), line, overflow="ellipsis", no_wrap=True)


def reason_line(hit: "SearchHit") -> "Text":
    """What the score is made of."""
    from rich.text import Text

    parts = [f"{name} {value:+.2f}" for name, value in hit.reasons.items() if round(value, 2)]
    return Text(f"{'':>6} score {hit.score:.2f} = {'  '.join(parts)}", "dim")


def shown_path(hit: "SearchHit", folder: Path) -> str:
    """The file's path from where the user stands, or from the root."""
    path = os.path.join(hit.repo_path, hit.path)
    if folder != Path("/") and path.startswith(f"{folder}{os.sep}"):
        path = os.path.relpath(path, folder)
    return printable(path)


def _coloured(content: str, language: str) -> "list[Text]":
    from rich.syntax import Syntax  # with pygments, 0.1 s; only a terminal pays for it

    text = Syntax("", LEXERS.get(language, language), theme=THEME).highlight(content)
    lines = list(text.split("\n", allow_blank=True))
    missing = content.count("\n") + 1 - len(lines)
    return lines + [text.blank_copy() for _ in range(missing)]
