"""What an index holds, row for row, in a form that two runs can be compared by."""

import hashlib

from pgdex.jobs.database.connection import Connection

FILES = """
    select f.path, f.language, encode(f.content_hash, 'hex'), f.skip_reason, f.chunks
    from pgdex.files f order by 1, 3, 4
"""
CHUNKS = """
    select f.path, c.ordinal, c.start_line, c.end_line, c.kind, c.symbol, md5(c.content),
        md5(c.lexemes::text), md5(c.term_weights::text), md5(c.embedding::text), m.name
    from pgdex.chunks c
    join pgdex.files f on f.version_id = c.version_id and f.repository_id = c.repository_id
    left join pgdex.embedding_models m on m.id = c.model_id
    order by 1, 2, 7
"""
ORPHANS = """
    select count(*) from pgdex.chunks c
    where not exists (select from pgdex.versions v where v.id = c.version_id and v.repository_id = c.repository_id)
"""
MISCOUNTED = """
    select count(*) from pgdex.versions v
    where v.chunks <> (
        select count(*) from pgdex.chunks c where c.repository_id = v.repository_id and c.version_id = v.id
    )
"""
UNMARKED = """
    select count(*) from pgdex.versions v
    where (v.unused_since is null) <> exists (select from pgdex.view_files e where e.version_id = v.id)
"""
COLLECTED = """
    select count(*) from pgdex.view_files e join pgdex.views w on w.id = e.view_id
    where e.version_id is not null and not exists (
        select from pgdex.versions v
        where v.id = e.version_id and v.repository_id = w.repository_id and v.path = e.path
            and v.skip_reason is not distinct from e.skip_reason
    )
"""


def index_digest(connection: Connection) -> str:
    """One digest over every file and chunk; ids and times do not count."""
    digest = hashlib.sha256()
    for query in (FILES, CHUNKS):
        for row in connection.execute(query):
            digest.update(repr(row).encode())
    return digest.hexdigest()


def assert_index_is_sound(connection: Connection) -> None:
    """No chunk without its version, no version without its chunks, every file of a view has its version, and those
    versions are marked that no view holds."""
    for query, what in (
        (ORPHANS, "chunks without a version"),
        (MISCOUNTED, "versions with a wrong count of chunks"),
        (COLLECTED, "files of a view without their version"),
        (UNMARKED, "versions with a wrong mark of being unused"),
    ):
        row = connection.execute(query).fetchone()
        assert row == (0,), f"{row} {what}"
