-- +goose Up

-- When the user proved to read the mail of the address; NULL until then.
ALTER TABLE users ADD COLUMN verified_at timestamptz;

-- One row per mail to one recipient. Its text is made when it is sent: templates and links may change until then, and a
-- link's token is never at rest.
CREATE TABLE mails (
    id         uuid PRIMARY KEY,
    job_id     uuid        NOT NULL UNIQUE,
    template   text        NOT NULL,
    recipient  text        NOT NULL,
    -- The account it is to. NULL where nobody knows yet whether there is one.
    user_id    uuid        REFERENCES users (id) ON DELETE CASCADE,
    data       jsonb       NOT NULL DEFAULT '{}',
    -- What a notice is about, so that many of the same kind become one mail; '' for mails that are for themselves.
    about      text        NOT NULL DEFAULT '',
    state      text        NOT NULL DEFAULT 'queued'
               CHECK (state IN ('queued', 'sent', 'suppressed', 'skipped', 'failed')),
    reason     text,
    message_id text,
    created_at timestamptz NOT NULL DEFAULT now(),
    sent_at    timestamptz
);
CREATE INDEX mails_recipient_idx ON mails (recipient, template, about, created_at);
CREATE INDEX mails_user_id_idx ON mails (user_id) WHERE user_id IS NOT NULL;
CREATE INDEX mails_created_at_idx ON mails (created_at);

-- The tokens of the links in mails: good once, for a while, and known here by their hash only.
CREATE TABLE mail_tokens (
    token_hash bytea PRIMARY KEY,
    purpose    text        NOT NULL CHECK (purpose IN ('verify_address', 'password_reset')),
    user_id    uuid        NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    -- The address that the mail went to: the token says nothing about another one.
    email      text        NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL,
    used_at    timestamptz
);
CREATE INDEX mail_tokens_user_id_idx ON mail_tokens (user_id);
CREATE INDEX mail_tokens_expires_at_idx ON mail_tokens (expires_at);

-- Addresses that nothing is sent to: a mail server said that they don't exist, or an admin put them here.
CREATE TABLE suppressed_addresses (
    address    text PRIMARY KEY,
    reason     text        NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);

-- +goose Down
DROP TABLE suppressed_addresses, mail_tokens, mails;
ALTER TABLE users DROP COLUMN verified_at;
