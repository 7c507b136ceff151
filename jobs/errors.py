"""What can go wrong, in users' words. Each class is one kind of answer that a front end gives."""

from uuid import UUID


class PgdexError(Exception):
    """Something that a user can understand and mend; front ends show its message without a traceback."""

    code = "ERROR"
    exit_code = 1


class InvalidSetting(PgdexError):
    """A PGDEX_ variable has a value that can't be used."""

    code = "VALIDATION_ERROR"
    exit_code = 2


class InvalidRequest(PgdexError):
    """An argument can't be used: a relative path, an unknown status, a malformed id."""

    code = "VALIDATION_ERROR"
    exit_code = 2


class NotEnoughDiskSpace(PgdexError):
    """The disk that holds the embedded database can't take the index."""

    code = "NOT_ENOUGH_DISK_SPACE"
    exit_code = 2


class FolderHangs(PgdexError):
    """The file system of a repository never answers."""

    code = "FOLDER_HANGS"
    exit_code = 1


class NothingFound(PgdexError):
    """There is no file to index in a folder: it is empty, or ignore rules leave out all of it."""


class TooBroad(InvalidRequest):
    """A folder that nobody means as a repository: `/`, a home folder, `/usr`. The front ends add how to insist."""


class JobNotFound(PgdexError):
    """There is no such job (in this project)."""

    code = "JOB_NOT_FOUND"
    exit_code = 4


class JobIsFinal(PgdexError):
    """The job has ended, so what was asked for can't be done to it any more."""

    code = "JOB_IS_FINAL"
    exit_code = 5


class JobIsLive(PgdexError):
    """The repository is being indexed, so what was asked for can't be done to it now."""

    code = "JOB_IS_LIVE"
    exit_code = 2


class ModelChanged(PgdexError):
    """The index was made with another embedding model. The front ends add how to go on, each in its own words."""

    code = "MODEL_CHANGED"
    exit_code = 2


class NotAllowed(PgdexError):
    """The login may not do that; the message names the role that it needs."""

    code = "NOT_ALLOWED"
    exit_code = 3


class SchemaBehind(PgdexError):
    """The database's schema is not the one that this version of pgdex works with."""

    code = "DATABASE_ERROR"
    exit_code = 3


class SchemaAhead(PgdexError):
    """The database was upgraded by a newer pgdex than this one."""

    code = "DATABASE_ERROR"
    exit_code = 3


class SchemaInUse(PgdexError):
    """The schema can't be changed now: someone works with it, or holds a lock on it."""

    code = "DATABASE_ERROR"
    exit_code = 3


class DatabaseUnavailable(PgdexError):
    """The database can't be reached, or is not fit for pgdex."""

    code = "DATABASE_ERROR"
    exit_code = 3


class ServerBusy(DatabaseUnavailable):
    """A server has as many calls in progress as it takes at once; nothing was done."""

    code = "BUSY"


class EmbedderUnavailable(PgdexError):
    """The embedding model or service can't be used. Only Python programs see this class: the other front ends know the
    indexer's own error."""

    code = "EMBEDDER_UNAVAILABLE"
    exit_code = 7


class JobNotCompleted(PgdexError):
    """A job that a Python program waited for has failed or was cancelled; the message says why."""

    code = "JOB_NOT_COMPLETED"

    def __init__(self, message: str, *, job_id: UUID, status: str) -> None:
        super().__init__(message)
        self.job_id = job_id
        self.status = status
        """`failed` or `cancelled`."""


class JobTimeout(PgdexError, TimeoutError):
    """A job has not ended in the time that a Python program gave it. It continues."""

    code = "TIMEOUT"
