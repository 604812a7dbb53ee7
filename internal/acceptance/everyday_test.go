package acceptance

import (
	"bytes"
	"encoding/json"
	"image"
	_ "image/jpeg"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"rohrpost/api"
	"rohrpost/internal/ai"
	"rohrpost/internal/devstack"
	"rohrpost/internal/devstack/stacktest"
	"rohrpost/internal/files"
	"rohrpost/internal/thumbnail/imagetest"
	"rohrpost/tasks"
)

// town is a set of processes that nobody breaks: two apis, a worker and a scheduler.
type town struct {
	*place
	a, b *child
}

func TestEveryday(t *testing.T) {
	t.Parallel()
	p := open(t, settings{"STREAM_COALESCE_EVENTS": "1", "AI_MAX_TOKENS": "3000"})
	s := town{p, p.api(), p.api()}
	p.worker()
	p.scheduler()
	for name, test := range map[string]func(*testing.T, town){
		"a picture is scanned and gets thumbnails":            aPicture,
		"a virus is locked away and the admin is told":        aVirus,
		"a prompt is answered token by token":                 aPrompt,
		"a cancel at another api stops the model":             aCancel,
		"a request that is repeated has its effect once":      aRepetition,
		"nobody sees what belongs to others":                  twoUsers,
		"a login is needed, and a closed stream is no cancel": theDoor,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, s)
		})
	}
}

func aPicture(t *testing.T, s town) {
	u := join(t, s.a)
	var me api.User
	u.get("/api/me").want(http.StatusOK).into(&me)
	require.Equal(t, u.id, me.ID)

	all := u.listen("/api/events", "")
	picture := imagetest.Encoded(t, "jpeg", imagetest.Halves(1200, 800))
	up := u.uploaded("halves.jpg", picture)
	require.Equal(t, files.Processing, up.Status)
	u.listen("/api/jobs/"+up.JobID.String()+"/events", "").Until(ofType("result"))

	require.Equal(t, files.Clean, u.file(up.ID).Status)
	all.Until(func(e event) bool { return e.Type == "result" && strings.Contains(e.Data, files.ThumbnailsReady) })
	f := u.file(up.ID)
	require.Equal(t, files.ThumbnailsReady, f.ThumbnailStatus)
	require.Len(t, f.Thumbnails, 3)
	for _, small := range f.Thumbnails {
		got := u.get(small.URL).want(http.StatusOK)
		img, format, err := image.Decode(bytes.NewReader(got.body))
		require.NoError(t, err)
		require.Equal(t, "jpeg", format)
		require.Equal(t, []int32{small.Width, small.Height}, []int32{int32(img.Bounds().Dx()), int32(img.Bounds().Dy())})
		require.InDelta(t, 1.5, float64(small.Width)/float64(small.Height), 0.03, "a picture keeps its shape")
	}
	require.Equal(t, picture, u.at(s.b).get(*f.ContentURL).want(http.StatusOK).body)
}

func aVirus(t *testing.T, s town) {
	u, other, admin := join(t, s.a), join(t, s.b), s.admin(t, s.b)
	told := admin.listen("/api/events", "")
	up := u.uploaded("eicar.txt", devstack.EICAR())
	u.ended(up.JobID)

	f := u.file(up.ID)
	require.Equal(t, files.Quarantined, f.Status)
	require.Equal(t, "infected", *f.Verdict)
	require.Nil(t, f.ContentURL)
	content := "/api/files/" + up.ID.String() + "/content"
	u.get(content).problem(http.StatusConflict, "file_not_clean")
	other.get(content).problem(http.StatusNotFound, "not_found")
	admin.get(content).problem(http.StatusNotFound, "not_found")
	stranger(t, s.a).get(content).problem(http.StatusUnauthorized, "unauthorized")

	// Tests beside this one have their viruses, too.
	told.Until(func(e event) bool {
		if e.Type != "notice" {
			return false
		}
		var notice files.Notice
		e.Into(t, &notice)
		if notice.FileID != up.ID {
			return false
		}
		require.Equal(t, tasks.FileQuarantined, notice.Notice)
		require.Equal(t, u.id, *notice.Owner)
		require.Equal(t, "eicar.txt", notice.Name)
		require.Contains(t, *notice.Signature, "Eicar")
		return true
	})
}

func aPrompt(t *testing.T, s town) {
	u := join(t, s.a)
	// Asked and followed in one call
	events := u.listen("/api/ai/stream?prompt=Hello", "").Rest()
	require.Equal(t, "job", events[0].Type)
	var asked api.QuestionAccepted
	events[0].Into(t, &asked)
	require.Equal(t, event{ID: events[len(events)-1].ID, Type: "message", Data: "[DONE]"}, events[len(events)-1])
	require.Equal(t, stacktest.SayText, text(t, events))
	result := u.answered(asked.JobID)
	require.Equal(t, stacktest.SayText, result.Answer)
	require.Equal(t, ai.Stop, result.FinishReason)
	require.Positive(t, result.CompletionTokens)

	// Asked first and followed then, at the other api
	asked = u.ask(stacktest.ModelSay, "Hello again")
	events = u.at(s.b).listen(asked.EventsURL, "").Rest()
	require.Equal(t, "result", events[len(events)-1].Type)
	require.Equal(t, stacktest.SayText, text(t, events))
	require.Equal(t, stacktest.SayText, u.answered(asked.JobID).Answer)
}

func aCancel(t *testing.T, s town) {
	slow := slowModel(t)
	u := join(t, s.a)
	asked := u.ask(slow, "Go on for ever.")
	f := u.listen(asked.EventsURL, "")
	// Tokens come one by one, while the answer is being written
	for range 10 {
		f.Until(isToken)
	}
	require.EqualValues(t, "running", u.job(asked.JobID).State)

	began := time.Now()
	var cancelled api.Job
	u.at(s.b).delete("/api/jobs/" + asked.JobID.String()).want(http.StatusOK).into(&cancelled)
	require.EqualValues(t, "cancelled", cancelled.State)
	events := f.Rest()
	told := time.Since(began)
	require.Equal(t, "error", events[len(events)-1].Type)
	require.Contains(t, events[len(events)-1].Data, `"cancelled"`)

	// The model has one seat. That the next answer begins proves that the one before has ended.
	next := u.ask(slow, "And now for something else.")
	u.listen(next.EventsURL, "").Until(isToken)
	free := time.Since(began)
	t.Logf("cancel: told after %d ms, the model is at the next answer after %d ms", told.Milliseconds(), free.Milliseconds())
	require.Less(t, told, 2*time.Second)
	require.Less(t, free, 4*time.Second)
	u.delete("/api/jobs/" + next.JobID.String()).want(http.StatusOK)

	u.delete("/api/jobs/"+asked.JobID.String()).problem(http.StatusConflict, "job_state")
	job := u.job(asked.JobID)
	require.EqualValues(t, "cancelled", job.State)
	require.EqualValues(t, 1, job.Attempt)
}

func aRepetition(t *testing.T, s town) {
	u := join(t, s.a)
	question := api.Question{Prompt: "Once"}
	key := []string{"Idempotency-Key", "ask-1"}
	first := u.post("/api/ai/query", question, key...).want(http.StatusAccepted)
	again := u.at(s.b).post("/api/ai/query", question, key...).want(http.StatusAccepted)
	require.Equal(t, string(first.body), string(again.body))
	require.Equal(t, first.header.Get("Location"), again.header.Get("Location"))
	require.Equal(t, "true", again.header.Get("Idempotency-Replayed"))
	u.post("/api/ai/query", api.Question{Prompt: "Twice"}, key...).problem(http.StatusUnprocessableEntity, "idempotency_mismatch")

	key = []string{"Idempotency-Key", "upload-1"}
	first = u.upload("note.txt", []byte("once"), key...).want(http.StatusAccepted)
	again = u.at(s.b).upload("note.txt", []byte("once"), key...).want(http.StatusAccepted)
	require.Equal(t, string(first.body), string(again.body))
	u.upload("note.txt", []byte("twice"), key...).problem(http.StatusUnprocessableEntity, "idempotency_mismatch")

	require.Len(t, u.settled(tasks.Infer.Name), 1)
	require.Len(t, u.jobs(tasks.Scan.Name), 1)
	var page api.FilePage
	u.get("/api/files").want(http.StatusOK).into(&page)
	require.Len(t, page.Items, 1)

	other := join(t, s.a)
	fresh := other.post("/api/ai/query", question, "Idempotency-Key", "ask-1").want(http.StatusAccepted)
	require.NotEqual(t, string(first.body), string(fresh.body), "a key is its user's")
}

func twoUsers(t *testing.T, s town) {
	ada, bob := join(t, s.a), join(t, s.b)
	up := ada.uploaded("secret.txt", []byte("a secret"))
	asked := ada.ask(stacktest.ModelSay, "A secret?")
	stream := bob.listen("/api/events", "")
	ada.ended(up.JobID)
	ada.ended(asked.JobID)

	for _, path := range []string{
		"/api/files/" + up.ID.String(), "/api/files/" + up.ID.String() + "/content",
		"/api/files/" + up.ID.String() + "/thumbnails/small",
		"/api/jobs/" + asked.JobID.String(), "/api/jobs/" + up.JobID.String(), asked.EventsURL,
		"/api/jobs/" + uuid.NewString(), // the same as for what isn't there
	} {
		bob.get(path).problem(http.StatusNotFound, "not_found")
	}
	bob.send(http.MethodGet, "/api/ai/stream", nil, "Last-Event-ID", asked.JobID.String()+"/").problem(http.StatusNotFound, "not_found")
	bob.delete("/api/files/"+up.ID.String()).problem(http.StatusNotFound, "not_found")
	bob.delete("/api/jobs/"+asked.JobID.String()).problem(http.StatusNotFound, "not_found")
	bob.send(http.MethodPost, "/api/jobs/"+asked.JobID.String()+"/retry", nil).problem(http.StatusNotFound, "not_found")
	for _, path := range []string{"/api/files", "/api/jobs"} {
		var page struct{ Items []json.RawMessage }
		bob.get(path).want(http.StatusOK).into(&page)
		require.Empty(t, page.Items, path)
	}

	// The first event that Bob hears of is his own.
	mine := bob.ask(stacktest.ModelSay, "Hello")
	require.Contains(t, stream.Next().Data, mine.JobID.String())
	require.Equal(t, files.Clean, ada.file(up.ID).Status, "nobody else deleted it")
}

func theDoor(t *testing.T, s town) {
	nobody := stranger(t, s.a)
	for _, path := range []string{"/api/me", "/api/files", "/api/jobs", "/api/events", "/api/ai/stream?prompt=Hello", "/admin/queues/"} {
		nobody.get(path).problem(http.StatusUnauthorized, "unauthorized")
	}
	u := join(t, s.a)
	f := u.listen("/api/ai/stream?prompt=Hello", "")
	var asked api.QuestionAccepted
	f.Next().Into(t, &asked)
	f.close()
	require.Equal(t, stacktest.SayText, u.answered(asked.JobID).Answer, "the answer is written although nobody listens")
}
