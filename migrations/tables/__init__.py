"""The tables of pgdex as SQLAlchemy metadata: what `alembic check` holds the database against.

The statements that make them are in `versions/`; functions, views and triggers are in the folder `sql`.
"""

from pgdex.migrations.tables import cluster, index, jobs
from pgdex.migrations.tables.columns import SCHEMA, metadata

__all__ = ["SCHEMA", "cluster", "index", "jobs", "metadata"]
