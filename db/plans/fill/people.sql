INSERT INTO users (id, email, name, password_hash, role, created_at)
SELECT fill.id(n, 100000000), 'user' || n || '@example.org', 'User ' || n, 'hash ' || n,
       CASE WHEN n % 4000 = 1 THEN 'admin' ELSE 'user' END, fill.at(n, 100000000)
FROM generate_series(1::bigint, 20000) AS n;

INSERT INTO training_consents (user_id) SELECT fill.id(n * 4, 100000000) FROM generate_series(1::bigint, 5000) AS n;

-- The older half has expired.
INSERT INTO sessions (id, user_id, created_at, expires_at, revoked_at)
SELECT fill.id(n, 200000), fill.owner(n), fill.at(n, 200000), fill.at(n, 200000) + interval '15 days',
       CASE WHEN n % 4 = 0 THEN fill.at(n, 200000) + interval '1 day' END
FROM generate_series(1::bigint, 200000) AS n;

INSERT INTO refresh_tokens (token_hash, session_id, created_at, used_at)
SELECT decode(lpad(to_hex(n), 64, '0'), 'hex'), fill.id(1 + n / 3, 200000), fill.at(n, 600000),
       CASE WHEN n % 3 <> 2 THEN fill.at(n, 600000) + interval '15 minutes' END
FROM generate_series(1::bigint, 500000) AS n;

INSERT INTO idempotency_keys (user_id, route, key, body_hash, status, created_at)
SELECT fill.owner(n), 'POST /api/files', 'key ' || n, '\x00', 202, fill.at(n, 100000) FROM generate_series(1::bigint, 100000) AS n;

INSERT INTO audit_entries (id, at, actor, actor_name, action, target)
SELECT fill.id(n, 200000), fill.at(n, 200000), fill.id(1 + n % 5 * 4000, 100000000), 'admin@example.org',
       CASE WHEN n % 20000 = 3 THEN 'backup.delete' ELSE 'schedule.pause' END, 'target ' || n % 5000
FROM generate_series(1::bigint, 200000) AS n;

INSERT INTO mails (id, job_id, template, recipient, user_id, state, created_at, sent_at)
SELECT fill.id(n, 300000), fill.id(n, 300000), CASE WHEN n % 2 = 0 THEN 'notice' ELSE 'verify' END,
       'user' || 1 + n * 7919 % 20000 || '@example.org', fill.id(1 + n * 7919 % 20000, 100000000),
       CASE WHEN n > 299900 THEN 'queued' WHEN n % 300 = 0 THEN 'failed' WHEN n % 300 = 7 THEN 'suppressed' ELSE 'sent' END,
       fill.at(n, 300000), fill.at(n, 300000)
FROM generate_series(1::bigint, 300000) AS n;

INSERT INTO mail_tokens (token_hash, purpose, user_id, email, created_at, expires_at)
SELECT decode(lpad(to_hex(n), 64, '0'), 'hex'), CASE WHEN n % 2 = 0 THEN 'verify_address' ELSE 'password_reset' END,
       fill.id(1 + n * 7919 % 20000, 100000000), 'user' || 1 + n * 7919 % 20000 || '@example.org', fill.at(n, 100000),
       fill.at(n, 100000) + interval '15 days'
FROM generate_series(1::bigint, 100000) AS n;

INSERT INTO suppressed_addresses (address, reason)
SELECT 'gone' || n || '@example.org', 'No such mailbox.' FROM generate_series(1::bigint, 20000) AS n;
