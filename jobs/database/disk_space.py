"""Is there enough space on the disk for an index? Known only where pgdex runs the database: no server tells it over
SQL."""

import shutil

from pgdex.jobs.errors import NotEnoughDiskSpace
from pgdex.jobs.settings import Settings

SPARE_BYTES = 200_000_000  # for sorting, and whatever else lives on that disk
# What is written goes into the server's log first. Where that finds no space the server stops, which is worse than a
# job that ends: seen with 38 MB of source on a disk of 420 MB, whose log alone had taken 280 MB.
LARGEST_LOG_BYTES = 1_500_000_000  # max_wal_size, and what accumulates while a checkpoint runs
LOG_FACTOR = 2.0
# Measured on 211 MB of Python and YAML with 512 dimensions: 653 MB, one chunk for every 1,000 bytes of source. The
# text, its lexemes and their index are 2 times the source; a number of a vector takes 2 bytes, and a fifth is overhead.
TEXT_FACTOR = 2.0
BYTES_A_CHUNK = 1_000
BYTES_A_NUMBER = 2.4


def index_bytes(source_bytes: int, *, dimension: int) -> int:
    """How large the index of so much source code gets, about."""
    return round(source_bytes * (TEXT_FACTOR + BYTES_A_NUMBER * dimension / BYTES_A_CHUNK))


def require_disk_space(settings: Settings, *, source_bytes: int, dimension: int) -> None:
    """Raise NotEnoughDiskSpace where the embedded server's disk can't take the index of `source_bytes` more."""
    if settings.database_url is not None:
        return
    index = index_bytes(source_bytes, dimension=dimension)
    needed = index + min(round(LOG_FACTOR * index), LARGEST_LOG_BYTES) + SPARE_BYTES
    free = shutil.disk_usage(settings.home).free
    if free < needed:
        raise NotEnoughDiskSpace(
            f"not enough disk space: indexing needs about {_megabytes(needed)} in {settings.home}, and "
            f"{_megabytes(free)} are free. Free some space, or set PGDEX_HOME to a folder on a larger disk"
        )


def _megabytes(size: int) -> str:
    return f"{size / 1e6:,.0f} MB"
