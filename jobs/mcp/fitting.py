"""A search's answer within so many tokens: places first, then the code of the best hits, then of further pieces."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pgdex.indexer.search.query import understand
from pgdex.jobs.client.fit import misfit
from pgdex.jobs.client.printable import quoted_code
from pgdex.jobs.client.wording import counted
from pgdex.jobs.mcp.excerpts import Excerpt, cost_of, excerpt
from pgdex.jobs.mcp.quoted import ABOUT
from pgdex.jobs.mcp.search_answers import (
    COPIES_SHOWN,
    MOST_TOKENS,
    Detail,
    Hit,
    Piece,
    SearchAnswer,
    common_repository,
    outline_of,
)
from pgdex.jobs.mcp.tokens import estimated_tokens

if TYPE_CHECKING:
    from pgdex.indexer.search import SearchHit
    from pgdex.jobs.client.projects import Project
    from pgdex.jobs.client.search import Found

# Of a project with thousands of repositories nobody wants the list.
MOST_SEARCHED: Final = 20
# Fewer than about eight lines of code show nothing: then a hit has its place only.
LEAST_CODE_TOKENS: Final = 100
# The best hit answers most questions, so its code is cut last.
FIRST_HIT_WEIGHT: Final = 2
MOST_NOTES: Final = 8
# Of the sentences about what was left out, and of a piece's keys.
NOTES_TOKENS: Final = 60
PIECE_TOKENS: Final = 20
TRIES: Final = 6


def search_answer(
    found: "Found", *, project: "Project", query: str, detail: Detail | None, max_tokens: int | None
) -> SearchAnswer:
    """The answer to `query` (empty where a place was asked about) within `max_tokens`, by our estimate, as text and as
    structured content.

    By default the code is shown, unless hardly a word of the query is in any hit: then only where the nearest ones are.
    At least the first hit's place is in every answer, also in one for which that is too much.
    """
    nothing_fits = misfit(query, found.hits) if query else None
    chosen: Detail = detail or ("code" if nothing_fits is None else "outline")
    most = max_tokens or MOST_TOKENS[chosen]
    warning = [] if nothing_fits is None else [nothing_fits.message]
    if nothing_fits is not None and detail is None:
        warning = [f"{nothing_fits.message} detail=code shows its code."]
    making = _Making(
        found=found,
        project=project,
        notes=_bounded([*warning, *project.notes, *found.notes]),
        terms=frozenset(understand(query).terms) if query else frozenset(),
        detail=chosen,
        most=most,
    )
    room = most
    for _ in range(TRIES):
        answer = making.answer(room)
        over = answer.tokens() - most
        if over <= 0:
            break
        room -= over + 5
    return answer


@dataclass(frozen=True, slots=True)
class _Making:
    """What an answer is made from."""

    found: "Found"
    project: "Project"
    notes: list[str]
    terms: frozenset[str]
    detail: Detail
    most: int

    def answer(self, room: int) -> SearchAnswer:
        """An answer of about `room` tokens."""
        bare = self._answer([], [], left_out=0)
        left = room - bare.tokens() - NOTES_TOKENS
        hits: list[Hit] = []
        common = common_repository(self.found.hits)
        for hit in self.found.hits:
            one = self._described(hit, common)
            left -= _cost(one)
            if hits and left < 0:
                break
            hits.append(one)
        notes = []
        if self.detail != "outline":
            hits = self._with_code(hits, max(0, left))
            shortened = sum(hit.code is None or bool(hit.left_out) for hit in hits)
            if shortened:
                more = "a larger max_tokens" if self.detail == "full" else "detail=full or a larger max_tokens"
                notes.append(f"the code of {counted(shortened, 'hit')} is shortened to fit; {more} shows more")
        left_out = len(self.found.hits) - len(hits)
        if left_out:
            less = "" if self.detail == "outline" else " or ask for detail=outline"
            notes.append(f"{counted(left_out, 'more hit')} left out to fit max_tokens={self.most}: raise it{less}")
        return self._answer(hits, notes, left_out=left_out)

    def _answer(self, hits: list[Hit], notes: list[str], *, left_out: int) -> SearchAnswer:
        common = common_repository(self.found.hits)
        return SearchAnswer(
            about=ABOUT,
            repo_path=common,
            hits=hits,
            hits_left_out=left_out,
            notes=[*self.notes, *notes],
            searched=[] if self.found.searched == [common] else self.found.searched[:MOST_SEARCHED],
            project_id=self.project.id,
            project_source=self.project.origin,
        )

    def _described(self, hit: "SearchHit", common: str | None) -> Hit:
        outline = outline_of(hit, common=common, outdated=self.found.outdated, gone=self.found.gone)
        if self.detail == "outline":
            return outline
        shown = hit.also_in if self.detail == "full" else hit.also_in[:COPIES_SHOWN]
        return outline.model_copy(
            update={
                "kind": hit.kind,
                "language": hit.language,
                "score": round(hit.score, 3),
                "more": [f"{place.start_line}-{place.end_line} {place.symbol or ''}".rstrip() for place in hit.more],
                "also_in": [*shown],
                "copies_total": len(hit.also_in) if len(hit.also_in) > len(shown) else None,
            }
        )

    def _with_code(self, hits: list[Hit], room: int) -> list[Hit]:
        """The hits with as much code as there is room for; what a hit's pieces show is no longer in its `more`."""
        found = self.found.hits[: len(hits)]
        codes = [quoted_code(hit.content) for hit in found]
        costs = [cost_of(code) for code in codes]
        coded = len(hits) if sum(costs) <= room else max(1, min(len(hits), room // LEAST_CODE_TOKENS))
        weights = [FIRST_HIT_WEIGHT, *[1] * (coded - 1)]
        shares = shared_out(room, costs[:coded], weights)
        made = []
        for hit, source, code, share in zip(hits, found, codes, shares, strict=False):
            part = excerpt(code, place=(source.start_line, source.end_line), tokens=share, terms=self.terms)
            room -= cost_of(part.code)
            made.append(hit.model_copy(update={"code": part.code, "left_out": [*part.left_out]}) if part.code else hit)
        for number, source in enumerate(found[:coded]):
            for place, written in zip(source.more, hits[number].more, strict=True):
                if not place.content or room < LEAST_CODE_TOKENS:
                    continue
                lines = (place.start_line, place.end_line)
                part = excerpt(quoted_code(place.content), place=lines, tokens=room - PIECE_TOKENS, terms=self.terms)
                room -= cost_of(part.code) + PIECE_TOKENS
                made[number] = _with_piece(made[number], written, _piece(lines, place.symbol, part))
        return [*made, *hits[coded:]]


def shared_out(room: int, wanted: Sequence[int], weights: Sequence[int]) -> list[int]:
    """`room` divided among those that want so much of it, by their weights: what one does not need is the others'."""
    shares = [0] * len(wanted)
    left, weight = room, sum(weights)
    # Who needs least for its weight first: it may leave something to those that need more.
    for one in sorted(range(len(wanted)), key=lambda number: wanted[number] / weights[number]):
        shares[one] = min(wanted[one], left * weights[one] // weight)
        left -= shares[one]
        weight -= weights[one]
    return shares


def _bounded(notes: list[str]) -> list[str]:
    """The first notes: in a project of many repositories each may have one."""
    left_out = len(notes) - MOST_NOTES
    return notes if left_out <= 0 else [*notes[:MOST_NOTES], f"and {counted(left_out, 'more note')} about others"]


def _piece(lines: tuple[int, int], symbol: str | None, part: Excerpt) -> Piece:
    return Piece(lines=f"{lines[0]}-{lines[1]}", symbol=symbol, code=part.code, left_out=[*part.left_out])


def _with_piece(hit: Hit, written: str, piece: Piece) -> Hit:
    more = [*hit.more]
    more.remove(written)
    return hit.model_copy(update={"pieces": [*hit.pieces, piece], "more": more})


def _cost(hit: Hit) -> int:
    return max(map(estimated_tokens, ("\n".join(hit.lines()), hit.model_dump_json(exclude_defaults=True))))
