"""What can go wrong, in users' words. Each class is one kind of answer that a door gives."""


class PgdexError(Exception):
    """Something that a user can understand and mend; doors show its message without a traceback."""

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


class NotEnoughRoom(PgdexError):
    """The disk that holds the embedded database can't take the index."""

    code = "NOT_ENOUGH_DISK_SPACE"
    exit_code = 2


class FolderHangs(PgdexError):
    """The file system of a repository never answers."""

    code = "FOLDER_HANGS"
    exit_code = 1


class JobNotFound(PgdexError):
    """There is no such job (in this project)."""

    code = "JOB_NOT_FOUND"
    exit_code = 4


class JobIsFinal(PgdexError):
    """The job has ended, so what was asked for can't be done to it any more."""

    code = "JOB_IS_FINAL"
    exit_code = 5


class ModelChanged(PgdexError):
    """The index was made with another embedding model. The doors add how to go on, each in its own words."""

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


class DatabaseUnavailable(PgdexError):
    """The database can't be reached, or is not fit for pgdex."""

    code = "DATABASE_ERROR"
    exit_code = 3
