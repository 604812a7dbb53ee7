-- +goose Up

-- What runs by the clock. The built-in ones come from the table in the package scheduler.
CREATE TABLE schedules (
    name       text PRIMARY KEY,
    cron       text        NOT NULL,
    zone       text        NOT NULL, -- the IANA name of the time zone in which cron is meant
    kind       text        NOT NULL, -- of the job that a tick starts
    args       jsonb       NOT NULL DEFAULT '{}',
    catch_up   text        NOT NULL CHECK (catch_up IN ('skip', 'once', 'all')),
    paused     boolean     NOT NULL DEFAULT false,
    builtin    boolean     NOT NULL DEFAULT false,
    -- A built-in schedule that somebody changed does not follow the table in the program any more.
    customized boolean     NOT NULL DEFAULT false,
    -- The first tick that nobody has dealt with yet. When it lies in the past it is due, or was missed.
    next_at    timestamptz,
    trouble    text,                 -- why the last tick started nothing
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CHECK (paused = (next_at IS NULL))
);
CREATE INDEX schedules_next_at_idx ON schedules (next_at) WHERE next_at IS NOT NULL;

-- One row for each tick that started a job: what makes a tick single. No foreign key to the job: its record may be swept
-- earlier than the tick.
CREATE TABLE schedule_ticks (
    schedule text        NOT NULL REFERENCES schedules (name) ON DELETE CASCADE,
    tick     timestamptz NOT NULL,
    manual   boolean     NOT NULL DEFAULT false, -- somebody ran it by hand, and tick is when
    job_id   uuid        NOT NULL,
    fired_at timestamptz NOT NULL,
    PRIMARY KEY (schedule, tick)
);
CREATE INDEX schedule_ticks_fired_at_idx ON schedule_ticks (fired_at);

-- What the nightly sweep looks for. Blobs that no record names are removed when they have been here for a while.
CREATE TABLE orphaned_blobs (
    blob_key   text PRIMARY KEY,
    noticed_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX jobs_finished_at_idx ON jobs (finished_at) WHERE finished_at IS NOT NULL;
CREATE INDEX files_quarantined_idx ON files (scanned_at) WHERE status = 'quarantined';
-- Running its job again is the way out for a file whose scan failed.
CREATE INDEX files_failed_job_id_idx ON files (job_id) WHERE status = 'failed';

-- +goose Down
DROP INDEX files_failed_job_id_idx, files_quarantined_idx, jobs_finished_at_idx;
DROP TABLE orphaned_blobs, schedule_ticks, schedules;
