-- +goose Up

-- One row per model that is tuned at an OpenAI-compatible service. The service is not ours and knows no transactions: each
-- step is put on record before it is taken and after it.
CREATE TABLE tunings (
    id              uuid PRIMARY KEY,
    owner           uuid        NOT NULL, -- who asked for it. No foreign key: what it cost outlives the account.
    job_id          uuid        NOT NULL UNIQUE,
    -- Counts the reruns: each begins anew at the service, under names of its own.
    round           integer     NOT NULL DEFAULT 1,
    dataset_id      uuid        NOT NULL, -- no foreign key: old datasets are swept
    base_model      text        NOT NULL,
    suffix          text        NOT NULL DEFAULT '',
    hyperparameters jsonb       NOT NULL DEFAULT '{}',
    validation      boolean     NOT NULL,
    state           text        NOT NULL DEFAULT 'queued'
                    CHECK (state IN ('queued', 'uploading', 'creating', 'tuning', 'succeeded', 'failed', 'cancelled')),
    -- What the service calls it, as far as it was told.
    training_file   text,
    validation_file text,
    remote_job      text,
    remote_status   text,
    asked_at        timestamptz,          -- when the service was last asked to create the job
    idle_polls      integer     NOT NULL DEFAULT 0, -- since there was news
    events_told     bigint      NOT NULL DEFAULT 0, -- the last event that went to the live stream
    model           text,
    trained_tokens  bigint,
    error_code      text,
    error_message   text,
    begun_at        timestamptz NOT NULL DEFAULT now(), -- of this round
    created_at      timestamptz NOT NULL DEFAULT now(),
    finished_at     timestamptz
);

-- What the service told of a tuning, in the order in which we heard it.
CREATE TABLE tuning_events (
    tuning_id uuid        NOT NULL REFERENCES tunings (id) ON DELETE CASCADE,
    round     integer     NOT NULL,
    seq       bigint      NOT NULL,
    remote_id text        NOT NULL,
    at        timestamptz NOT NULL,
    level     text        NOT NULL,
    message   text        NOT NULL,
    data      jsonb,
    PRIMARY KEY (tuning_id, round, seq),
    UNIQUE (tuning_id, round, remote_id)
);

-- The models that were made here. What else the Ollama server has, it knows itself.
CREATE TABLE models (
    name       text PRIMARY KEY,
    provider   text        NOT NULL CHECK (provider IN ('ollama', 'openai')),
    base       text        NOT NULL,
    creator    uuid        NOT NULL,
    state      text        NOT NULL CHECK (state IN ('creating', 'ready', 'failed', 'deleting')),
    spec       jsonb       NOT NULL DEFAULT '{}', -- of one at Ollama: system text, template, parameters
    job_id     uuid        NOT NULL,              -- that makes it, or deletes it
    tuning_id  uuid        REFERENCES tunings (id) ON DELETE SET NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX models_tuning_id_idx ON models (tuning_id) WHERE tuning_id IS NOT NULL;

-- +goose Down
DROP TABLE models, tuning_events, tunings;
