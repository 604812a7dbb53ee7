-- What the house keeps for itself.
INSERT INTO workers (id, host, pid, queues, concurrency)
SELECT fill.id(n, 1000), 'host' || n, n, '{"files": 4, "ai": 2, "mail": 1}', 16 FROM generate_series(2, 19) AS n;

INSERT INTO queue_pauses (queue, actor_name) VALUES ('reports', 'admin@example.org');

INSERT INTO job_history (id, kind, state, owner, waited, ran, finished_at)
SELECT fill.id(n, 500000), CASE WHEN n % 2 = 0 THEN 'file:scan' ELSE 'ai:infer' END, 'succeeded', fill.owner(n), 0.01, 1,
       fill.at(n, 500000)
FROM generate_series(1::bigint, 250000) AS n;

INSERT INTO schedules (name, cron, zone, kind, catch_up, next_at)
SELECT 'schedule' || n, '0 * * * *', 'UTC', 'cleanup:sweep', 'once', now() + (n - 2) * interval '1 minute'
FROM generate_series(1::bigint, 30) AS n;

INSERT INTO schedule_ticks (schedule, tick, job_id, fired_at)
SELECT 'schedule' || 1 + n % 30, fill.at(n, 200000), fill.id(n, 1000000), fill.at(n, 200000)
FROM generate_series(1::bigint, 200000) AS n;

INSERT INTO backups (id, job_id, state, created_at, taken_at)
SELECT fill.id(n, 400), fill.id(n, 400), CASE WHEN n < 350 THEN 'deleted' WHEN n % 10 = 0 THEN 'failed' ELSE 'succeeded' END,
       fill.at(n, 400), fill.at(n, 400)
FROM generate_series(1::bigint, 400) AS n;

INSERT INTO backup_blobs (part_key, sha256, part_sha256, part_size, recipients, added_at, dropped_at)
SELECT 'parts/' || n, decode(md5(n::text) || md5(n::text), 'hex'), '\x00', 1000, 'age1', fill.at(n, 300000),
       CASE WHEN n % 20 = 0 THEN fill.at(n, 300000) + interval '1 day' END
FROM generate_series(1::bigint, 100000) AS n;

INSERT INTO backup_sources (blob_key, size, mod_time, sha256)
SELECT 'files/' || n, 1000, fill.at(n, 300000), decode(lpad(to_hex(n), 64, '0'), 'hex') FROM generate_series(1::bigint, 100000) AS n;

INSERT INTO reports (id, owner, scope, from_at, to_at, zone, formats, state, weekly, job_id, created_at)
SELECT fill.id(n, 50000), fill.owner(n), 'mine', fill.at(n, 50000) - interval '7 days', fill.at(n, 50000), 'UTC', '{pdf,csv}',
       CASE WHEN n > 49990 THEN 'building' ELSE 'built' END, n % 10 = 9, fill.id(n, 50000), fill.at(n, 50000)
FROM generate_series(1::bigint, 50000) AS n;

INSERT INTO report_files (report_id, format, file_id)
SELECT fill.id(n, 50000), format, fill.id(n * 2 + CASE format WHEN 'pdf' THEN 0 ELSE 1 END, 1000000)
FROM generate_series(1::bigint, 50000) AS n, unnest('{pdf,csv}'::text[]) AS format;
