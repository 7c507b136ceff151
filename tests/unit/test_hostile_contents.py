"""Contents that are made to keep a worker busy: whatever is judged before a file is cut takes linear time.

Each of these took minutes with a pattern that tries again from every place; the limit of pytest would end them.
"""

import pytest

from pgdex.indexer.globs import glob_regex
from pgdex.indexer.notebooks import parse_notebook, without_outputs
from pgdex.indexer.sources.decoding import decode
from pgdex.indexer.sources.secrets import secret_by_content

MANY = 1 << 19
KEY = "-----BEGIN RSA PRIVATE KEY-----\nx\n-----END RSA PRIVATE KEY-----\n"


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    "text",
    [
        "-----BEGIN RSA PRIVATE KEY-----\n" * (MANY // 32),
        "".join(f"-----BEGIN A{number} PRIVATE KEY-----\n" for number in range(MANY // 32)),
        KEY + " " * MANY,
        KEY + " a" * MANY + "!",
    ],
    ids=["no end", "no end of any", "blanks", "words"],
)
def test_armour_without_an_end(text: str) -> None:
    secret_by_content("a.txt", text)


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    "text",
    [
        '{"cells": ["' + '\\"' * MANY,
        '{"cells": ' + "[" * MANY,
        '{"cells": [' + '{"a":' * (MANY // 8),
        '{"cells": [{"outputs":' + "[" * MANY + "]" * MANY + "}]}",
    ],
    ids=["a string without an end", "arrays", "objects", "deep outputs"],
)
def test_notebooks_that_never_close(text: str) -> None:
    parse_notebook(text)
    without_outputs(text)


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    "data",
    [b"\r" * MANY, b"\r\n" * MANY, b"base64," + b"A" * 200 + b"\\n" * MANY, b"a" * MANY + b"\x81", b"\xe9 " * MANY],
    ids=["old Mac", "Windows", "base64", "one odd byte", "every second byte"],
)
def test_bytes_of_one_kind(data: bytes) -> None:
    assert isinstance(decode(data), str)


@pytest.mark.timeout(60)
def test_stars_against_a_folder_above_the_repository() -> None:
    glob_regex("/" + "*?" * 200 + "b/src", "/" + "a" * 100 + "/repository")
    glob_regex("/" + "**/" * 300, "/a" * 300)
