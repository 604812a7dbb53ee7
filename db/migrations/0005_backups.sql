-- +goose Up

-- What is known of each backup. The storage of the backups can be read without this: a restored database learns from it
-- what it missed.
CREATE TABLE backups (
    id              uuid PRIMARY KEY,
    -- The job that makes it; NULL for one that was found in the storage. No foreign key: the job's record goes earlier.
    job_id          uuid UNIQUE,
    state           text        NOT NULL DEFAULT 'queued'
                    CHECK (state IN ('queued', 'running', 'verifying', 'succeeded', 'failed', 'damaged', 'deleted')),
    epoch           bigint      NOT NULL DEFAULT 0, -- of the job's run that writes it, or has written it
    reason          text,                           -- why it failed or is damaged
    created_at      timestamptz NOT NULL DEFAULT now(),
    taken_at        timestamptz,                    -- the moment whose data it holds
    finished_at     timestamptz,
    restore_seconds double precision,               -- how long restoring its database took when it was last done
    verified_at     timestamptz,
    verified_by     text CHECK (verified_by IN ('restore', 'hashes')),
    summary         jsonb                           -- what stands beside it in the storage, once it is verified
);
CREATE INDEX backups_state_idx ON backups (state);

-- Content that lies in the storage of the backups. Each part is written once and never changed; some content may have
-- several, such as one for each set of keys that it was encrypted for.
CREATE TABLE backup_blobs (
    part_key    text PRIMARY KEY,
    sha256      bytea       NOT NULL, -- of the content
    part_sha256 bytea       NOT NULL, -- of the encrypted content
    part_size   bigint      NOT NULL,
    recipients  text        NOT NULL, -- who can decrypt it, as a fingerprint
    added_at    timestamptz NOT NULL, -- taken_at of the first backup that may name it
    dropped_at  timestamptz,          -- taken_at of the first backup after that which does not name it any more
    checked_at  timestamptz,          -- when it was read back and was what it has to be
    broken      boolean     NOT NULL DEFAULT false -- it was not: the next backup writes the content anew
);
CREATE INDEX backup_blobs_sha256_idx ON backup_blobs (sha256);

-- What the blobs of the house hold, so that a backup reads only those that are new.
CREATE TABLE backup_sources (
    blob_key text PRIMARY KEY,
    size     bigint      NOT NULL,
    mod_time timestamptz NOT NULL,
    sha256   bytea       NOT NULL
);

-- Which installation this is, so that two of them don't take each other's backups for their own.
CREATE TABLE backup_installation (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    id  uuid NOT NULL DEFAULT gen_random_uuid()
);
INSERT INTO backup_installation DEFAULT VALUES;

-- +goose Down
DROP TABLE backup_installation, backup_sources, backup_blobs, backups;
