"""Chaos: real workers, a real database and a real embedding service, any of which may die at any moment."""
