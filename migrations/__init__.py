"""The database schema: the tables and their revisions, pgvector, and the installation of the files of `sql/`.

Alembic runs it (`env`); `version` says which schema a database has and which one this program needs. It imports neither
`jobs` nor `indexer`. Of `jobs`, only `database` changes the schema through it; the rest may read versions.
"""
