"""What comes of reading a document, and what that may cost."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Self

PAGE_END: Final = "\f"
"""Between the pages of a text, at the beginning of a line: what pdftotext writes there too."""


OUT_OF_MEMORY: Final = 3
"""The exit code of a process that could not even say what happened."""


class Refusal(StrEnum):
    """Why a document has no text that can be indexed, by the names that files are skipped under."""

    EXTRA_MISSING = "extra_missing"
    ENCRYPTED = "encrypted"
    UNPARSABLE = "unparsable"
    NO_TEXT = "no_text"
    OVERSIZED = "oversized"
    UNFINISHED = "unfinished"

    @property
    def is_final(self) -> bool:
        """Whether it is said of the content, so that trying again is of no use."""
        return self not in (Refusal.EXTRA_MISSING, Refusal.UNFINISHED)


@dataclass(frozen=True, slots=True)
class Refused:
    """No text, and why; `detail` is for users."""

    reason: Refusal
    detail: str


@dataclass(frozen=True, slots=True)
class Extracted:
    """The text of a document. Every line ends with \\n; those of more than `cleaning.WIDTH` characters were
    wrapped, but for headings.

    Of a PDF it has PAGE_END between the pages, of which some may be empty; of a Word document its headings as Markdown
    has them. `unread` is how many pages could not be read and are empty therefore.
    """

    text: str
    unread: int = 0


CPU_SECONDS: Final = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What reading one document may take: bytes of text in UTF-8, seconds by the clock and of a processor, bytes of
    memory.

    pypdf reads 30 to 100 pages a second, so 30 seconds of a processor are 900 pages or more; a text of a megabyte has
    some 450. Four real PDFs of 0.1 to 1 MB took 33 to 34 MB of memory.
    """

    text_bytes: int
    wall_seconds: float = 45.0
    cpu_seconds: int = CPU_SECONDS
    memory_bytes: int = 512 << 20

    @classmethod
    def within(cls, wall_seconds: float, *, text_bytes: int) -> Self:
        """The usual limits, but so much time by the clock; of a processor no more than two thirds of that, so that what
        only computes reaches that limit first, unless the machine is busy with other things."""
        cpu_seconds = max(1, min(CPU_SECONDS, int(wall_seconds * 2 / 3)))
        return cls(text_bytes=text_bytes, wall_seconds=wall_seconds, cpu_seconds=cpu_seconds)


class ExtractionRefused(Exception):
    """Ends the reading of a document, in the process that reads it."""

    def __init__(self, reason: Refusal, detail: str) -> None:
        super().__init__(reason, detail)
        self.refused = Refused(reason, detail)
