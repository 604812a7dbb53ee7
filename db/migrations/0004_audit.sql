-- +goose Up

-- What administrators changed. Rows are added and never changed, which a trigger sees to.
CREATE TABLE audit_entries (
    id         uuid PRIMARY KEY,
    at         timestamptz NOT NULL DEFAULT now(),
    -- The account; NULL for the command line. No foreign key: what somebody did outlives their account.
    actor      uuid,
    actor_name text        NOT NULL, -- the account's address at that time, or who ran the command where
    action     text        NOT NULL, -- what was done to what, as in schedule.pause
    target     text        NOT NULL, -- the id or name of what was changed
    reason     text        NOT NULL DEFAULT '',
    detail     jsonb       NOT NULL DEFAULT '{}'
);
CREATE INDEX audit_entries_target_idx ON audit_entries (target, id);
CREATE INDEX audit_entries_action_idx ON audit_entries (action, id);
CREATE INDEX audit_entries_actor_idx ON audit_entries (actor, id);

-- +goose StatementBegin
CREATE FUNCTION refuse_audit_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'audit entries are never changed';
END $$;
-- +goose StatementEnd
CREATE TRIGGER audit_entries_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_entries
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_audit_change();

-- +goose Down
DROP TABLE audit_entries;
DROP FUNCTION refuse_audit_change;
