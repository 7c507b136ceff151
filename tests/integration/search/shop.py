"""A shop's source code, and how it is searched."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pgdex.indexer.search import SearchRequest, SearchResult, search
from pgdex.jobs.client.client import Client
from pgdex.jobs.embedders import embedder_for
from tests.support.waiting import wait_for_end
from tests.support.workers import Workers

RETRY_POLICY = '''"""When to try again."""


def compute_delay(attempt: int, *, base: float = 0.5, longest: float = 30.0) -> float:
    """The seconds to wait before the next attempt: exponential backoff."""
    if attempt < 0:
        raise ValueError(f"attempt must not be negative, got {attempt}")
    return min(longest, base * 2**attempt)
'''
SESSION = '"""Sessions of customers."""\n\n\nclass Session:\n    """A customer who is logged in."""\n\n' + "\n".join(
    f"    def {verb}_session(self, token: str) -> bool:\n"
    f'        """{verb.capitalize()} the session with this token."""\n'
    + "".join(f"        self.{verb}_steps.append((token, {number}, self.clock()))\n" for number in range(12))
    + "        return self.valid\n"
    for verb in ("open", "close", "renew", "revoke", "audit", "export")
)
WORKER = """from retry_policy import compute_delay
from session import Session


def serve(queue):
    for attempt, message in enumerate(queue):
        if not message.send():
            queue.sleep(compute_delay(attempt))
            queue.sleep(compute_delay(attempt + 1))
"""
CLIENT_GO = """package http

// ParseHeader reads one header line of a response.
func ParseHeader(line string) (string, string, error) {
\tname, value, found := strings.Cut(line, ":")
\tif !found {
\t\treturn "", "", ErrMalformed
\t}
\treturn strings.TrimSpace(name), strings.TrimSpace(value), nil
}
"""
COPY = """// {licence}
export function chunkInvoices(invoices, size) {{
  const pages = [];
  let page = [];
  for (const invoice of invoices) {{
    if (page.length >= size) {{
      pages.push(page);
      page = [];
    }}
    page.push({{ number: invoice.number, total: invoice.total, customer: invoice.customer, currency: "EUR" }});
  }}
  pages.push(page);
  return pages;
}}
"""
TWIN = '''def {name}_orders(orders, limit):
    """Sort the orders by their totals and keep the largest {limit}."""
    ranking = sorted(orders, key=lambda order: order.total, reverse=True)
    kept = ranking[:limit]
    return [order.identifier for order in kept if order.shipped]
'''
LEDGER = json.dumps(
    {
        "cells": [
            {"cell_type": kind, "metadata": {}, "source": source.splitlines(keepends=True)}
            for kind, source in (
                ("markdown", "# Ledgers\n\nThe treasurer balances them monthly, each in a cell.\n"),
                ("code", ""),
                (
                    "code",
                    "import decimal\nimport logging\n\nprint(decimal.getcontext())\nprint(logging.root)\n"
                    "LEDGER_LIMIT = 3\n",
                ),
                ("code", "class Ledger:\n    entries: list[decimal.Decimal]\n"),
                (
                    "code",
                    "def book_entry(ledger, amount):\n    ledger.entries.append(amount)\n\n\n"
                    "def total_of_entries(ledger):\n    return sum(ledger.entries)\n",
                ),
            )
        ],
        "metadata": {"kernelspec": {"language": "python", "name": "python3"}},
        "nbformat": 4,
        "nbformat_minor": 5,
    },
    indent=1,
)
NOTES: dict[str, str | bytes] = {
    "notes/ledgers.ipynb": LEDGER,
    "src/bookings.py": "# For one cell of the sheet.\nfrom ledgers import book_entry, total_of_entries\n\n"
    + "".join(f"book_entry({n})\nassert total_of_entries() == {n}\n" for n in range(9)),
}
FILES: dict[str, str | bytes] = {
    "src/retry_policy.py": RETRY_POLICY,
    "src/session.py": SESSION,
    "src/worker.py": WORKER,
    "src/http/client.go": CLIENT_GO,
    "src/first_copy.js": COPY.format(licence="MIT"),
    "src/second_copy.js": COPY.format(licence="BSD"),
    "src/orders/top.py": TWIN.format(name="largest", limit="ones"),
    "src/orders/best.py": TWIN.format(name="greatest", limit="few"),
    "src/orders/unrelated.py": "def lowercase(text):\n    return text.lower()\n",
    "tests/test_retry_policy.py": (
        "from retry_policy import compute_delay\n\n\n"
        "def test_compute_delay_grows():\n    assert compute_delay(2) > compute_delay(1)\n"
    ),
    "src/small.py": "".join(f"def small_function_{n}(value):\n    return value + {n}\n\n\n" for n in range(1, 20)),
    "docs/guide.md": "# Guide\n\nHow retries work: see compute_delay, which computes the delay.\n",
    "config.yaml": "session:\n  lifetime: 300\n  renewal: 60\n",
}
EVERY: dict[str, Any] = {"limit": 100}
"""The options of a search for all that there is."""


@dataclass(frozen=True)
class Shop:
    """The indexed shop, and beside it another project."""

    client: Client
    root: Path

    def search(self, query: str, **options: Any) -> SearchResult:
        """A search of the project "default"."""
        ways: dict[str, Any] = {"open_embedder": embedder_for}
        ways |= {
            name: options.pop(name) for name in ("open_embedder", "retrievers", "without_rules") if name in options
        }
        request = SearchRequest(query, **{"project_id": "default"} | options)
        return search(self.client.connection, request, **ways)

    def paths(self, query: str, **options: Any) -> list[str]:
        """The paths of its hits, best first."""
        return [hit.path for hit in self.search(query, **options).hits]


def index(client: Client, workers: Workers, root: Path, **options: Any) -> None:
    """One job of `root` to its end, which must be a good one."""
    status = wait_for_end(client, client.start(root, **options).job_id, workers=workers)
    assert status.status == "completed", status.error_message
