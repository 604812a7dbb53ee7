-- +goose Up

-- One row per document about the use of a period, and what became of it.
CREATE TABLE reports (
    id            uuid PRIMARY KEY,
    owner         uuid        NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    scope         text        NOT NULL CHECK (scope IN ('mine', 'everyone')),
    from_at       timestamptz NOT NULL,
    to_at         timestamptz NOT NULL, -- exclusive
    zone          text        NOT NULL, -- the IANA name of the time zone whose days are counted
    formats       text[]      NOT NULL,
    weekly        boolean     NOT NULL DEFAULT false, -- the clock asked for it, not its owner
    state         text        NOT NULL DEFAULT 'building' CHECK (state IN ('building', 'built', 'failed')),
    error_code    text,
    error_message text,
    job_id        uuid        NOT NULL UNIQUE,
    created_at    timestamptz NOT NULL DEFAULT now(),
    finished_at   timestamptz,
    CHECK (from_at < to_at)
);
CREATE INDEX reports_owner_idx ON reports (owner, id);
-- However often the clock's job runs, an admin has a week once.
CREATE UNIQUE INDEX reports_weekly_key ON reports (owner, from_at, to_at) WHERE weekly;

CREATE TABLE report_files (
    report_id uuid NOT NULL REFERENCES reports (id) ON DELETE CASCADE,
    format    text NOT NULL,
    file_id   uuid NOT NULL UNIQUE REFERENCES files (id) ON DELETE CASCADE,
    PRIMARY KEY (report_id, format)
);

-- What is left of a job and of a file when it is deleted: the numbers that reports count. Triggers write it in the
-- transaction that deletes, so each is either there or here, once.
CREATE TABLE job_history (
    id          uuid PRIMARY KEY,
    kind        text        NOT NULL,
    state       text        NOT NULL,
    owner       uuid        NOT NULL,
    waited      double precision, -- seconds; see ended_jobs
    ran         double precision,
    finished_at timestamptz NOT NULL
);
CREATE INDEX job_history_finished_at_idx ON job_history (finished_at);
CREATE INDEX job_history_owner_idx ON job_history (owner, finished_at);

CREATE TABLE file_history (
    id         uuid PRIMARY KEY,
    owner      uuid        NOT NULL,
    size       bigint      NOT NULL,
    status     text        NOT NULL,
    verdict    text,
    created_at timestamptz NOT NULL,
    deleted_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX file_history_created_at_idx ON file_history (created_at);
CREATE INDEX file_history_owner_idx ON file_history (owner, created_at);
CREATE INDEX file_history_deleted_at_idx ON file_history (deleted_at);

-- +goose StatementBegin
CREATE FUNCTION keep_job_history() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO job_history (id, kind, state, owner, waited, ran, finished_at)
    SELECT id, kind, state, owner,
           CASE WHEN worker_id IS NOT NULL THEN extract(epoch FROM started_at - run_at) END,
           CASE WHEN worker_id IS NOT NULL THEN extract(epoch FROM finished_at - started_at) END,
           finished_at
    FROM gone WHERE finished_at IS NOT NULL
    ON CONFLICT (id) DO NOTHING;
    RETURN NULL;
END $$;
-- +goose StatementEnd
CREATE TRIGGER jobs_keep_history AFTER DELETE ON jobs REFERENCING OLD TABLE AS gone
    FOR EACH STATEMENT EXECUTE FUNCTION keep_job_history();

-- +goose StatementBegin
CREATE FUNCTION keep_file_history() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO file_history (id, owner, size, status, verdict, created_at)
    SELECT id, owner, size, status, verdict, created_at FROM gone
    ON CONFLICT (id) DO NOTHING;
    RETURN NULL;
END $$;
-- +goose StatementEnd
CREATE TRIGGER files_keep_history AFTER DELETE ON files REFERENCING OLD TABLE AS gone
    FOR EACH STATEMENT EXECUTE FUNCTION keep_file_history();

-- Every job that has ended: what is on record, and what was swept. waited is from when the last attempt was due until it
-- began, ran from then to the end, both in seconds, NULL where no worker had it when it ended.
CREATE VIEW ended_jobs AS
SELECT id, kind, state, owner,
       CASE WHEN worker_id IS NOT NULL THEN extract(epoch FROM started_at - run_at)::double precision END AS waited,
       CASE WHEN worker_id IS NOT NULL THEN extract(epoch FROM finished_at - started_at)::double precision END AS ran,
       finished_at
FROM jobs WHERE finished_at IS NOT NULL
UNION ALL
SELECT id, kind, state, owner, waited, ran, finished_at FROM job_history;

-- Every file that there was. deleted_at is NULL for those that there are.
CREATE VIEW stored_files AS
SELECT id, owner, size, status, verdict, created_at, NULL::timestamptz AS deleted_at FROM files
UNION ALL
SELECT id, owner, size, status, verdict, created_at, deleted_at FROM file_history;

-- From when on the history is complete; NULL: from the beginning. What this installation deleted before the tables above
-- were here is not in them, and the sweep of old history moves the time on.
CREATE TABLE history_horizon (
    only_row       boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    complete_since timestamptz
);
INSERT INTO history_horizon (complete_since) SELECT CASE WHEN EXISTS (SELECT FROM users) THEN now() END;

CREATE INDEX files_created_at_idx ON files (created_at);
CREATE INDEX ai_queries_created_at_idx ON ai_queries (created_at);

-- +goose Down
DROP INDEX ai_queries_created_at_idx, files_created_at_idx;
DROP VIEW stored_files, ended_jobs;
DROP TRIGGER files_keep_history ON files;
DROP TRIGGER jobs_keep_history ON jobs;
DROP FUNCTION keep_file_history, keep_job_history;
DROP TABLE history_horizon, file_history, job_history, report_files, reports;
