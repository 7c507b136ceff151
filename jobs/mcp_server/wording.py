"""Durations in an answer's sentences."""


def about(seconds: float) -> str:
    """ "12 s", "3 min", "2 h": roughly."""
    if seconds < 90:
        return f"{round(seconds)} s"
    if seconds < 90 * 60:
        return f"{round(seconds / 60)} min"
    return f"{round(seconds / 3600)} h"
