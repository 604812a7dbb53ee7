package reports_test

import (
	"time"

	"github.com/google/uuid"

	"rohrpost/internal/reports"
)

// week is what the reports of the tests are about: Monday 4 March 2024 until Sunday the 10th.
var week = reports.Wanted{From: "2024-03-04", To: "2024-03-11"}

func at(text string) time.Time {
	t, err := time.Parse("2006-01-02 15:04", text)
	if err != nil {
		panic(err)
	}
	return t
}

// job puts a job there that ended at some time after it had waited and run for so many seconds. One that waited for less
// than nothing was taken by no worker.
func (h *house) job(owner uuid.UUID, kind, state string, finished time.Time, waited, ran float64) uuid.UUID {
	h.t.Helper()
	id := uuid.New()
	h.exec(`INSERT INTO jobs (id, kind, queue, args, state, max_attempts, owner, worker_id, run_at, started_at, finished_at)
		SELECT $1, $2, 'q', '{}', $3, 1, $4, CASE WHEN $6::float8 >= 0 THEN gen_random_uuid() END,
			$5::timestamptz - make_interval(secs => $6 + $7), $5::timestamptz - make_interval(secs => $7), $5`,
		id, kind, state, owner, finished, waited, ran)
	return id
}

func (h *house) file(owner uuid.UUID, size int, status, verdict string, created time.Time) uuid.UUID {
	h.t.Helper()
	id := uuid.New()
	h.exec(`INSERT INTO files (id, owner, name, size, media_type, sha256, blob_key, status, verdict, job_id, created_at)
		VALUES ($1, $2, 'letter.txt', $3, 'text/plain', '', $4, $5, nullif($6, ''), gen_random_uuid(), $7)`,
		id, owner, size, id.String(), status, verdict, created)
	return id
}

// deleted deletes a file at some time.
func (h *house) deleted(id uuid.UUID, when time.Time) {
	h.t.Helper()
	h.exec(`DELETE FROM files WHERE id = $1`, id)
	h.exec(`UPDATE file_history SET deleted_at = $2 WHERE id = $1`, id, when)
}

func (h *house) query(owner uuid.UUID, model, finish string, prompt, completion, first, total int, asked time.Time) {
	h.t.Helper()
	h.exec(`INSERT INTO ai_queries (id, owner, job_id, model, prompt, finish_reason, prompt_tokens, completion_tokens,
			first_token_ms, total_ms, created_at)
		VALUES (gen_random_uuid(), $1, gen_random_uuid(), $2, 'why?', nullif($3, ''), nullif($4, 0), nullif($5, 0),
			nullif($6, 0), nullif($7, 0), $8)`, owner, model, finish, prompt, completion, first, total, asked)
}

// seed puts numbers there that the tests know, and some beside the period that must not count.
func (h *house) seed() {
	h.t.Helper()
	for i := 1; i <= 4; i++ { // waits of 1, 2, 3 and 4 s
		h.job(h.ada, "file:scan", "succeeded", at("2024-03-04 12:00"), float64(i), float64(i*10))
	}
	h.job(h.ada, "file:scan", "failed", at("2024-03-05 00:00"), 5, 50)
	h.job(h.ada, "ai:infer", "cancelled", at("2024-03-10 23:59"), -1, 0)
	h.job(h.bob, "ai:infer", "succeeded", at("2024-03-04 00:00"), 0.25, 2.5) // the first moment
	h.job(uuid.Nil, "cleanup:sweep", "succeeded", at("2024-03-06 02:40"), 0, 100)
	h.job(h.ada, "file:scan", "succeeded", at("2024-03-03 23:59"), 99, 99)
	h.job(h.ada, "file:scan", "succeeded", at("2024-03-11 00:00"), 99, 99) // the first moment after it

	h.file(h.ada, 100, "clean", "clean", at("2024-03-04 08:00"))
	h.file(h.ada, 50, "quarantined", "infected", at("2024-03-04 09:00"))
	h.deleted(h.file(h.ada, 4000, "clean", "clean", at("2024-03-05 10:00")), at("2024-03-07 10:00"))
	h.deleted(h.file(h.ada, 200, "clean", "clean", at("2024-03-10 10:00")), at("2024-03-12 10:00")) // after the period
	h.file(h.bob, 7, "processing", "", at("2024-03-09 10:00"))
	h.file(h.ada, 1000, "clean", "clean", at("2024-01-01 10:00")) // in use, though not of the period
	h.file(h.ada, 9999, "clean", "clean", at("2024-03-11 00:00"))

	h.query(h.ada, "llama3", "stop", 10, 100, 100, 1000, at("2024-03-04 10:00"))
	h.query(h.ada, "llama3", "length", 20, 200, 300, 3000, at("2024-03-04 11:00"))
	h.query(h.ada, "llama3", "cancelled", 0, 0, 50, 70, at("2024-03-05 10:00"))
	h.query(h.bob, "qwen", "failed", 0, 0, 0, 0, at("2024-03-06 10:00"))
	h.query(h.bob, "qwen", "", 0, 0, 0, 0, at("2024-03-06 11:00"))
	h.query(h.ada, "llama3", "stop", 1, 1, 1, 1, at("2024-03-11 00:00"))
}

// sweep deletes what is old, as time goes by.
func (h *house) sweep() {
	h.t.Helper()
	h.exec(`DELETE FROM jobs WHERE finished_at < now() - interval '14 days'`)
}
