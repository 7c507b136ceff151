"""Clients of others: coding agents against what `pgdex install` writes, agent frameworks against `pgdex mcp`.

`make test-clients` runs them, with what they need from npm's registry and PyPI; the default run leaves them out.
"""
