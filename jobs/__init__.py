"""The job queue, the work that its batches do, and the front ends through which people and agents use both.

The modules here are what every package needs: `settings` with `environment`, `errors` and
`logging`; `embedders`, `ignored` and `repository_path`, which adapt the indexer to a user's settings and words. `app`
and `tasks` are where procrastinate enters. The packages, from top to bottom: `cli` beside `api`, `mcp`, `worker`,
`batches` beside `client`, `database`. A package imports what is below it, nothing above or beside it; pyproject.toml
holds the contract, and `make check` runs it. Only `pgdex/__init__.py` imports `jobs` from outside: `indexer` and
`migrations` know nothing of it.
"""
