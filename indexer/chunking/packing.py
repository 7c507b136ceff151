"""From pieces to chunks: what stands alone, what shares a chunk, and what the chunk is called."""

from collections.abc import Iterator
from operator import attrgetter

from pgdex.indexer.chunking.lines import Lines, divide
from pgdex.indexer.chunking.model import Chunk, Definition, Kind, Limits, Piece

# A shared chunk is named after a definition only if definitions are this much of it, and after a
# variable or a section only if that one alone is.
_NAMING_SHARE = 0.4
_NAMING_SHARE_ALONE = 0.5
# Kinds that need not stand alone however small they are.
_LOOSE = frozenset({"variable", "section", "key"})
_NESTED_TEXT = frozenset({"section", "key"})


class _Draft:
    """A chunk to be: some consecutive pieces."""

    __slots__ = ("pieces", "size")

    def __init__(self, pieces: list[Piece], size: int) -> None:
        self.pieces = pieces
        self.size = size

    def small(self, limits: Limits) -> bool:
        if self.size >= max(limits.tiny_definition, limits.fragment):
            return False
        names = any(d.kind not in _LOOSE for p in self.pieces for d in p.defines)
        return self.size < (limits.tiny_definition if names else limits.fragment)


def pack(lines: Lines, pieces: list[Piece], limits: Limits, plain: Kind) -> list[Chunk]:
    """Chunks of all the pieces; `plain` is the kind of what belongs to no definition."""
    drafts = [draft for run in _runs(pieces) for draft in _drafts(lines, run, limits)]
    return [_chunk(lines, draft, plain) for draft in _join(lines, drafts, limits)]


def _runs(pieces: list[Piece]) -> Iterator[list[Piece]]:
    """Consecutive pieces with the same owner."""
    run: list[Piece] = []
    for piece in pieces:
        if run and piece.owner is not run[0].owner:
            yield run
            run = []
        run.append(piece)
    if run:
        yield run


def _drafts(lines: Lines, run: list[Piece], limits: Limits) -> Iterator[_Draft]:
    """Large definitions alone, what is between them divided into parts of about the target."""
    shared: list[Piece] = []
    offsets = lines.offsets
    for piece in run:
        size = offsets[piece.stop] - offsets[piece.start]
        if size >= limits.alone and piece.defines and piece.defines[0] is not piece.owner:
            yield from _divided(lines, shared, limits)
            shared = []
            yield _Draft([piece], size)
        else:
            shared.append(piece)
    yield from _divided(lines, shared, limits)


def _divided(lines: Lines, pieces: list[Piece], limits: Limits) -> Iterator[_Draft]:
    if not pieces:
        return
    start, stop = pieces[0].start, pieces[-1].stop
    parts = divide(lines, [piece.start for piece in pieces], stop, limits) if len(pieces) > 1 else [start]
    if len(parts) == 1:
        yield _Draft(pieces, lines.size(start, stop))
        return
    cuts = set(parts)
    group: list[Piece] = []
    for piece in pieces:
        if group and piece.start in cuts:
            yield _Draft(group, lines.size(group[0].start, piece.start))
            group = []
        group.append(piece)
    yield _Draft(group, lines.size(group[0].start, stop))


def _join(lines: Lines, drafts: list[_Draft], limits: Limits) -> list[_Draft]:
    """Fragments joined to a neighbour: a closing brace to what it closes, else to what follows."""
    result: list[_Draft] = []
    for draft in drafts:
        before = result[-1] if result else None
        if before is not None and before.size + draft.size <= limits.maximum:
            backwards = draft.small(limits) and not _precedes(lines, draft)
            if backwards or (before.small(limits) and _precedes(lines, before)):
                before.pieces.extend(draft.pieces)
                before.size += draft.size
                continue
        result.append(draft)
    # What was to join its successor and was too large for it.
    joined: list[_Draft] = []
    for draft in result:
        before = joined[-1] if joined else None
        if before is not None and draft.small(limits) and before.size + draft.size <= limits.maximum:
            before.pieces.extend(draft.pieces)
            before.size += draft.size
        else:
            joined.append(draft)
    return joined


def _precedes(lines: Lines, draft: _Draft) -> bool:
    """Whether a fragment belongs to what follows it rather than to what it follows."""
    return not lines.closes(draft.pieces[0].start)


def _chunk(lines: Lines, draft: _Draft, plain: Kind) -> Chunk:
    pieces = draft.pieces
    start = pieces[0].start
    stop = pieces[-1].stop
    defines = [d for piece in pieces for d in piece.defines]
    main = _main(lines, draft, defines)
    kind: Kind = plain if main is None else main.kind
    symbol = None if main is None else main.symbol
    further = [name for piece in pieces for name in piece.names]
    begun = dict.fromkeys([d.symbol for d in defines if not d.only_declares] + further)
    declared = dict.fromkeys(d.symbol for d in defines if d.only_declares and d.symbol not in begun)
    declared |= dict.fromkeys(name for piece in pieces for name in piece.declares)
    names = dict.fromkeys([d.symbol for d in defines] + further)
    if symbol is not None:
        names = {symbol: None, **names}
    content = lines.content(start, stop)
    return Chunk(start + 1, stop, kind, symbol, content, tuple(names), tuple(begun), tuple(declared))


def _main(lines: Lines, draft: _Draft, defines: list[Definition]) -> Definition | None:
    """The definition that a chunk is named after.

    The outermost, and of several the largest; but what was cut (a class of which these are some
    fields) or nothing, where definitions are the smaller part.
    """
    if not defines:
        return _largest_piece(lines, draft).owner
    candidates = [d for d in defines if d.kind != "variable"] or defines
    if all(d.kind in _NESTED_TEXT for d in candidates):
        # The section that most of the text is in says more than the one around it.
        outermost = candidates
    else:
        level = min([d.level for d in candidates])
        outermost = [d for d in candidates if d.level == level]
    largest = max(outermost, key=_size_of)
    # One constant of many does not stand for the others; one of several functions may.
    alone = largest.kind == "variable" or largest.kind in _NESTED_TEXT
    named = largest.size if alone else sum([d.size for d in outermost])
    if named >= (_NAMING_SHARE_ALONE if alone else _NAMING_SHARE) * draft.size:
        return largest
    return _largest_piece(lines, draft).owner or (largest if largest.kind in _NESTED_TEXT else None)


_size_of = attrgetter("size")


def _largest_piece(lines: Lines, draft: _Draft) -> Piece:
    if len(draft.pieces) == 1:
        return draft.pieces[0]
    return max(draft.pieces, key=lambda p: lines.size(p.start, p.stop))
