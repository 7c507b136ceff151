"""What the path of a file says of it: a test, an example, a vendored copy, … none of them what people mostly look for.

A rule must hold in every repository: these are the customs of languages and build tools, not of projects.
"""

import re
from enum import StrEnum
from functools import lru_cache
from typing import Final


class Role(StrEnum):
    """What a file is for, where that is not to be the program itself."""

    TEST = "test"
    EXAMPLE = "example"
    VENDORED = "vendored"
    GENERATED = "generated"
    PROSE = "prose"
    DATA = "data"
    STUB = "stub"
    ENTRANCE = "entrance"


TEST_PATH: Final = (
    r"(^|/)(tests?|testing|specs?|__tests__|__mocks__|mocks?|fixtures?|testdata|testsuite|e2e|androidTest|unittests?)/"
    r"|(^|/)(test_[^/]*|conftest|[^/]*[_.-](tests?|spec|mock)|spec_helper)\.[^/.]+$"
    r"|(^|/)[^/]*(Tests?|Spec|TestCase|Mock)\.(java|kt|kts|scala|cs|swift|php|groovy|hs|cpp|cc)$"
)
_ROLES: Final = (
    (Role.TEST, re.compile(TEST_PATH)),
    (
        Role.EXAMPLE,
        re.compile(
            r"(^|/)(examples?|samples?|demos?|tutorials?|docs_src|benchmarks?|benches|bench|playground|sandbox)/", re.I
        ),
    ),
    (
        Role.VENDORED,
        re.compile(r"(^|/)(_?vendor(ed)?|third[_-]?party|3rdparty|extern(al)?|deps|node_modules|site-packages)/", re.I),
    ),
    (
        Role.GENERATED,
        re.compile(
            r"(^|/)(generated|autogen|dist)/|[._-](pb2?|generated|gen|min|bundle)(_grpc)?\.[^/]+$"
            r"|\.(designer|g)\.cs$|\.pb\.(go|cc|h)$",
            re.I,
        ),
    ),
    (
        Role.PROSE,
        re.compile(
            r"\.(md|mdx|markdown|rst|adoc|txt|org|html?|tex)$"
            r"|(^|/)(readme|changelog|changes|history|news|license|licence|authors|contributing)[^/.]*$",
            re.I,
        ),
    ),
    (Role.DATA, re.compile(r"\.(json|jsonc|json5|ya?ml|toml|ini|cfg|conf|xml|csv|tsv|lock|svg|properties)$", re.I)),
    (Role.STUB, re.compile(r"\.pyi$|\.d\.[mc]?ts$")),
    (
        Role.ENTRANCE,
        re.compile(r"(^|/)(__init__\.py|index\.[mc]?[jt]sx?|mod\.rs|lib\.rs|prelude\.[^/]+|package-info\.java)$"),
    ),
)


@lru_cache(maxsize=8_192)  # eight expressions, 10 microseconds; a server is asked about the same files again
def roles_of(path: str) -> frozenset[Role]:
    """What a file is for, by its path; empty for the program itself."""
    return frozenset(role for role, pattern in _ROLES if pattern.search(path))
