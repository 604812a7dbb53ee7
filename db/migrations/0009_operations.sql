-- +goose Up

-- Queues whose jobs must not start: a row while it is so. Redis is only told.
CREATE TABLE queue_pauses (
    queue      text PRIMARY KEY,
    since      timestamptz NOT NULL DEFAULT now(),
    actor      uuid, -- the account; NULL for the command line
    actor_name text        NOT NULL,
    reason     text        NOT NULL DEFAULT ''
);

-- When somebody said that a failed job needs no more attention. It stays on record.
ALTER TABLE jobs ADD COLUMN discarded_at timestamptz;
-- The dead letters: by cause, and as a list. Jobs fail rarely, so these are small.
CREATE INDEX jobs_dead_cause_idx ON jobs (kind, error_code, id) WHERE state = 'failed' AND discarded_at IS NULL;
CREATE INDEX jobs_dead_idx ON jobs (id) WHERE state = 'failed' AND discarded_at IS NULL;
CREATE INDEX jobs_failed_at_idx ON jobs (finished_at) WHERE state = 'failed';
-- How fast a queue goes, from its last jobs that ended.
CREATE INDEX jobs_ended_idx ON jobs (queue, finished_at) WHERE finished_at IS NOT NULL;

-- +goose Down
DROP INDEX jobs_ended_idx, jobs_failed_at_idx, jobs_dead_idx, jobs_dead_cause_idx;
ALTER TABLE jobs DROP COLUMN discarded_at;
DROP TABLE queue_pauses;
