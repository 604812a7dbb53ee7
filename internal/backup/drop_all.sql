-- Empties a database, as the first thing in the transaction that restores it. Who uses it at the moment has to stop first.
SET LOCAL lock_timeout = '5s';
DO $$
DECLARE name text;
BEGIN
    FOR name IN SELECT nspname FROM pg_catalog.pg_namespace WHERE nspname !~ '^pg_' AND nspname <> 'information_schema' LOOP
        EXECUTE format('DROP SCHEMA %I CASCADE', name);
    END LOOP;
END $$;
-- As in a new database.
CREATE SCHEMA public AUTHORIZATION pg_database_owner;
GRANT USAGE ON SCHEMA public TO PUBLIC;
COMMENT ON SCHEMA public IS 'standard public schema';
