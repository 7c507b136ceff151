"""Names that are only declared, or passed on from elsewhere: found where nothing defines them, and nowhere else."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from pgdex.jobs.client.client import Client
from tests.integration.search.shop import Shop, index
from tests.support.databases import settings_for
from tests.support.trees import write_tree
from tests.support.workers import workers_on

FILES: dict[str, str | bytes] = {
    "include/cart.h": "namespace shop {\nclass Cart {\n  int total(int off);\n  int total_seen(int off);\n};\n}\n",
    "src/cart.cpp": '#include "cart.h"\nnamespace shop {\nint Cart::total(int discount) {\n  return discount;\n}\n}\n',
    "src/uses.cpp": "int uses(Cart& c) {\n  return c.total(1) + c.total(2) + c.total_seen(1) + c.total_seen(2);\n}\n",
    "web/index.ts": 'export { openCart } from "./cart";\nexport { priceList } from "@prices/core";\n',
    "web/cart.ts": "export function openCart(id: string) {\n  return id;\n}\n",
    "web/page.ts": "priceList();\npriceList();\nopenCart('a');\nopenCart('b');\n",
}


@pytest.fixture
def cart(database_url: str, tmp_path: Path) -> Iterator[Shop]:
    (tmp_path / "workers").mkdir()
    root = write_tree(tmp_path / "cart", FILES)
    with (
        Client.open(settings_for(database_url, embedder="hashing")) as client,
        workers_on(database_url, tmp_path / "workers") as workers,
    ):
        index(client, workers, root)
        yield Shop(client, root)


def test_a_declaration_comes_first_only_where_nothing_defines_the_name(cart: Shop) -> None:
    first = {name: cart.paths(name)[0] for name in ("total", "total_seen", "openCart", "priceList")}

    assert first == {
        "total": "src/cart.cpp",
        "total_seen": "include/cart.h",
        "openCart": "web/cart.ts",
        "priceList": "web/index.ts",
    }
    assert cart.search("total_seen").hits[0].reasons["definition"] > 0
