"""What is like a place in a real index."""

from typing import Any

import pytest

from pgdex.indexer.search import RelatedRequest, SearchRefused, related
from tests.integration.search.shop import Shop


def like(shop: Shop, path: str, line: int, **options: Any) -> list[str]:
    result = related(
        shop.client.connection,
        RelatedRequest(project_id="default", root=str(shop.root), path=path, line=line, **options),
    )
    return [hit.path for hit in result.hits]


def test_the_twin_of_a_function_is_found_and_the_function_itself_is_not(shop: Shop) -> None:
    found = like(shop, "src/orders/top.py", 3)
    assert found[0] == "src/orders/best.py"
    assert "src/orders/top.py" not in found
    assert like(shop, "src/orders/best.py", 1)[0] == "src/orders/top.py"


def test_what_a_piece_uses_is_related_to_it(shop: Shop) -> None:
    assert "src/retry_policy.py" in like(shop, "src/worker.py", 8)[:3]


def test_related_code_can_leave_tests_out_or_ask_for_them(shop: Shop) -> None:
    assert "tests/test_retry_policy.py" in like(shop, "src/retry_policy.py", 4)
    assert "tests/test_retry_policy.py" not in like(shop, "src/retry_policy.py", 4, tests="out")
    assert like(shop, "src/retry_policy.py", 4, tests="only") == ["tests/test_retry_policy.py"]
    assert len(like(shop, "src/retry_policy.py", 4, limit=1)) == 1


@pytest.mark.parametrize(
    ("root", "path", "line", "message"),
    [
        (None, "src/nothing.py", 1, r"src/nothing\.py is not indexed in /.*shop"),
        (None, "src/orders/top.py", 6, r"src/orders/top\.py has lines 1 to 5 in the index, not 6"),
        (None, "src/orders/top.py", 0, r"has lines 1 to 5 in the index, not 0"),
        ("/nowhere", "src/orders/top.py", 1, r"/nowhere is not indexed in project default"),
        ("shop", "src/orders/top.py", 1, r"shop is not indexed in project default"),
    ],
)
def test_a_place_that_is_not_indexed_is_refused_in_words(
    shop: Shop, root: str | None, path: str, line: int, message: str
) -> None:
    with pytest.raises(SearchRefused, match=message):
        related(
            shop.client.connection,
            RelatedRequest(project_id="default", root=root or str(shop.root), path=path, line=line),
        )
