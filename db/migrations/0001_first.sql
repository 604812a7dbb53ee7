-- +goose Up

CREATE TABLE users (
    id            uuid PRIMARY KEY,
    email         text        NOT NULL,
    name          text        NOT NULL,
    password_hash text        NOT NULL,
    role          text        NOT NULL DEFAULT 'user' CHECK (role IN ('user', 'admin')),
    created_at    timestamptz NOT NULL DEFAULT now()
);
-- Addresses are stored lower-cased by the application; the index keeps two spellings from becoming two accounts.
CREATE UNIQUE INDEX users_email_key ON users (lower(email));

-- A session is one login. Its refresh tokens rotate: each can be used once, and using one twice revokes the session.
CREATE TABLE sessions (
    id         uuid PRIMARY KEY,
    user_id    uuid        NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL,
    revoked_at timestamptz
);
CREATE INDEX sessions_user_id_idx ON sessions (user_id);
CREATE INDEX sessions_expires_at_idx ON sessions (expires_at);

CREATE TABLE refresh_tokens (
    token_hash bytea PRIMARY KEY,
    session_id uuid        NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    created_at timestamptz NOT NULL DEFAULT now(),
    used_at    timestamptz
);
CREATE INDEX refresh_tokens_session_id_idx ON refresh_tokens (session_id);
CREATE INDEX refresh_tokens_used_at_idx ON refresh_tokens (used_at) WHERE used_at IS NOT NULL;

-- One row per job: the truth about it. Redis holds only its id and epoch.
CREATE TABLE jobs (
    id              uuid PRIMARY KEY,
    kind            text        NOT NULL,
    queue           text        NOT NULL,
    args            jsonb       NOT NULL,
    state           text        NOT NULL DEFAULT 'queued'
                    CHECK (state IN ('queued', 'running', 'succeeded', 'failed', 'cancelled')),
    -- The fencing token: each dispatch after the first has a higher one, and only its holder may write.
    epoch           bigint      NOT NULL DEFAULT 1,
    attempt         integer     NOT NULL DEFAULT 0,
    max_attempts    integer     NOT NULL,
    crashes         integer     NOT NULL DEFAULT 0,
    -- The owner is a user, or the nil UUID for the system itself. No foreign key: a job outlives its owner's account.
    owner           uuid        NOT NULL,
    run_at          timestamptz NOT NULL DEFAULT now(),
    unique_key      text,
    -- How many of a kind may run at once for one owner, and for one limit key (such as a model); NULL is no bound.
    owner_limit     integer,
    limit_key       text        NOT NULL DEFAULT '',
    key_limit       integer,
    -- A parked job waits for a running one of its limit to end; it is not dispatched meanwhile.
    parked          boolean     NOT NULL DEFAULT false,
    progress        jsonb,
    result          jsonb,
    error_code      text,
    error_message   text,
    worker_id       uuid,
    trace_context   text,
    created_at      timestamptz NOT NULL DEFAULT now(),
    dispatched_at   timestamptz,
    started_at      timestamptz,
    finished_at     timestamptz
);
-- What a dispatcher looks for: per queue and owner, the oldest due job first.
CREATE INDEX jobs_dispatchable_idx ON jobs (queue, owner, run_at, id)
    WHERE state = 'queued' AND dispatched_at IS NULL AND NOT parked;
-- What lies in Redis, to keep that small and to find what Redis has lost. By run_at, because only what is due counts: in
-- an outage of something that jobs need, tens of thousands wait there for their retry.
CREATE INDEX jobs_dispatched_idx ON jobs (queue, run_at) WHERE state = 'queued' AND dispatched_at IS NOT NULL;
-- What a worker holds: heartbeat and reaper.
CREATE INDEX jobs_running_idx ON jobs (worker_id) WHERE state = 'running';
-- The bounds on running jobs, who waits for them, and whose turn it is: the owner served longest ago.
CREATE INDEX jobs_running_of_key_idx ON jobs (kind, limit_key) WHERE key_limit IS NOT NULL AND state = 'running';
CREATE INDEX jobs_running_of_owner_idx ON jobs (kind, owner) WHERE owner_limit IS NOT NULL AND state = 'running';
CREATE INDEX jobs_parked_idx ON jobs (kind, limit_key, owner, run_at, id) WHERE parked AND state = 'queued';
CREATE INDEX jobs_served_idx ON jobs (kind, owner, started_at) WHERE key_limit IS NOT NULL OR owner_limit IS NOT NULL;
CREATE UNIQUE INDEX jobs_unique_key ON jobs (kind, unique_key)
    WHERE unique_key IS NOT NULL AND state IN ('queued', 'running');
CREATE INDEX jobs_owner_idx ON jobs (owner, id);

-- One row per living worker process, one heartbeat for all its jobs.
CREATE TABLE workers (
    id           uuid PRIMARY KEY,
    host         text        NOT NULL,
    pid          integer     NOT NULL,
    queues       jsonb       NOT NULL,
    concurrency  integer     NOT NULL,
    started_at   timestamptz NOT NULL DEFAULT now(),
    heartbeat_at timestamptz NOT NULL DEFAULT now(),
    -- Counts heartbeats, so that the reaper can tell a silent worker without comparing clocks.
    beat         bigint      NOT NULL DEFAULT 0
);

-- The first answer to a POST with an Idempotency-Key, given again for 24 hours.
CREATE TABLE idempotency_keys (
    user_id    uuid        NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    route      text        NOT NULL,
    key        text        NOT NULL,
    body_hash  bytea       NOT NULL,
    status     integer     NOT NULL DEFAULT 0,
    response   jsonb       NOT NULL DEFAULT '{}',
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (user_id, route, key)
);
CREATE INDEX idempotency_keys_created_at_idx ON idempotency_keys (created_at);

CREATE TABLE files (
    id               uuid PRIMARY KEY,
    owner            uuid        NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    name             text        NOT NULL,
    size             bigint      NOT NULL,
    media_type       text        NOT NULL,
    sha256           bytea       NOT NULL,
    blob_key         text        NOT NULL,
    status           text        NOT NULL DEFAULT 'processing'
                     CHECK (status IN ('processing', 'clean', 'quarantined', 'refused', 'failed')),
    verdict          text        CHECK (verdict IN ('clean', 'infected', 'limits_exceeded', 'encrypted', 'error', 'timeout')),
    signature        text,
    reason           text,
    thumbnail_status text        NOT NULL DEFAULT 'none' CHECK (thumbnail_status IN ('none', 'pending', 'ready', 'failed')),
    thumbnail_reason text,
    job_id           uuid        NOT NULL,
    created_at       timestamptz NOT NULL DEFAULT now(),
    scanned_at       timestamptz
);
CREATE INDEX files_owner_idx ON files (owner, id);

CREATE TABLE thumbnails (
    file_id    uuid    NOT NULL REFERENCES files (id) ON DELETE CASCADE,
    name       text    NOT NULL,
    width      integer NOT NULL,
    height     integer NOT NULL,
    size       bigint  NOT NULL,
    media_type text    NOT NULL,
    blob_key   text    NOT NULL,
    PRIMARY KEY (file_id, name)
);

-- What was asked of a model and what it answered.
CREATE TABLE ai_queries (
    id                uuid PRIMARY KEY,
    owner             uuid        NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    job_id            uuid        NOT NULL UNIQUE,
    model             text        NOT NULL,
    system            text        NOT NULL DEFAULT '',
    prompt            text        NOT NULL,
    answer            text,
    finish_reason     text,
    prompt_tokens     integer,
    completion_tokens integer,
    first_token_ms    bigint,
    total_ms          bigint,
    created_at        timestamptz NOT NULL DEFAULT now(),
    finished_at       timestamptz
);
CREATE INDEX ai_queries_owner_idx ON ai_queries (owner, id);

-- +goose Down
DROP TABLE ai_queries, thumbnails, files, idempotency_keys, workers, jobs, refresh_tokens, sessions, users;
