-- +goose Up

-- How many workers each group should have, as a scheduler saw it at a moment. Of several schedulers the first one to look
-- at a tick has its say; rows live for the window within which none is taken away again.
CREATE TABLE scaling_advice (
    tick       timestamptz NOT NULL,
    group_name text        NOT NULL,
    queues     text[]      NOT NULL,
    living     integer     NOT NULL,
    least      integer     NOT NULL,
    most       integer     NOT NULL,
    wanted     integer     NOT NULL,
    reason     text        NOT NULL,
    PRIMARY KEY (tick, group_name)
);

-- +goose Down
DROP TABLE scaling_advice;
