-- +goose Up

ALTER TABLE files
    -- When the scanner last looked and what it looked with, in its own words. scanned_at is when the verdict was reached.
    ADD COLUMN checked_at      timestamptz,
    ADD COLUMN checked_with    text,
    -- How often the content was moved. Each place it is moved to has a key that it never had before and never gets again,
    -- so that nobody who removes it from an old one can hit the new one, however late they are.
    ADD COLUMN moves           integer NOT NULL DEFAULT 0,
    -- Somebody opened it against the verdict, which stays. No foreign key: what somebody did outlives their account.
    ADD COLUMN released_at     timestamptz,
    ADD COLUMN released_by     uuid,
    ADD COLUMN release_reason  text;

-- What is in quarantine, and what a rescan looks at, in order.
CREATE INDEX files_status_idx ON files (status, id);
CREATE INDEX files_released_idx ON files (id) WHERE released_at IS NOT NULL;

-- What became of a file, and when: a row for each verdict that differs from the one before, and for each release.
CREATE TABLE file_events (
    id           uuid PRIMARY KEY,
    file_id      uuid        NOT NULL REFERENCES files (id) ON DELETE CASCADE,
    at           timestamptz NOT NULL DEFAULT now(),
    event        text        NOT NULL CHECK (event IN ('scan', 'rescan', 'release')),
    status       text        NOT NULL, -- of the file from then on
    verdict      text,
    signature    text,
    checked_with text,
    actor_name   text, -- who released it
    reason       text
);
CREATE INDEX file_events_file_id_idx ON file_events (file_id, id);

-- +goose Down
DROP TABLE file_events;
DROP INDEX files_released_idx, files_status_idx;
ALTER TABLE files DROP COLUMN checked_at, DROP COLUMN checked_with, DROP COLUMN moves, DROP COLUMN released_at,
    DROP COLUMN released_by, DROP COLUMN release_reason;
