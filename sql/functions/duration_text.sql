-- Seconds in a readable form: 0.4 s, 19 s, 3 min 20 s, 2 h 5 min.
create or replace function pgdex.duration_text(seconds double precision) returns text
language sql immutable
as $$
    select case
        when seconds < 9.95 then trim(to_char(greatest(seconds, 0), 'FM990.0')) || ' s'
        when seconds < 60 then floor(greatest(seconds, 10))::text || ' s'
        when seconds < 3600 then floor(seconds / 60)::text || ' min ' || floor(seconds)::integer % 60 || ' s'
        else floor(seconds / 3600)::text || ' h ' || floor(seconds / 60)::integer % 60 || ' min'
    end
$$;
