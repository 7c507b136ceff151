"""What a search answers: the hits, as much of their code as was asked for and fits, and what was left out."""

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, Literal

from pydantic import Field

from pgdex.jobs.client.printable import printable
from pgdex.jobs.mcp.answers import Part, ProjectAnswer
from pgdex.jobs.mcp.tokens import estimated_tokens

if TYPE_CHECKING:
    from pgdex.indexer.search import SearchHit

Detail = Literal["outline", "code", "full"]
MOST_TOKENS: Final[dict[Detail, int]] = {"outline": 1_500, "code": 1_500, "full": 8_000}
"""What an answer may cost unless told otherwise: agents have room for some dozens of those."""
COPIES_SHOWN = 3


class Piece(Part):
    """A further chunk of a hit's file, with its code."""

    lines: str
    symbol: str | None = None
    code: str
    left_out: list[str] = Field(default=[], description="Lines of it that `code` leaves out.")


class Hit(Part):
    """A file that answers the query, with the chunk of it that answers best."""

    path: str = Field(description="The file, relative to its repository.")
    repo_path: str | None = Field(default=None, description="Its repository, where the answer's is not that of all.")
    start_line: int
    end_line: int
    symbol: str | None = Field(
        default=None, description="The function, class, section, notebook cell or PDF page that it is."
    )
    kind: str | None = None
    language: str | None = None
    score: float | None = Field(default=None, description="Orders the hits of one search and means nothing else.")
    is_outdated: bool = Field(default=False, description="The file has changed or been deleted since: read it again.")
    is_gone: bool = Field(default=False, description="The whole folder was moved or deleted.")
    code: str | None = None
    left_out: list[str] = Field(default=[], description="Lines of the chunk that `code` leaves out.")
    pieces: list[Piece] = Field(default=[], description="Further chunks of the file that match, with their code.")
    more: list[str] = Field(default=[], description="Further chunks that match: their lines and symbols.")
    also_in: list[str] = Field(
        default=[], description="Other files with nearly the same chunk, or built from this one; not hits themselves."
    )
    copies_total: int | None = Field(default=None, description="How many those are, where not all are named.")

    def lines(self) -> list[str]:
        """The hit as plain text. Names are of one line each: a line end in one would make a line that is nobody's."""
        path = self.path if self.repo_path is None else f"{self.repo_path.rstrip('/')}/{self.path}"
        mark = " [gone]" if self.is_gone else " [outdated]" if self.is_outdated else ""
        parts = [printable(f"{path}:{self.start_line}-{self.end_line}{_named(self.symbol)}{mark}")]
        if self.code is not None:
            parts.append(self.code.rstrip("\r\n"))
        for piece in self.pieces:
            parts += [printable(f"also {piece.lines}{_named(piece.symbol)}"), piece.code.rstrip("\r\n")]
        if self.more:
            parts.append(printable(f"also {', '.join(self.more)}"))
        if self.also_in:
            hidden = (self.copies_total or 0) - len(self.also_in)
            parts.append(printable(f"copies: {', '.join(self.also_in)}{f' and {hidden} more' if hidden > 0 else ''}"))
        return parts


class SearchAnswer(ProjectAnswer):
    """Hits, best first."""

    about: str = Field(description="What the hits are.")
    repo_path: str | None = Field(default=None, description="The repository of all hits, if it is one.")
    hits: list[Hit]
    hits_left_out: int = Field(default=0, description="How many more were found and don't fit into max_tokens.")
    searched: list[str] = Field(
        default=[],
        description="The folders that were searched, at most 20 of them; absent where it is repo_path alone.",
    )

    def text(self) -> str:
        """Notes first: what comes after the line that says that it is quoted was written by others."""
        lines = self.remarks()
        if not self.hits:
            return "\n".join([*lines, "Nothing found."])
        where = f"In {printable(self.repo_path)}" if self.repo_path else "In several repositories"
        lines.append(f"{where} ({self.about}):")
        has_code = any(hit.code is not None for hit in self.hits)
        for hit in self.hits:
            lines += [*([""] if has_code else []), *hit.lines()]
        return "\n".join(lines)

    def tokens(self) -> int:
        """About what it costs a model: clients show it the text or the structured content."""
        compact = json.dumps(self.document(), ensure_ascii=False, separators=(",", ":"))
        return max(estimated_tokens(self.text()), estimated_tokens(compact))


def _named(symbol: str | None) -> str:
    return f" {symbol}" if symbol else ""


def outline_of(hit: "SearchHit", *, common: str | None, outdated: set[tuple[str, str]], gone: set[str]) -> Hit:
    """A hit without its code. `common` is the repository of all hits, `outdated` and `gone` are those of Found."""
    is_gone = hit.repo_path in gone
    return Hit(
        path=hit.path,
        repo_path=None if hit.repo_path == common else hit.repo_path,
        start_line=hit.start_line,
        end_line=hit.end_line,
        symbol=hit.symbol or None,
        is_outdated=(hit.repo_path, hit.path) in outdated and not is_gone,
        is_gone=is_gone,
    )


def common_repository(hits: Sequence["SearchHit"]) -> str | None:
    """The repository of all hits; None where they are of several, or there are none."""
    roots = {hit.repo_path for hit in hits}
    return next(iter(roots)) if len(roots) == 1 else None
