-- A count in a readable form: 15000 -> 15,000, whatever the server's locale.
create or replace function pgdex.thousands(n bigint) returns text
language sql immutable
as $$ select trim(to_char(n, 'FM999,999,999,999,999')) $$;
