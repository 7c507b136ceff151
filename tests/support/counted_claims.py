"""How often batches were claimed: attempt numbers are random, so they don't tell."""

from uuid import UUID

from pgdex.jobs.database.connection import Connection


def count_claims(connection: Connection) -> None:
    """From now on, note each batch that a worker claims. The login must own the schema."""
    connection.execute(
        """
        create table public.claims (job_id uuid, seq integer);
        grant insert on public.claims to public;
        create function public.note_claim() returns trigger language plpgsql as $$
        begin
            insert into public.claims values (new.job_id, new.seq);
            return null;
        end $$;
        create trigger note_claim after update on pgdex.job_batches for each row
        when (new.state = 'running' and old.state <> 'running') execute function public.note_claim();
        """
    )


def claims_beyond_the_first(connection: Connection, job_id: UUID | str) -> int:
    """How many more claims there were of the job's batches than batches."""
    row = connection.execute(
        "select count(*) - count(distinct seq) from public.claims where job_id = %s", [job_id]
    ).fetchone()
    assert row is not None
    return int(row[0])
