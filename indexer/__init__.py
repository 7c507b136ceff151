"""A source tree in, rows and search results out. Knows nothing of jobs."""
