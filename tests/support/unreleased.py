"""What an unreleased pgdex left behind: a few of its tables, as far as anyone looks at them, without its functions."""

import psycopg

UNRELEASED = """
    create schema if not exists pgdex;
    create table pgdex.alembic_version (version_num varchar(32) primary key);
    insert into pgdex.alembic_version values ('{revision}');
    create table pgdex.settings (name text primary key, value text not null);
    create table pgdex.repositories (
        id bigint generated always as identity primary key, project_id text not null, root text not null
    );
    insert into pgdex.repositories (project_id, root) values ('default', '/one'), ('default', '/two');
    create table pgdex.files (
        id bigint generated always as identity primary key,
        repository_id bigint not null references pgdex.repositories (id) on delete cascade,
        path text collate "C" not null, chunks integer not null default 0
    );
    insert into pgdex.files (repository_id, path, chunks) select 1, 'f' || n, 500 from generate_series(1, 3) as n;
    create table pgdex.chunks (repository_id bigint not null, content text) partition by list (repository_id);
    create table pgdex.chunks_r1 partition of pgdex.chunks for values in (1);
    create table pgdex.indexing_jobs (
        id uuid primary key default gen_random_uuid(), repository_id bigint references pgdex.repositories (id),
        status text not null
    );
    insert into pgdex.indexing_jobs (repository_id, status) values (1, 'completed');
    create type pgdex.procrastinate_job_status as enum ('todo', 'doing');
    create table pgdex.procrastinate_workers (id bigint generated always as identity primary key);
    create table pgdex.procrastinate_jobs (
        id bigint generated always as identity primary key, status pgdex.procrastinate_job_status
    );
    create function pgdex.tick(worker bigint) returns boolean language sql as 'select true';
    create function pgdex.guard_job() returns trigger language plpgsql as 'begin return new; end';
    create trigger indexing_jobs_guard before update on pgdex.indexing_jobs
        for each row execute function pgdex.guard_job();
    create view pgdex.job_status as select id as job_id, status from pgdex.indexing_jobs;
"""


def make_unreleased_schema(database_url: str, *, revision: str = "0006", version: str | None = None) -> None:
    """Put it into an empty database. `version` is what it noted of itself, by default as that of `revision` did."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(UNRELEASED.format(revision=revision).encode())
        noted = f"{revision}-0.1.0-3f2a5c" if version is None else version
        if noted:
            connection.execute("insert into pgdex.settings values ('schema_version', %s)", [noted])
