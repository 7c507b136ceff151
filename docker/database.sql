-- Run once by the database's image, as its superuser, in the new database: the login that owns it from then on.
--
-- It is no superuser. CREATEROLE is for the roles pgdex_reader, pgdex_client and pgdex_worker and for the logins that get
-- them; PostgreSQL lets it administer those that it has made, and no other.
\set ON_ERROR_STOP on
\getenv owner_password POSTGRES_OWNER_PASSWORD
create extension if not exists vector with schema public;
create role pgdex login createrole password :'owner_password';
select format('alter database %I owner to pgdex', current_database()) \gexec
-- Whoever has no role of pgdex has no business here.
select format('revoke all on database %I from public', current_database()) \gexec
