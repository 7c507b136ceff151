"""What several test files share: databases, workers, servers to embed with, model-based checks, small trees of files.

No test is here, and no fixture: those are in the conftest.py nearest to their users. Any test and any benchmark may
import this; it imports pgdex and nothing of the folders with tests.
"""
