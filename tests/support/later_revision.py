"""A pgdex of tomorrow: this one with one more revision, which adds a column to the jobs and fills it."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pgdex.migrations import version
from tests.support.logins import CHECKOUT

FIRST = version.revisions()[0]
NEWEST = version.revisions()[-1]
LATER = f"{(version.revision_number(NEWEST) or 0) + 1:04}_of_a_test"
SCRIPT = f'''
import sqlalchemy as sa
from alembic import op

revision = "{LATER}"
down_revision = "{NEWEST}"


def upgrade() -> None:
    op.add_column("indexing_jobs", sa.Column("folder_name", sa.Text), schema="pgdex")
    op.execute("alter table pgdex.indexing_jobs disable trigger user")
    op.execute("update pgdex.indexing_jobs set folder_name = split_part(repo_path, '/', -1)")
    op.execute("alter table pgdex.indexing_jobs enable trigger user")


def downgrade() -> None:
    op.drop_column("indexing_jobs", "folder_name", schema="pgdex")
'''


@contextmanager
def later_revision(folder: Path) -> Iterator[str]:
    """In this process there is that revision, with its scripts in `folder`; yields its name."""
    scripts = folder / "migrations"
    shutil.copytree(CHECKOUT / "migrations", scripts, ignore=shutil.ignore_patterns("__pycache__"))
    _add(scripts)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(version, "scripts", lambda: scripts)
        _forget()
        yield LATER
    _forget()


def later_checkout(folder: Path) -> Path:
    """For commands: a checkout in `folder` with that revision, to be put on PYTHONPATH."""
    # What the package's links lead to is copied, too.
    shutil.copytree(CHECKOUT / "pgdex", folder / "pgdex", ignore=shutil.ignore_patterns("__pycache__"))
    _add(folder / "pgdex" / "migrations")
    return folder


def _add(scripts: Path) -> None:
    (scripts / "versions" / f"{LATER}.py").write_text(SCRIPT)


def _forget() -> None:
    version.revisions.cache_clear()
    version.expected.cache_clear()
