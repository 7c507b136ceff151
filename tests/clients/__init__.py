"""pgdex under clients of others: each is installed into an environment of its own below .cache and runs as a process.

pytest -m clients, or `make test-clients`; the default run leaves them out.
"""
