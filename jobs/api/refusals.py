"""Whatever goes wrong below, as an error of `pgdex.errors`."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

from pgdex.jobs.database.outages import refusal_message
from pgdex.jobs.errors import DatabaseUnavailable, EmbedderUnavailable, InvalidRequest, NotAllowed, PgdexError


@contextmanager
def own_errors() -> Iterator[None]:
    """What the block raises of psycopg and of embedders is raised as a PgdexError, with the other one as its cause."""
    from pgdex.indexer.embedding import EmbedderError

    try:
        yield
    except psycopg.Error as error:
        raise _of_database(error) from error
    except EmbedderError as error:
        raise EmbedderUnavailable(str(error)) from error
    except UnicodeEncodeError as error:
        if error.reason != "surrogates not allowed":
            raise
        raise InvalidRequest(f"not valid UTF-8, which the database requires: {error.object!a}") from error


def _of_database(error: psycopg.Error) -> PgdexError:
    reason = " ".join(str(error).split()) or "no reason given"
    if (refusal := refusal_message(error)) is not None:
        return DatabaseUnavailable(refusal)
    if isinstance(error, psycopg.errors.InsufficientPrivilege):
        return NotAllowed(f"the database refused: {reason}")
    if isinstance(error, psycopg.DataError):
        return InvalidRequest(f"the database can't take that value: {reason}")
    if isinstance(error, psycopg.OperationalError):
        return DatabaseUnavailable(f"lost the connection to the database: {reason}. Jobs continue; call again")
    return DatabaseUnavailable(f"the database refused: {reason}")
