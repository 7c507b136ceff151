"""What an index holds, row for row, in a form that two runs can be compared by."""

import hashlib

from pgdex.jobs.database.connection import Connection

FILES = """
    select f.path, f.language, encode(f.content_hash, 'hex'), f.skip_reason, f.chunks
    from pgdex.files f order by f.path
"""
CHUNKS = """
    select f.path, c.ordinal, c.start_line, c.end_line, c.kind, c.symbol, md5(c.content),
        md5(c.lexemes::text), md5(c.term_weights::text), md5(c.embedding::text), m.name
    from pgdex.chunks c
    join pgdex.files f on f.id = c.file_id and f.repository_id = c.repository_id
    left join pgdex.embedding_models m on m.id = c.model_id
    order by f.path, c.ordinal
"""
ORPHANS = """
    select count(*) from pgdex.chunks c
    where not exists (select from pgdex.files f where f.id = c.file_id and f.repository_id = c.repository_id)
"""
MISCOUNTED = """
    select count(*) from pgdex.files f
    where f.chunks <> (select count(*) from pgdex.chunks c where c.repository_id = f.repository_id and c.file_id = f.id)
"""


def index_digest(connection: Connection) -> str:
    """One digest over every file and chunk; ids and times do not count."""
    digest = hashlib.sha256()
    for query in (FILES, CHUNKS):
        for row in connection.execute(query):
            digest.update(repr(row).encode())
    return digest.hexdigest()


def assert_index_is_sound(connection: Connection) -> None:
    """No chunk without its file, and every file's count of chunks is right."""
    for query, what in ((ORPHANS, "chunks without a file"), (MISCOUNTED, "files with a wrong count of chunks")):
        row = connection.execute(query).fetchone()
        assert row == (0,), f"{row} {what}"
