-- Rows are spread evenly over the 30 days before the data set was made: row n of total was born at fill.at(n, total), and
-- its id, a UUIDv7 of that moment, is fill.id(n, total).
CREATE SCHEMA fill;

CREATE FUNCTION fill.ms(n bigint, total bigint) RETURNS bigint LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT /*start*/0 + n * 2592000000 / total
$$;

CREATE FUNCTION fill.at(n bigint, total bigint) RETURNS timestamptz LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT timestamptz 'epoch' + fill.ms(n, total) * interval '1 millisecond'
$$;

CREATE FUNCTION fill.id(n bigint, total bigint) RETURNS uuid LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT (lpad(to_hex(fill.ms(n, total)), 12, '0') || '7000a' || lpad(to_hex(n), 15, '0'))::uuid
$$;

-- The user who owns row n: half of everything is of five users, 4 of 10 rows of one of 20,000 others, and a tenth of user
-- 100. Accounts are older than what they own.
CREATE FUNCTION fill.owner(n bigint) RETURNS uuid LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT fill.id(CASE WHEN n % 10 < 5 THEN 1 + n / 10 % 5 WHEN n % 10 < 9 THEN 1 + n * 7919 % 20000 ELSE 100 END, 100000000)
$$;
