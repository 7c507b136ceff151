"""Coding agents on this machine: where each keeps its files, what an entry of an MCP server looks like in them, and
edits that change nothing else.

`clients` is the table of agents, `edits` what can be done to one file (`jsonc`, `toml`, `markdown` know the formats),
`installing` plans and undoes, `files` and `receipts` touch the disk, `proof` starts what was registered as the agent
would, `plugins` knows who has pgdex's plugin instead. Only `cli` may import this package. It imports nothing of pgdex
but `errors`: it knows neither jobs nor a database, and learns the program and its settings from its caller.
"""
