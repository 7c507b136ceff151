"""What `pgdex doctor` looks at: each check says what it found, and what to do where that is not good."""

from pgdex.jobs.cli.diagnosis.checks import Check, Outcome
from pgdex.jobs.cli.diagnosis.run import diagnosis

__all__ = ["Check", "Outcome", "diagnosis"]
