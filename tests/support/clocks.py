"""Setting the server's clock, as far as a database can tell: by moving all times that it has stored the other way."""

from datetime import timedelta

from pgdex.jobs.database.connection import Connection

# Rows of jobs that have ended never change.
STORED_TIMES = """
    select format(
        'update %s set (%s) = row(%s) %s', c.oid::regclass,
        string_agg(quote_ident(a.attname), ', '),
        string_agg(format('%I + $1', a.attname), ', '),
        case c.relname when 'indexing_jobs' then 'where status in (''pending'', ''running'', ''blocked'')' else '' end
    )
    from pg_class c join pg_attribute a on a.attrelid = c.oid
    where c.relnamespace = 'pgdex'::regnamespace and c.relkind = 'r' and not c.relispartition
        and a.atttypid = 'timestamptz'::regtype and a.attnum > 0 and not a.attisdropped
    group by c.oid, c.relname
"""
MOVE = """
    do $move$
    declare
        v_statement text;
    begin
        set local session_replication_role = replica;
        for v_statement in {} loop
            execute v_statement using interval '{} seconds';
        end loop;
        set local session_replication_role = origin;
    end
    $move$
"""


def set_clock(connection: Connection, by: timedelta) -> None:
    """Let every stored time look as if the clock had been moved forward by `by` (back, where it is negative)."""
    connection.execute(MOVE.format(STORED_TIMES, -by.total_seconds()).encode())
