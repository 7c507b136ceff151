"""Messages as people paste them: with what printed them in front, and with values where the source has places for them.

`fatal error: concurrent map writes` is `"concurrent map writes"` in the source, and `Cannot set headers after they are
sent to the client` may be `Cannot %s headers after they are sent to the client`.
"""

import re
from typing import Final

# Words in a row that are looked for together. Four are seldom said twice by chance, and a value leaves out four runs.
RUN: Final = 4
LEAST_WORDS: Final = 5  # of a text whose runs are looked for: of a shorter one a single run would decide
MOST_RUNS: Final = 24  # of a traceback's text the beginning tells

# What a program, a runtime or a compiler puts before a message: a severity, the type of the error, the thread that it
# ended, a number, the place in a file.
_PREFIX: Final = re.compile(
    r"(?:(?:uncaught|unhandled|fatal|internal|runtime|syntax|compilation)\s+)*"
    r"(?:(?:error|warning|panic|fatal|exception)|[\w.$]*[A-Za-z](?:Error|Exception|Warning))"
    r"\s*(?:\[\w+\])?\s*:\s+"
    r"|exception in thread \S+\s+"
    r"|\[errno -?\d+\]\s+"
    r"|[^\s:]+:\d+:(?:\d+:)?\s+",
    re.IGNORECASE,
)


def without_prefix(text: str) -> str:
    """A message without what was printed before it; any other text as it is."""
    while found := _PREFIX.match(text):
        text = text[found.end() :]
    return text


def runs_of(phrase: str) -> list[str]:
    """All runs of neighbouring words of a phrase, in small letters; none of a short one."""
    words = phrase.lower().split()
    if len(words) < LEAST_WORDS:
        return []
    return list(dict.fromkeys(" ".join(words[at : at + RUN]) for at in range(len(words) - RUN + 1)))[:MOST_RUNS]
