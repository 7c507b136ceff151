"""How much of a name a query says, and how much of the query a name says.

Names are short and formal: `parser.py` is about what parses, `auth.go` about authentication. So words are compared by
more than their stems here, and only here: in the words of the code, where much stands in full, the same table lost
0.002 to 0.003 of NDCG@10.
"""

import math
import re
from collections.abc import Iterable
from functools import lru_cache
from types import MappingProxyType
from typing import Final

from pgdex.indexer.lexemes import split_token, tokens
from pgdex.indexer.terms import stem_of

# What programmers shorten everywhere, by its usual short form.
_SHORTENED: Final = MappingProxyType(
    {
        long: short
        for short, longs in {
            "admin": "administration administrator",
            "app": "application applications",
            "arg": "argument arguments",
            "attr": "attribute attributes",
            "auth": "authentication authenticate authorization authorize",
            "char": "character characters",
            "child": "children",
            "cmd": "command commands",
            "config": "configuration configure configured",
            "conn": "connection connections",
            "ctrl": "control",
            "ctx": "context contexts",
            "db": "database databases",
            "dir": "directory directories",
            "doc": "docs documentation",
            "env": "environment environments",
            "err": "error errors",
            "exec": "execute execution executor executors",
            "expire": "expiry",
            "expr": "expression expressions",
            "func": "function functions",
            "idx": "index indices indexes",
            "img": "image images",
            "info": "information",
            "init": "initialize initialise initialization initialisation",
            "lib": "library libraries",
            "mem": "memory",
            "msg": "message messages",
            "num": "number numbers",
            "obj": "object objects",
            "param": "parameter parameters",
            "pkg": "package packages",
            "proc": "process processes",
            "prop": "property properties",
            "ptr": "pointer pointers",
            "ref": "reference references",
            "repo": "repository repositories",
            "req": "request requests",
            "res": "response responses",
            "spec": "specification specifications",
            "src": "source sources",
            "stat": "stats statistic statistics",
            "str": "string strings",
            "sync": "synchronize synchronise synchronization",
            "tmp": "temporary",
            "util": "utils utility utilities",
        }.items()
        for long in longs.split()
    }
)
# What does something is named after it: parser, loader, executor.
_DOERS: Final = ("ers", "ors", "er", "or")
_LAST_PART: Final = re.compile(r"[\w$?!~-]+\Z")
_SHORTEST_ROOT: Final = 4  # ord is no root of order


def named_share(name: str, words: Iterable[str], terms: int) -> float:
    """How much of a file's name, without its suffixes, is among the words, and how much of the query it says, which has
    that many terms.

    The second by its root: one word of four that is all of a name is still a good reason.
    """
    asked = roots(words)
    parts = _parts(name)
    named = sum(_root(part) in asked for part in parts)
    return named / len(parts) * math.sqrt(min(1.0, named / terms)) if named and terms else 0.0


def covered_share(symbol: str, asked: frozenset[str], terms: int) -> float:
    """How much of a query, which has these roots and that many terms, the last part of a symbol says: `retryDelay` of
    `Queue.retryDelay`."""
    return min(1.0, len(asked.intersection(map(_root, _parts(last_part(symbol))))) / terms) if terms else 0.0


def is_named_after(path: str, names: Iterable[str]) -> bool:
    """Whether a file's name without its suffixes is one of the names: `http_client.go` for `HTTPClient`."""
    stem = path.rpartition("/")[2].partition(".")[0]
    return _plain(stem) in set(map(_plain, names))


def _plain(name: str) -> str:
    return name.lower().replace("_", "").replace("-", "")


def last_part(symbol: str) -> str:
    """The name of a definition without the names around it; "" where there is none."""
    found = _LAST_PART.search(symbol)
    return "" if found is None else found[0]


def roots(words: Iterable[str]) -> frozenset[str]:
    """What the words are compared by."""
    return frozenset(map(_root, words))


@lru_cache(maxsize=8_192)
def _parts(name: str) -> tuple[str, ...]:
    return tuple(part for token in tokens(name) for part in split_token(token)[1:] or split_token(token))


@lru_cache(maxsize=8_192)
def _root(word: str) -> str:
    """What a word is compared by: its usual short form, as a stem, without what makes a doer of a deed."""
    root = stem_of(_SHORTENED.get(word, word))
    for suffix in _DOERS:
        if word.endswith(suffix) and len(word) - len(suffix) >= _SHORTEST_ROOT:
            root = word[: -len(suffix)]
            if root[-1:] == root[-2:-1] and root[-1] not in "lsz":  # running, run; but: calling, call
                root = root[:-1]
            break
    return root.rstrip("e") or root
