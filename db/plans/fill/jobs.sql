-- A million jobs: 990,000 that ended (97 % well, 2 % failed, half of those discarded, 1 % cancelled), 10,000 that live.
INSERT INTO jobs (id, kind, queue, args, state, epoch, attempt, max_attempts, owner, run_at, unique_key, owner_limit, limit_key,
                  key_limit, parked, result, error_code, error_message, worker_id, created_at, dispatched_at, started_at,
                  finished_at, discarded_at)
SELECT fill.id(n, 1000000), kind, queue, '{"file_id": "0197a2b4-0000-7000-a000-000000000001"}', state, 1,
       CASE WHEN state = 'queued' THEN 0 ELSE 1 END, 8,
       CASE WHEN n % 20 = 19 THEN '00000000-0000-0000-0000-000000000000' ELSE fill.owner(n) END,
       at + CASE WHEN place = 'delayed' THEN interval '1 day' ELSE interval '0' END,
       CASE WHEN kind = 'cleanup:sweep' THEN 'sweep/' || n END,
       CASE WHEN kind = 'ai:infer' THEN 2 END,
       CASE WHEN kind = 'ai:infer' THEN 'model' || n / 100 % 20 ELSE '' END,
       CASE WHEN kind = 'ai:infer' THEN 4 END,
       place = 'parked',
       CASE WHEN state = 'succeeded' THEN '{"status": "clean"}'::jsonb END,
       CASE WHEN state = 'failed' THEN CASE WHEN n % 500 = 0 THEN 'timeout' ELSE 'unavailable' END
            WHEN state = 'cancelled' THEN 'cancelled' END,
       CASE WHEN state = 'failed' THEN 'The scanner does not answer.' END,
       CASE WHEN state <> 'queued' THEN fill.id(CASE WHEN state = 'running' THEN n % 20 ELSE n / 10000 END, 1000) END,
       at,
       CASE WHEN place IN ('running', 'dispatched', 'ended') THEN at + interval '5 ms' END,
       CASE WHEN state <> 'queued' THEN at + interval '50 ms' END,
       CASE WHEN place = 'ended' THEN at + (1000 + n * 7919 % 5000) * interval '1 ms' END,
       CASE WHEN state = 'failed' AND n % 100 = 0 THEN at + interval '1 hour' END
FROM (
    SELECT n, fill.at(n, 1000000) AS at,
           CASE WHEN n <= 990000 THEN 'ended'
                WHEN n % 50 = 0 THEN 'running'
                WHEN n % 50 <= 10 THEN 'dispatched'
                WHEN n % 50 <= 15 THEN 'delayed'
                WHEN n % 100 < 50 AND n % 5 = 4 THEN 'parked'
                ELSE 'waiting' END AS place,
           CASE WHEN n <= 990000 THEN CASE WHEN n % 50 = 0 THEN 'failed' WHEN n % 100 = 7 THEN 'cancelled' ELSE 'succeeded' END
                WHEN n % 50 = 0 THEN 'running' ELSE 'queued' END AS state,
           CASE WHEN n % 20000 = 13 THEN 'maintenance' WHEN n % 1000 = 17 THEN 'reports' WHEN n % 10000 = 23 THEN 'critical'
                WHEN n % 5 < 2 THEN 'files' WHEN n % 5 < 3 THEN 'mail' ELSE 'ai' END AS queue,
           CASE WHEN n % 20000 = 13 THEN 'cleanup:sweep' WHEN n % 1000 = 17 THEN 'report:build'
                WHEN n % 10000 = 23 THEN 'file:release' WHEN n % 5 = 0 THEN 'file:scan' WHEN n % 5 = 1 THEN 'file:thumbnail'
                WHEN n % 5 = 2 THEN 'mail:send' ELSE 'ai:infer' END AS kind
    FROM generate_series(1::bigint, 1000000) AS n) AS j;
