INSERT INTO files (id, owner, name, size, media_type, sha256, blob_key, status, verdict, signature, reason, thumbnail_status,
                   job_id, created_at, scanned_at, checked_at, checked_with, released_at, release_reason)
SELECT fill.id(n, 1000000), fill.owner(n), 'picture ' || n || '.jpg', 1000 + n % 1000000, 'image/jpeg',
       decode(lpad(to_hex(n), 64, '0'), 'hex'), 'files/' || n, status,
       CASE status WHEN 'clean' THEN 'clean' WHEN 'quarantined' THEN 'infected' WHEN 'refused' THEN 'encrypted'
                   WHEN 'failed' THEN 'error' END,
       CASE WHEN status = 'quarantined' THEN CASE WHEN n % 50000 = 1 THEN 'Rare-Signature' ELSE 'Eicar-Signature' END END,
       NULL, CASE WHEN status = 'clean' AND n % 10 = 0 THEN 'ready' ELSE 'none' END,
       fill.id(n, 1000000), fill.at(n, 1000000),
       CASE WHEN status <> 'processing' THEN fill.at(n, 1000000) + interval '2 s' END,
       CASE WHEN status <> 'processing' THEN fill.at(n, 1000000) + interval '2 s' END,
       CASE WHEN status <> 'processing' THEN CASE WHEN n % 1000 = 5 THEN 'ClamAV old' ELSE 'ClamAV new' END END,
       CASE WHEN n % 4000 = 2 AND n <= 999000 THEN fill.at(n, 1000000) + interval '1 day' END,
       CASE WHEN n % 4000 = 2 AND n <= 999000 THEN 'A false alarm.' END
FROM (
    SELECT n, CASE WHEN n > 999000 THEN 'processing' WHEN n % 500 = 1 THEN 'quarantined' WHEN n % 500 = 3 THEN 'refused'
                   WHEN n % 5000 = 4 THEN 'failed' ELSE 'clean' END AS status
    FROM generate_series(1::bigint, 1000000) AS n) AS f;

INSERT INTO thumbnails (file_id, name, width, height, size, media_type, blob_key)
SELECT fill.id(n * 10, 1000000), name, 128, 128, 4000, 'image/jpeg', 'thumbnails/' || n || name
FROM generate_series(1::bigint, 100000) AS n, unnest('{small,medium,large}'::text[]) AS name;

INSERT INTO file_events (id, file_id, at, event, status, verdict)
SELECT fill.id(n, 1000000), fill.id(n, 1000000), fill.at(n, 1000000), 'scan',
       CASE WHEN n % 500 = 1 THEN 'quarantined' ELSE 'clean' END, CASE WHEN n % 500 = 1 THEN 'infected' ELSE 'clean' END
FROM generate_series(1::bigint, 1000000) AS n;

INSERT INTO file_history (id, owner, size, status, verdict, created_at, deleted_at)
SELECT fill.id(n, 200000), fill.owner(n), 1000 + n, 'clean', 'clean', fill.at(n, 200000), fill.at(n, 200000) + interval '1 hour'
FROM generate_series(1::bigint, 200000) AS n;

INSERT INTO orphaned_blobs (blob_key, noticed_at) SELECT 'orphan/' || n, fill.at(n, 20000) FROM generate_series(1::bigint, 20000) AS n;
