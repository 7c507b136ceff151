-- Whether a job of that status is live: it has not ended, and its view can have no other.
--
-- The body is an expression and no text, so PostgreSQL puts it in place of the call wherever the caller's search path
-- leads, and finds the partial indexes of live jobs (indexing_jobs_live_idx, indexing_jobs_one_live_per_repository) for
-- `where pgdex.is_live(status)`. Python has the same list in jobs/client/models.py; a test compares them.
create or replace function pgdex.is_live(status text) returns boolean
language sql immutable
return status in ('pending', 'running', 'blocked');
