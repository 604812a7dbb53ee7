-- +goose Up

-- Who lets their conversations be used for training. Nobody does who is not here.
CREATE TABLE training_consents (
    user_id  uuid PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
    given_at timestamptz NOT NULL DEFAULT now()
);

-- What its owner thinks of the answer: 1 is good, -1 is bad. NULL until they say.
ALTER TABLE ai_queries ADD COLUMN rating smallint CHECK (rating IN (-1, 1));

-- What was asked to be exported, and what became of it.
CREATE TABLE datasets (
    id          uuid PRIMARY KEY,
    owner       uuid        NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    job_id      uuid        NOT NULL UNIQUE,
    -- Whose conversations: the owner's, or those of everyone who consents, which only admins may see.
    scope       text        NOT NULL CHECK (scope IN ('mine', 'everyone')),
    spec        jsonb       NOT NULL,
    state       text        NOT NULL DEFAULT 'building' CHECK (state IN ('building', 'ready', 'failed', 'cancelled')),
    reason      text,
    counts      jsonb,
    created_at  timestamptz NOT NULL DEFAULT now(),
    finished_at timestamptz
);
CREATE INDEX datasets_owner_idx ON datasets (owner, id);
CREATE INDEX datasets_created_at_idx ON datasets (created_at);

-- The files of a dataset that is ready. What lies in the storage under datasets/ and is not here is not there.
CREATE TABLE dataset_files (
    dataset_id uuid   NOT NULL REFERENCES datasets (id) ON DELETE CASCADE,
    name       text   NOT NULL,
    size       bigint NOT NULL,
    sha256     bytea  NOT NULL,
    rows       bigint NOT NULL,
    media_type text   NOT NULL,
    blob_key   text   NOT NULL,
    PRIMARY KEY (dataset_id, name)
);

-- +goose Down
DROP TABLE dataset_files, datasets;
ALTER TABLE ai_queries DROP COLUMN rating;
DROP TABLE training_consents;
