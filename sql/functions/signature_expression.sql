-- The SQL expression that makes the signature of a vector (p_vector: an expression of type halfvec). Signatures of
-- similar vectors share many of the bits that are set in either: their Jaccard distance is small.
--
-- Two bits for each number: whether it is above t, and whether it is below -t, where t is 0.4 of the mean size of the
-- numbers of a vector of length 1. Of ten nearest chunks of code, 98.9 % were among the 2,000 nearest signatures of
-- 210,000 (vectors of 256 numbers; by Hamming distance, which is as good there); with one bit, the sign, it takes 8,000.
-- By Hamming distance, vectors of mostly zeros, such as those of the embedder hashing, would be near to whatever has
-- few words: of the ten nearest of 155,000 chunks, 61 to 66 % would be found instead of 90 to 99 %.
create or replace function pgdex.signature_expression(p_vector text, p_dimension integer) returns text
language sql immutable
set search_path = pg_catalog, pgdex, pg_temp
as $$
    select format(
        '(@extschema:vector@.binary_quantize(%1$s operator(@extschema:vector@.-) %2$L::@extschema:vector@.halfvec(%3$s))'
        ' || @extschema:vector@.binary_quantize('
        '%5$L::@extschema:vector@.halfvec(%3$s) operator(@extschema:vector@.-) %1$s))'
        '::bit(%4$s)',
        p_vector, array_fill((0.4 / sqrt(p_dimension))::real, array[p_dimension])::@extschema:vector@.vector::text,
        p_dimension, p_dimension * 2,
        array_fill((-0.4 / sqrt(p_dimension))::real, array[p_dimension])::@extschema:vector@.vector::text
    )
$$;
