"""What `pgdex doctor` looks at: each check says what it found, and what to do where that is not good."""

from jobs.cli.diagnosis.checks import Check, Outcome
from jobs.cli.diagnosis.run import diagnosis

__all__ = ["Check", "Outcome", "diagnosis"]
