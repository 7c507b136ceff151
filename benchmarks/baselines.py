"""What a search has to beat: counting keywords in files, as an agent with ripgrep does, and BM25 over windows."""

import math
from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path

from pgdex.indexer.lexemes import words
from pgdex.indexer.sources import SourceText, read_source, walk

WINDOW_LINES = 50
K1, B = 1.2, 0.75
MAX_FILE_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Piece:
    """Lines of a file."""

    path: str
    start_line: int
    end_line: int
    text: str


class Baselines:
    """Both of them over one repository, in memory."""

    def __init__(self, root: Path) -> None:
        self._files: list[Piece] = []
        self._windows: list[Piece] = []
        for found in walk(root, max_file_bytes=MAX_FILE_BYTES):
            source = None if found.skip_reason else read_source(root, found.path, max_file_bytes=MAX_FILE_BYTES)
            if isinstance(source, SourceText):
                lines = source.text.split("\n")
                self._files.append(Piece(found.path, 1, len(lines), source.text.lower()))
                for start in range(0, len(lines), WINDOW_LINES):
                    part = lines[start : start + WINDOW_LINES]
                    self._windows.append(Piece(found.path, start + 1, start + len(part), "\n".join(part)))
        self._counts = [Counter(words(piece.text) + words(piece.path)) for piece in self._windows]
        self._lengths = [sum(counts.values()) for counts in self._counts]
        self._mean = sum(self._lengths) / max(1, len(self._lengths))
        self._holders: defaultdict[str, list[int]] = defaultdict(list)
        for number, counts in enumerate(self._counts):
            for word in counts:
                self._holders[word].append(number)

    def keywords(self, query: str) -> list[Piece]:
        """Files by how often they have the words of the query, as a case-insensitive grep counts them."""
        asked = [word for word in dict.fromkeys(query.lower().split()) if len(word) > 2] or [query.lower()]
        scores = {piece.path: sum(piece.text.count(word) for word in asked) for piece in self._files}
        best = sorted(self._files, key=lambda piece: (-scores[piece.path], piece.path))
        return [piece for piece in best if scores[piece.path]][:50]

    def bm25(self, query: str) -> list[Piece]:
        """Windows of 50 lines by Okapi BM25 over split identifiers, words of the path among them."""
        scores: defaultdict[int, float] = defaultdict(float)
        total = len(self._windows)
        for word in dict.fromkeys(words(query)):
            holders = self._holders.get(word, [])
            rarity = math.log(1 + (total - len(holders) + 0.5) / (len(holders) + 0.5))
            for number in holders:
                times = self._counts[number][word]
                damping = K1 * (1 - B + B * self._lengths[number] / self._mean)
                scores[number] += rarity * times * (K1 + 1) / (times + damping)
        best = sorted(scores, key=lambda number: (-scores[number], number))
        return [self._windows[number] for number in best[:50]]
