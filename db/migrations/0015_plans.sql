-- +goose NO TRANSACTION
-- Built while the house goes on working: a plain CREATE INDEX would keep all writers of a big table waiting. One that was
-- broken off is left invalid, under a name that the next try removes.

-- +goose Up

-- The administrators, among any number of accounts.
DROP INDEX CONCURRENTLY IF EXISTS users_admin_idx;
CREATE INDEX CONCURRENTLY users_admin_idx ON users (id) WHERE role = 'admin';

DROP INDEX CONCURRENTLY IF EXISTS mails_state_idx;
CREATE INDEX CONCURRENTLY mails_state_idx ON mails (state, id);

-- What the scanner closed: a few of many files.
DROP INDEX CONCURRENTLY IF EXISTS files_closed_idx;
CREATE INDEX CONCURRENTLY files_closed_idx ON files (id) WHERE status IN ('quarantined', 'refused', 'failed');

DROP INDEX CONCURRENTLY IF EXISTS datasets_mine_idx;
CREATE INDEX CONCURRENTLY datasets_mine_idx ON datasets (owner, id) WHERE scope = 'mine';
DROP INDEX CONCURRENTLY IF EXISTS datasets_everyone_idx;
CREATE INDEX CONCURRENTLY datasets_everyone_idx ON datasets (id) WHERE scope = 'everyone';

DROP INDEX CONCURRENTLY IF EXISTS backup_blobs_dropped_idx;
CREATE INDEX CONCURRENTLY backup_blobs_dropped_idx ON backup_blobs (part_key) WHERE dropped_at IS NOT NULL;

DROP INDEX CONCURRENTLY IF EXISTS orphaned_blobs_noticed_at_idx;
CREATE INDEX CONCURRENTLY orphaned_blobs_noticed_at_idx ON orphaned_blobs (noticed_at);

-- What lies in Redis or runs of those that a limit counts. Not by state, which changes more often.
DROP INDEX CONCURRENTLY IF EXISTS jobs_under_way_of_owner_idx;
CREATE INDEX CONCURRENTLY jobs_under_way_of_owner_idx ON jobs (kind, owner)
    WHERE owner_limit IS NOT NULL AND dispatched_at IS NOT NULL AND finished_at IS NULL;
DROP INDEX CONCURRENTLY IF EXISTS jobs_under_way_of_key_idx;
CREATE INDEX CONCURRENTLY jobs_under_way_of_key_idx ON jobs (kind, limit_key)
    WHERE key_limit IS NOT NULL AND dispatched_at IS NOT NULL AND finished_at IS NULL;

-- +goose Down
DROP INDEX jobs_under_way_of_key_idx, jobs_under_way_of_owner_idx, orphaned_blobs_noticed_at_idx, backup_blobs_dropped_idx,
    datasets_everyone_idx, datasets_mine_idx, files_closed_idx, mails_state_idx, users_admin_idx;
