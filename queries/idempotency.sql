-- name: ReserveIdempotencyKey :execrows
-- Waits for a transaction that is using the same key; zero rows: there is an answer already. An answer older than 24 h
-- makes room.
INSERT INTO idempotency_keys AS k (user_id, route, key, body_hash) VALUES (@user_id, @route, @key, @body_hash)
ON CONFLICT (user_id, route, key) DO UPDATE
SET body_hash = excluded.body_hash, status = 0, response = '{}', created_at = now()
WHERE k.created_at < now() - interval '24 hours';

-- name: TakeIdempotencyKey :exec
-- ReserveIdempotencyKey and StoreIdempotentAnswer in one, where the answer is known before the effect. It waits likewise;
-- a key that was used before, also one that has run out, violates idempotency_keys_pkey.
INSERT INTO idempotency_keys (user_id, route, key, body_hash, status, response)
VALUES (@user_id, @route, @key, @body_hash, @status, @response);

-- name: StoreIdempotentAnswer :exec
UPDATE idempotency_keys SET status = @status, response = @response
WHERE user_id = @user_id AND route = @route AND key = @key;

-- name: IdempotentAnswer :one
SELECT * FROM idempotency_keys
WHERE user_id = @user_id AND route = @route AND key = @key AND created_at >= now() - interval '24 hours';
