-- name: RegisterWorker :exec
INSERT INTO workers (id, host, pid, queues, concurrency) VALUES (@id, @host, @pid, @queues, @concurrency);

-- name: Heartbeat :execrows
-- No row: the reaper took us for dead and our jobs are somebody else's.
UPDATE workers SET heartbeat_at = now(), beat = beat + 1 WHERE id = @id;

-- name: RunningJobsOfWorker :many
SELECT id, epoch FROM jobs WHERE worker_id = @worker_id AND state = 'running';

-- name: WorkerBeats :many
SELECT id, beat FROM workers;

-- name: Workers :many
SELECT id, host, pid, queues, concurrency, started_at, heartbeat_at FROM workers ORDER BY started_at;

-- name: RemoveSilentWorker :execrows
-- Only if it has not beaten since the reaper last looked.
DELETE FROM workers WHERE id = @id AND beat = @beat;

-- name: RemoveWorker :exec
DELETE FROM workers WHERE id = @id;

-- name: CapacityByQueue :many
SELECT q.queue::text AS queue, sum(w.concurrency)::bigint AS slots
FROM workers w CROSS JOIN LATERAL jsonb_object_keys(w.queues) AS q(queue)
GROUP BY q.queue;

-- name: RunningJobs :many
SELECT id, kind, queue, owner, worker_id, attempt, started_at FROM jobs WHERE state = 'running' ORDER BY started_at, id;
