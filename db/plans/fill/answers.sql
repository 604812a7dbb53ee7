INSERT INTO ai_queries (id, owner, job_id, model, prompt, answer, finish_reason, prompt_tokens, completion_tokens,
                        first_token_ms, total_ms, created_at, finished_at, rating)
SELECT fill.id(n, 500000), fill.owner(n), fill.id(n * 2, 1000000), 'model' || n / 100 % 20, 'What is the number ' || n || '?',
       'It is the successor of ' || n - 1 || '.', CASE WHEN n % 50 = 0 THEN 'failed' ELSE 'stop' END, 10, 20, 100, 1000,
       fill.at(n, 500000), fill.at(n, 500000) + interval '1 s', CASE WHEN n % 100 = 1 THEN 1 END
FROM generate_series(1::bigint, 500000) AS n;

INSERT INTO datasets (id, owner, job_id, scope, spec, state, created_at)
SELECT fill.id(n, 20000), fill.owner(n), fill.id(n, 20000), CASE WHEN n % 20 = 0 THEN 'everyone' ELSE 'mine' END, '{}',
       CASE WHEN n > 19990 THEN 'building' ELSE 'ready' END, fill.at(n, 20000)
FROM generate_series(1::bigint, 20000) AS n;

INSERT INTO dataset_files (dataset_id, name, size, sha256, rows, media_type, blob_key)
SELECT fill.id(n, 20000), name, 1000, '\x00', 10, 'application/jsonl', 'datasets/' || n || '/' || name
FROM generate_series(1::bigint, 20000) AS n, unnest('{train.jsonl,validation.jsonl,manifest.json}'::text[]) AS name;

INSERT INTO tunings (id, owner, job_id, dataset_id, base_model, validation, state, created_at)
SELECT fill.id(n, 5000), fill.owner(n), fill.id(n, 5000), fill.id(n, 20000), 'base', true,
       CASE WHEN n > 4995 THEN 'tuning' WHEN n % 100 = 0 THEN 'failed' ELSE 'succeeded' END, fill.at(n, 5000)
FROM generate_series(1::bigint, 5000) AS n;

INSERT INTO tuning_events (tuning_id, round, seq, remote_id, at, level, message)
SELECT fill.id(n, 5000), 1, seq, 'event-' || seq, fill.at(n, 5000), 'info', 'Step ' || seq
FROM generate_series(1::bigint, 5000) AS n, generate_series(1, 40) AS seq;

INSERT INTO models (name, provider, base, creator, state, job_id, tuning_id)
SELECT 'made' || n, CASE WHEN n % 2 = 0 THEN 'openai' ELSE 'ollama' END, 'base', fill.id(1, 100000000), 'ready',
       fill.id(n, 5000), CASE WHEN n % 2 = 0 THEN fill.id(n, 5000) END
FROM generate_series(1::bigint, 200) AS n;
