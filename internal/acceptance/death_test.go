package acceptance

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"rohrpost/internal/ai"
	"rohrpost/internal/files"
	"rohrpost/internal/thumbnail/imagetest"
	"rohrpost/tasks"
)

// reapedWithin is what is promised: the jobs of a dead worker run again after that time at the latest.
const reapedWithin = 10 * time.Second

func TestJobsOfAKilledWorkerRunAgainAndCountOnce(t *testing.T) {
	t.Parallel()
	slow := slowModel(t)
	p := open(t, settings{"AI_MAX_TOKENS": "300"})
	scanner := p.scanner()
	api := p.api()
	p.scheduler()
	first := p.worker()
	u := join(t, api)

	// Given an answer of which the first half has been told, and a scan that waits for its scanner
	scanner.freeze()
	asked := u.ask(slow, "Tell me a long story.")
	up := u.uploaded("halves.jpg", imagetest.Encoded(t, "jpeg", imagetest.Halves(600, 400)))
	answer, stream := u.listen(asked.EventsURL, ""), u.listen("/api/ai/stream", asked.JobID.String()+"/")
	scan := u.listen("/api/jobs/"+up.JobID.String()+"/events", "")
	answering, scanning := answer.runs(0), scan.runs(0)
	scan.Until(ofType("progress"))
	answer.Until(isToken)
	before := stream.Until(isToken)

	// When the worker is killed, and another one is there
	p.worker()
	killed := time.Now()
	first.kill()
	scanner.thaw()
	answer.runs(answering)
	answerAgain := time.Since(killed)
	scan.runs(scanning)
	scanAgain := time.Since(killed)
	t.Logf("after kill -9: the answer runs again after %.1f s, the scan after %.1f s", answerAgain.Seconds(), scanAgain.Seconds())
	require.Less(t, answerAgain, reapedWithin)
	require.Less(t, scanAgain, reapedWithin)

	// Then the answer is whole, on record and for those who followed it
	told := text(t, answer.Rest())
	result := u.answered(asked.JobID)
	require.Equal(t, result.Answer, told)
	require.Equal(t, result.Answer, text(t, append(before, stream.Rest()...)), "a reader is told to forget the first half")
	require.Equal(t, ai.Length, result.FinishReason)
	require.Equal(t, 300, result.CompletionTokens)
	// and the file was ruled on once
	ends := 0
	for _, e := range scan.Rest() {
		if e.Type == "result" {
			ends++
		}
	}
	require.Equal(t, 1, ends)
	require.Len(t, u.settled(tasks.Thumbnail.Name), 1)
	require.Equal(t, files.ThumbnailsReady, u.file(up.ID).ThumbnailStatus)
	for _, id := range []string{asked.JobID.String(), up.JobID.String()} {
		var job struct {
			State            string
			Attempt, Crashes int
		}
		require.NoError(t, json.Unmarshal(u.get("/api/jobs/"+id).body, &job))
		require.Equal(t, 1, job.Attempt, "a crash is not an attempt")
		require.Equal(t, 1, job.Crashes)
		require.Equal(t, "succeeded", job.State)
	}
}
