package acceptance

import (
	"testing"

	"github.com/stretchr/testify/require"

	"rohrpost/internal/devstack/stacktest"
	"rohrpost/internal/thumbnail/imagetest"
	"rohrpost/tasks"
)

func TestWhatIsDoneIsCountedWhereItIsDone(t *testing.T) {
	t.Parallel()
	p := open(t, nil)
	a, w, clock := p.api(), p.worker(), p.scheduler()
	u := join(t, a)
	// Given a picture and an answer
	u.uploaded("a.jpg", imagetest.Encoded(t, "jpeg", imagetest.Halves(600, 400)))
	u.answered(u.ask(stacktest.ModelSay, "Hello").JobID)
	u.settled(tasks.Thumbnail.Name)
	// Then the api counts what came in
	require.Equal(t, "1", u.gauge(a, "rohrpost_files_uploads_total"))
	require.Equal(t, "1", u.gauge(a, `api_requests_total{endpoint="/api/files",method="POST",status="202"}`))
	// and the worker what was made of it
	for name, want := range map[string]string{
		`rohrpost_files_verdicts_total{verdict="clean"}`: "1", "rohrpost_files_scan_duration_seconds_count": "1",
		"rohrpost_files_thumbnail_duration_seconds_count": "1", "ai_running": "0",
		`ai_requests_total{model="tiny-say",status="ok"}`:                "1",
		`ai_time_to_first_token_seconds_count{model="tiny-say"}`:         "1",
		`rohrpost_worker_queue_weight{queue="ai"}`:                       "4",
		`rohrpost_jobs_ended_total{kind="ai:infer",outcome="succeeded"}`: "1",
	} {
		require.Equal(t, want, u.gauge(w, name), name)
	}
	require.NotEqual(t, "0", u.gauge(w, `ai_tokens_total{direction="completion",model="tiny-say"}`))
	// and the scheduler how the queues stand
	require.Equal(t, "16", u.gauge(clock, `rohrpost_queue_slots{queue="ai"}`))
	require.Equal(t, "1", u.gauge(clock, "rohrpost_workers"))
}
