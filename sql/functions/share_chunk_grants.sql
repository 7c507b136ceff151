-- Gives to everybody who was granted something on chunks the same on one of its partitions: PostgreSQL asks for rights
-- on a partition that is named itself (COPY does, and so do the statistics that pg_stats shows).
create or replace function pgdex.share_chunk_grants(p_partition regclass) returns void
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
        execute format('grant %s on %s to %s', v_grant.privilege_type, p_partition, v_grant.grantee);
    end loop;
end
$$;
