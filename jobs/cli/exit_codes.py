"""What the exit code of `pgdex` says: one meaning each, for scripts."""

from enum import IntEnum


class ExitCode(IntEnum):
    """An exit code with its meaning in words."""

    meaning: str

    def __new__(cls, value: int, meaning: str) -> "ExitCode":
        member = int.__new__(cls, value)
        member._value_ = value
        member.meaning = meaning
        return member

    DONE = 0, "done"
    FAILED = 1, "the job failed, a check of `pgdex doctor` failed, or pgdex itself did"
    USAGE = 2, "an argument or a setting can't be used"
    DATABASE = 3, "the database can't be reached or is not ready"
    NOT_FOUND = 4, "there is no such job"
    FINAL = 5, "the job had already ended"
    CANCELLED = 6, "the job was cancelled"
    EMBEDDER = 7, "the embedding model or service can't be used"
    INTERRUPTED = 130, "Ctrl-C; a job that was started continues"


BROKEN_PIPE = 141  # what a shell reports of a program that SIGPIPE ended: the reader has had enough
OUTCOMES = {
    "completed": ExitCode.DONE,
    "failed": ExitCode.FAILED,
    "cancelled": ExitCode.CANCELLED,
}
"""What a command that waits for a job exits with, by the job's final status."""
