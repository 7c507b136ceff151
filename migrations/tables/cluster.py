"""What the whole cluster shares."""

from sqlalchemy import (
    BigInteger,
    Column,
    Float,
    Integer,
    Table,
    Text,
)

from pgdex.migrations.tables.columns import count, flag, metadata, timestamp

settings = Table(
    "settings",
    metadata,
    Column("name", Text, primary_key=True),
    Column("value", Text, nullable=False),
)

# What one worker at a time does for the whole cluster. Its row is the lock (only workers may lock it: an advisory lock
# could be held by anyone who may log in), and `counter` says how often it was done, for peers who look at their own
# clocks.
cluster_duties = Table(
    "cluster_duties",
    metadata,
    Column("name", Text, primary_key=True),
    count("counter", wide=True),
)

# What all workers together may still ask of an embedding service.
embedder_budgets = Table(
    "embedder_budgets",
    metadata,
    Column("embedder", Text, primary_key=True),
    Column("requests", Float(53), nullable=False),
    Column("tokens", Float(53), nullable=False),
    timestamp("refilled_at", default=True),
)

# What procrastinate does not keep of a worker. `beat` rises with each heartbeat: peers note on their own clocks when
# they saw it change. `beat_at` is for people; no clock of a server decides who lives, and neither does procrastinate's
# last_heartbeat. No foreign key in the metadata, because procrastinate's tables are not part of it.
workers = Table(
    "workers",
    metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("hostname", Text, nullable=False),
    Column("pid", Integer, nullable=False),
    flag("session_lock"),
    count("beat", wide=True),
    timestamp("started_at", default=True),
    timestamp("beat_at", default=True),
)
