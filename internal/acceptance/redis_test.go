package acceptance

import (
	"context"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"rohrpost/api"
	"rohrpost/internal/ai"
	"rohrpost/internal/devstack/stacktest"
	"rohrpost/internal/files"
	"rohrpost/internal/thumbnail/imagetest"
	"rohrpost/tasks"
)

func TestAWipedRedisLosesNoJobAndDoublesNone(t *testing.T) {
	t.Parallel()
	slow := slowModel(t)
	const texts, pictures, questions = 150, 20, 10
	p := open(t, settings{"AI_MAX_TOKENS": "300"})
	scanner := p.scanner()
	site := p.api()
	p.scheduler()
	p.worker("--queues", "files", "--concurrency", "8")
	p.worker("--queues", "ai")
	u := join(t, site)

	// Given scans that wait for the scanner, some of them running, and an answer in the middle
	scanner.freeze()
	asked := []api.QuestionAccepted{u.ask(slow, "Tell me a story.")}
	f := u.listen(asked[0].EventsURL, "")
	f.Until(isToken)
	picture := imagetest.Encoded(t, "jpeg", imagetest.Halves(300, 200))
	uploading := errgroup.Group{}
	uploading.SetLimit(8)
	for n := range texts + pictures {
		uploading.Go(func() error {
			body := []byte(fmt.Sprintf("text %d", n))
			if n < pictures {
				body = picture
			}
			got, err := u.tryUpload(fmt.Sprintf("file-%d", n), body)
			if err == nil && got.status != http.StatusAccepted {
				err = fmt.Errorf("upload: %d %s", got.status, got.body)
			}
			return err
		})
	}
	for range questions {
		asked = append(asked, u.ask(stacktest.ModelSay, "Hello"))
	}
	require.NoError(t, uploading.Wait())

	// When Redis forgets everything
	wiped := time.Now()
	p.wipe()
	scanner.thaw()

	// Then every job ends, as if nothing had been
	scans := u.settled(tasks.Scan.Name)
	t.Logf("%d jobs over %.1f s after FLUSHALL", texts+2*pictures+questions+1, time.Since(wiped).Seconds())
	require.Len(t, scans, texts+pictures)
	thumbnails, answers := u.jobs(tasks.Thumbnail.Name), u.jobs(tasks.Infer.Name)
	require.Len(t, thumbnails, pictures)
	require.Len(t, answers, questions+1)
	for _, jobs := range [][]api.Job{scans, thumbnails, answers} {
		for _, job := range jobs {
			require.EqualValues(t, "succeeded", job.State, "%+v", job.Error)
			require.EqualValues(t, 1, job.Attempt)
			require.Zero(t, job.Crashes)
		}
	}
	require.Equal(t, ai.Length, u.answered(asked[0].JobID).FinishReason)
	for _, q := range asked[1:] {
		require.Equal(t, stacktest.SayText, u.answered(q.JobID).Answer)
	}
}

func TestWithoutRedisRequestsAreTakenAndDoneOnceItIsBack(t *testing.T) {
	t.Parallel()
	p := open(t, nil)
	site := p.api()
	p.scheduler()
	p.worker()
	u := join(t, site)
	var health api.Health
	u.get("/readyz").want(http.StatusOK).into(&health)
	require.Equal(t, "ok", health.Status)

	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	require.NoError(t, p.redis.Stop(ctx))
	u.get("/readyz").want(http.StatusOK).into(&health)
	require.Equal(t, "degraded", health.Status)
	require.Equal(t, "unavailable", (*health.Checks)["redis"])

	began := time.Now()
	up := u.uploaded("note.txt", []byte("a note"))
	uploaded := time.Since(began)
	began = time.Now()
	asked := u.ask(stacktest.ModelSay, "Hello")
	t.Logf("without Redis: an upload is taken in %d ms, a question in %d ms", uploaded.Milliseconds(), time.Since(began).Milliseconds())
	require.Less(t, uploaded, time.Second)
	require.Less(t, time.Since(began), time.Second)
	require.EqualValues(t, "queued", u.job(asked.JobID).State)
	f, all := u.listen(asked.EventsURL, ""), u.listen("/api/events", "") // they wait with us

	require.NoError(t, p.redis.Start(ctx))
	back := time.Now()
	events := f.Rest()
	t.Logf("answered %.1f s after Redis is back", time.Since(back).Seconds())
	require.Equal(t, "result", events[len(events)-1].Type)
	require.Equal(t, stacktest.SayText, u.answered(asked.JobID).Answer)
	u.ended(up.JobID)
	require.Equal(t, files.Clean, u.file(up.ID).Status)
	require.Equal(t, "reload", all.Next().Type, "who wants everything from now on learns that now was missed")
	u.get("/readyz").want(http.StatusOK).into(&health)
	require.Equal(t, "ok", health.Status)
}
