"""How many tokens a text costs a model, roughly: without a tokenizer, whose vocabulary would be a dependency of many
megabytes for a figure that differs from model to model anyway.

Byte-pair tokenizers first cut a text into words (letters with one space or sign before them, up to three digits, runs
of signs, line ends and indentation), and only then long or rare ones into pieces. On code, the cut makes nine tenths
of the count, so the words are counted, long ones as more than one by what they are on average. Beside o200k_base, over
700 pieces of 4,000 characters in nine languages and prose, nineteen of twenty estimates were off by less than 10 %
(tests/unit/test_token_estimates.py). Scripts that write vowels as marks, such as Devanagari, are estimated too high.
"""

import re
from typing import Final

# The cut of o200k_base (OpenAI's GPT-4o and later), as far as Python's expressions go: it has no classes for the case
# of letters beyond ASCII, whose words are counted by their length. Tried in turn.
_LEAD: Final = r"(?:[^\r\n\w]|_)?"
_WORDS: Final = re.compile(
    rf"(?P<word>{_LEAD}[A-Z]*[a-z]+(?![^\W\d_])(?:'(?:s|t|re|ve|m|ll|d)\b)?)"
    rf"|(?P<capitals>{_LEAD}[A-Z]+(?![^\W\d_]))"
    rf"|(?P<letters>{_LEAD}[A-Z]*[a-z]+|{_LEAD}[A-Z]+(?![a-z])|{_LEAD}[^\W\d_]+)"
    r"|(?P<number>\d{1,3})"
    r"|(?P<signs> ?(?:[^\w\s]|_)+[\r\n/]*)"
    r"|(?P<space>\s*[\r\n]+|\s+(?!\S)|\s+)"
)


def estimated_tokens(text: str) -> int:
    """About how many tokens a text is."""
    return round(sum(_share(found) for found in _WORDS.finditer(text)))


def _share(found: re.Match[str]) -> float:
    """The average tokens of words like this one, by their kind and their length: measured over this repository."""
    word = found[0]
    length = len(word)
    match found.lastgroup:
        case "word" if word[0] == " ":
            return 1.03 if length < 9 else 1.15 if length < 13 else length / 9
        case "word" | "letters" if word.isascii():
            return 1.06 if length < 5 else 1.25 if length < 10 else 1.5 if length < 13 else length / 6
        case "capitals":
            return 1.0 if length < 4 else length / 3.2
        case "signs":
            return 1.0 if length < 3 else length / 2.7
        case "letters":
            return max(1.0, sum(map(_of_letter, word)))
    return 1.0


def _of_letter(letter: str) -> float:
    """Scripts with an alphabet have words of several letters in the vocabulary; a sign of Han is most of a token."""
    code = ord(letter)
    if code < 0x250:  # Latin with its accents
        return 0.27
    return 0.22 if code < 0x1000 else 0.6
