"""Admission by turns of projects; heartbeats, probes and duties that are numbers and not moments.

Revision ID: 0006
Revises: 0005
"""

from alembic import op

from pgdex.migrations.objects import driver_connection

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

UPGRADE = """
create table pgdex.cluster_duties (
    name text primary key,
    counter bigint not null default 0
);
insert into pgdex.cluster_duties (name) values ('admission'), ('healing'), ('reclaiming'), ('retention');

alter table pgdex.workers
    add column beat bigint not null default 0,
    add column beat_at timestamp with time zone not null default clock_timestamp();

-- enqueue_job makes no project any more: two open transactions with the same new one would wait for each other.
alter table pgdex.repositories drop constraint repositories_project_id_fkey;
alter table pgdex.projects add column turn bigint not null default 0;

alter table pgdex.indexing_jobs disable trigger user;
alter table pgdex.indexing_jobs
    add column queue_number bigint,
    add column waits_for_place boolean not null default false,
    add column probe_number bigint not null default 0,
    add column probe_wait double precision not null default 1,
    add column seconds_waited double precision not null default 0,
    add column embedder_allowed boolean not null default false,
    drop column waiting_since;
update pgdex.indexing_jobs j
set queue_number = n.number, waits_for_place = j.status = 'pending' and j.admitted_at is null,
    admitted_at = case when j.status <> 'blocked' then j.admitted_at end
from (select id, row_number() over (order by created_at, id) as number from pgdex.indexing_jobs) as n
where n.id = j.id;
alter table pgdex.indexing_jobs alter column queue_number set not null;
alter table pgdex.indexing_jobs alter column queue_number add generated always as identity;
select setval(
    pg_get_serial_sequence('pgdex.indexing_jobs', 'queue_number'), coalesce(max(queue_number), 0) + 1, false
) from pgdex.indexing_jobs;
alter table pgdex.indexing_jobs enable trigger user;
create index indexing_jobs_waiting_idx on pgdex.indexing_jobs (project_id, status, queue_number) where waits_for_place;
create index indexing_jobs_places_idx on pgdex.indexing_jobs (id)
    where status in ('pending', 'running') and admitted_at is not null;
"""
DOWNGRADE = """
drop view if exists pgdex.worker_status cascade;
drop index pgdex.indexing_jobs_places_idx;
drop index pgdex.indexing_jobs_waiting_idx;
alter table pgdex.indexing_jobs disable trigger user;
-- The older release counts blocked jobs among those that have a place, and resumes them without asking for one.
update pgdex.indexing_jobs set admitted_at = clock_timestamp() where status = 'blocked' and admitted_at is null;
alter table pgdex.indexing_jobs enable trigger user;
alter table pgdex.indexing_jobs
    drop column queue_number, drop column waits_for_place, drop column probe_number, drop column probe_wait,
    drop column seconds_waited, drop column embedder_allowed, add column waiting_since timestamp with time zone;
insert into pgdex.projects (id) select distinct project_id from pgdex.repositories on conflict do nothing;
alter table pgdex.projects drop column turn;
alter table pgdex.repositories
    add constraint repositories_project_id_fkey foreign key (project_id) references pgdex.projects (id);
alter table pgdex.workers drop column beat, drop column beat_at;
drop table pgdex.cluster_duties;
"""


def upgrade() -> None:
    driver_connection(op.get_bind()).execute(UPGRADE)


def downgrade() -> None:
    driver_connection(op.get_bind()).execute(DOWNGRADE)
