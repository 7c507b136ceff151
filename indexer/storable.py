"""Text as PostgreSQL takes it."""


def storable(text: str) -> str:
    """Text that PostgreSQL takes: errors quote file names and contents, and those may hold anything."""
    return text.replace("\0", "\\0").encode("utf-8", "backslashreplace").decode()
