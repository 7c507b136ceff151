"""Commands beside the fixtures of all integration tests."""

from tests.integration.cli.conftest import run_pgdex, worker

__all__ = ["run_pgdex", "worker"]
