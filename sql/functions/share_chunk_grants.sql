-- Grants the rights that were granted on chunks on one of the tables that hold chunks too: PostgreSQL checks rights on
-- the table that a statement names, and every statement of pgdex names such a table.
create or replace function pgdex.share_chunk_grants(p_table regclass) returns void
language plpgsql
set search_path = pg_catalog, pgdex, pg_temp
as $$
declare
    v_grant record;
begin
    for v_grant in
        select acl.privilege_type, case acl.grantee when 0 then 'public' else acl.grantee::regrole::text end as grantee
        from pg_class c, aclexplode(c.relacl) as acl
        where c.oid = 'pgdex.chunks'::regclass and acl.grantee <> c.relowner
    loop
        execute format('grant %s on %s to %s', v_grant.privilege_type, p_table, v_grant.grantee);
    end loop;
end
$$;
