package api_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"rohrpost/api"
	"rohrpost/internal/fault"
	"rohrpost/internal/queue"
	"rohrpost/internal/stream"
)

// says answers with n tokens "0 ", "1 " …, each an event of its own, and waits before the end until told.
func says(n int, end <-chan struct{}) func(context.Context, *queue.Run) (any, error) {
	return func(ctx context.Context, run *queue.Run) (any, error) {
		for i := range n {
			data := map[string]any{"job_id": run.ID(), "token": fmt.Sprintf("%d ", i)}
			if err := run.Event(ctx, stream.TypeToken, data); err != nil {
				return nil, err
			}
		}
		select {
		case <-end:
			return map[string]int{"said": n}, nil
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

func now() <-chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}

// live reads all of an answer that says(n, end) gives and lets it end when its first token is here: one that ends before
// anybody reads is told by the record.
func (f *feed) live(typ string, end chan<- struct{}) []event {
	seen := f.Until(ofType(typ))
	close(end)
	return append(seen, f.Rest()...)
}

func types(events []event) (names []string) {
	for _, e := range events {
		names = append(names, e.Type)
	}
	return names
}

func TestAJobIsFollowedToItsEnd(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	ada := s.user()
	end := make(chan struct{})
	asked := s.ask(ada)
	f := s.listen(ada, asked.EventsURL, "")
	require.Equal(t, "no", f.header.Get("X-Accel-Buffering"))
	require.Equal(t, "no-store", f.header.Get("Cache-Control"))
	require.NotEmpty(t, f.header.Get("X-Request-Id"))
	require.Equal(t, "state", f.Next().Type)
	s.infer(says(3, end))
	require.Equal(t, []string{"state", "token", "token", "token"}, types(append(f.Until(ofType("token")), f.Next(), f.Next())))
	close(end)
	rest := f.Rest()
	require.Equal(t, []string{"state", "result"}, types(rest))
	require.JSONEq(t, fmt.Sprintf(`{"job_id":%q,"result":{"said":3}}`, asked.JobID), rest[1].Data)

	// Who comes back after the end is told to stay away, whichever way.
	s.send(get(asked.EventsURL).with("Last-Event-ID", rest[1].ID).by(&ada)).want(http.StatusNoContent)
	s.send(request{path: asked.EventsURL + "?last_event_id=" + rest[1].ID, as: &ada}).want(http.StatusNoContent)
}

func TestWhoeverReconnectsAnywhereGetsEveryEventOnceAlsoAtAnotherProcess(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	one, two := h.open(api.Config{}), h.open(api.Config{})
	ada := one.user()
	end := make(chan struct{})
	h.infer(says(40, end))
	url := one.ask(ada).EventsURL
	live := one.listen(ada, url, "").live("token", end)
	all := one.listen(ada, url, "").Rest()
	require.Equal(t, "result", all[len(all)-1].Type)
	require.Subset(t, all, withID(live))
	require.Equal(t, all[len(all)-len(live)+1:], live[1:], "the first may have been told by the record")
	for i := range all[:len(all)-1] {
		require.Equal(t, all[i+1:], two.listen(ada, url, all[i].ID).Rest(), "after %d", i)
	}

	t.Run("and over a restart of its process", func(t *testing.T) {
		end := make(chan struct{})
		h := newHouse(t)
		one, two := h.open(api.Config{}), h.open(api.Config{})
		ada := one.user()
		h.infer(says(5, end))
		url := one.ask(ada).EventsURL
		f := one.listen(ada, url, "")
		second := two.listen(ada, url, "")
		seen := f.Until(ofType("token"))
		one.stop()
		seen = append(seen, f.Rest()...)
		close(end)
		seen = append(seen, two.listen(ada, url, f.Last).Rest()...)
		other := second.Rest()
		require.Equal(t, other[len(other)-len(seen)+1:], seen[1:], "the first may have been told by the record")
	})
}

func TestEverythingOfAUserOnOneStream(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	ada, bob := s.user(), s.user()
	s.infer(says(1, now()))
	mine, other := s.listen(ada, "/api/events", ""), s.listen(bob, "/api/events", "")
	first, second := s.ask(ada), s.ask(ada)
	ended := map[string]bool{}
	for !ended[first.JobID.String()] || !ended[second.JobID.String()] {
		var data struct {
			JobID string `json:"job_id"`
		}
		e := mine.Next()
		require.NoError(t, json.Unmarshal([]byte(e.Data), &data))
		require.Contains(t, []string{first.JobID.String(), second.JobID.String()}, data.JobID)
		ended[data.JobID] = ended[data.JobID] || e.Type == "result"
	}
	bobs := s.ask(bob)
	require.Contains(t, other.Next().Data, bobs.JobID.String())

	again := s.listen(ada, "/api/events", mine.Last)
	third := s.ask(ada)
	require.Contains(t, again.Next().Data, third.JobID.String())
}

func TestATrimmedLogTellsToReload(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	ada := s.user()
	end := make(chan struct{})
	s.infer(says(1000, end))
	asked := s.ask(ada)
	early := withID(s.listen(ada, asked.EventsURL, "").live("token", end))[0].ID
	require.NoError(t, s.rdb.XTrimMaxLen(t.Context(), stream.Job(asked.JobID).String(), 100).Err())
	all := s.listen(ada, asked.EventsURL, early).Rest()
	require.Equal(t, "reload", all[0].Type)
	require.Equal(t, "result", all[len(all)-1].Type)
	require.Less(t, len(all), 500)
}

func TestTheRecordTellsTheEndWhenTheLogIsGone(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	ada := s.user()
	end := make(chan struct{})
	s.infer(says(3, end))
	asked := s.ask(ada)
	early := withID(s.listen(ada, asked.EventsURL, "").live("token", end))[0].ID
	require.NoError(t, s.rdb.FlushAll(t.Context()).Err())
	for last, want := range map[string][]string{
		"":    {"state", "result"},
		early: {"reload", "reload", "state", "result"},
	} {
		f := s.listen(ada, asked.EventsURL, last)
		all := f.Rest()
		require.Equal(t, want, types(all))
		require.Contains(t, all[len(all)-1].Data, `{"said":3}`)
		s.send(get(asked.EventsURL).with("Last-Event-ID", f.Last).by(&ada)).want(http.StatusNoContent)
	}
}

func TestTheRecordTellsTheEndWhenRedisIsDown(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	s := h.open(api.Config{Heartbeat: 50 * time.Millisecond})
	ada := s.user()
	h.redis.Kill()
	asked := s.ask(ada)
	f := s.listen(ada, asked.EventsURL, "")
	s.send(request{method: "DELETE", path: "/api/jobs/" + asked.JobID.String(), as: &ada}).want(http.StatusOK)
	require.Equal(t, []string{"reload", "state", "error"}, types(f.Rest()))
}

func TestALostFinalEventKeepsNobodyWaiting(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	s := h.open(api.Config{Heartbeat: 50 * time.Millisecond})
	ada := s.user()
	asked := s.ask(ada)
	f := s.listen(ada, asked.EventsURL, "")
	f.Next()
	h.exec(`UPDATE jobs SET state = 'failed', error_code = 'invalid', error_message = 'No.', finished_at = now()`)
	all := f.Rest()
	require.Equal(t, []string{"reload", "state", "error"}, types(all))
	require.Contains(t, all[2].Data, `"message":"No."`)
}

func TestHeartbeatsAndTheEndOfALogin(t *testing.T) {
	t.Parallel()
	s := newHouse(t).open(api.Config{Heartbeat: 20 * time.Millisecond})
	ada := s.user()
	f := s.listen(ada, "/api/events", "")
	for beats := 0; beats < 3; {
		line, err := f.Lines.ReadString('\n')
		require.NoError(t, err)
		if line == ":\n" {
			beats++
		}
	}
	s.send(request{method: "POST", path: "/api/auth/logout", as: &ada}).want(http.StatusNoContent)
	require.Empty(t, f.Rest(), "a stream ends with its login")
}

func TestAnEventSourceMayComeWithACookie(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	ada := s.user()
	yes := true
	in := s.send(request{path: "/api/auth/login",
		json: api.Credentials{Email: ada.email, Password: password, Cookie: &yes}}).want(http.StatusOK)
	require.Contains(t, in.header.Get("Set-Cookie"), "rohrpost_access=")
	cookie, _, _ := strings.Cut(in.header.Get("Set-Cookie"), ";")
	asked := s.ask(ada)
	s.send(request{method: "DELETE", path: "/api/jobs/" + asked.JobID.String(), as: &ada}).want(http.StatusOK)
	from := func(site string) *answer {
		return s.send(request{path: asked.EventsURL, header: map[string]string{"Cookie": cookie, "Sec-Fetch-Site": site}})
	}
	for _, site := range []string{"", "same-origin"} {
		require.Contains(t, string(from(site).want(http.StatusOK).body), "event: error")
	}
	from("same-site").problem(403, "forbidden")
}

func TestShutdownEndsStreamsAtOnceAndStartsNone(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	ada := s.user()
	f := s.listen(ada, "/api/events", "")
	began := time.Now()
	s.stop()
	require.Empty(t, f.Rest())
	require.Less(t, time.Since(began), 5*time.Second)
}

// A client that doesn't read costs itself its connection, and others nothing.
func TestAClientThatStopsReadingIsCutOff(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.stream = stream.Config{Buffer: 32}
	s := h.open(api.Config{WriteTimeout: 200 * time.Millisecond})
	ada := s.user()
	end := make(chan struct{})
	const n = 300
	filler := strings.Repeat("x", 32<<10) // more in all than the kernel keeps for one connection
	h.infer(func(ctx context.Context, run *queue.Run) (any, error) {
		<-end
		for i := range n {
			data := map[string]any{"job_id": run.ID(), "token": filler, "n": i}
			if err := run.Event(ctx, stream.TypeToken, data); err != nil {
				return nil, err
			}
		}
		return "done", nil
	})
	asked := s.ask(ada)
	slow, err := net.Dial("tcp", s.addr)
	require.NoError(t, err)
	defer slow.Close()
	require.NoError(t, slow.(*net.TCPConn).SetReadBuffer(4096))
	_, err = fmt.Fprintf(slow, "GET %s HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n\r\n",
		asked.EventsURL, ada.tokens.AccessToken)
	require.NoError(t, err)
	quick := s.listen(ada, asked.EventsURL, "")
	quick.Next()
	close(end)
	tokens := 0
	for _, e := range s.untilEnd(ada, asked.EventsURL, quick) {
		if e.Type == "token" {
			require.Contains(t, e.Data, fmt.Sprintf(`"n":%d`, tokens))
			tokens++
		}
	}
	require.Equal(t, n, tokens, "the other client got everything")
	// What the kernel had taken for the slow one comes, and then the end of the connection.
	require.NoError(t, slow.SetReadDeadline(time.Now().Add(patience)))
	require.NoError(t, slow.(*net.TCPConn).SetReadBuffer(1<<20))
	got := 0
	buf := make([]byte, 64<<10)
	for {
		k, err := slow.Read(buf)
		got += k
		if err != nil {
			require.False(t, isTimeout(err), "still connected")
			break
		}
	}
	require.Less(t, got, n*len(filler))
}

// untilEnd reads to the final event, coming back as a client does when it was cut off for being slow.
func (s *site) untilEnd(u user, url string, f *feed) (all []event) {
	for {
		all = append(all, f.Rest()...)
		if last := all[len(all)-1].Type; last == "result" || last == "error" {
			return all
		}
		f = s.listen(u, url, f.Last)
	}
}

func isTimeout(err error) bool {
	timeout, ok := err.(net.Error) //nolint:errorlint // of net, as it is
	return ok && timeout.Timeout()
}

func TestAnAnswerIsStreamedAndResumed(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	ada := s.user()
	end := make(chan struct{})
	s.infer(says(5, end))
	f := s.listen(ada, "/api/ai/stream?prompt=why%3F", "")
	first := f.Next()
	require.Equal(t, "job", first.Type)
	var job api.QuestionAccepted
	require.NoError(t, json.Unmarshal([]byte(first.Data), &job))
	live := f.live("message", end)
	all := append([]event{first}, s.listen(ada, "/api/ai/stream?prompt=why%3F", first.ID).Rest()...)
	require.Subset(t, all, withID(live))
	require.Equal(t, all[len(all)-len(live)+1:], live[1:], "the first may have been told by the record")
	require.Equal(t, "[DONE]", all[len(all)-1].Data)
	require.Equal(t, "0 1 2 3 4 ", answerOf(t, all))

	for i := range all[:len(all)-1] {
		require.NotEmpty(t, all[i].ID)
		require.Equal(t, all[i+1:], s.listen(ada, "/api/ai/stream?prompt=why%3F", all[i].ID).Rest(), "after %d", i)
	}
	s.send(get("/api/ai/stream?prompt=why%3F").with("Last-Event-ID", f.Last).by(&ada)).want(http.StatusNoContent)
	require.Equal(t, 1, s.count("SELECT count(*) FROM jobs"), "never a second generation")

	// It is a job like any other.
	events := s.listen(ada, job.EventsURL, "").Rest()
	require.Equal(t, "result", events[len(events)-1].Type)
}

// withID are the events that have a place in the log.
func withID(events []event) []event {
	return slices.DeleteFunc(slices.Clone(events), func(e event) bool { return e.ID == "" })
}

func answerOf(t *testing.T, events []event) (answer string) {
	t.Helper()
	for _, e := range events {
		if e.Type == "message" && e.Data != "[DONE]" {
			var token struct {
				Token string `json:"token"`
			}
			require.NoError(t, json.Unmarshal([]byte(e.Data), &token))
			answer += token.Token
		}
	}
	return answer
}

func TestAClosedConnectionDoesNotStopTheAnswer(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	ada := s.user()
	end := make(chan struct{})
	s.infer(says(3, end))
	f := s.listen(ada, "/api/ai/stream?prompt=why%3F", "")
	f.Until(ofType("message"))
	f.close()
	close(end)
	all := s.listen(ada, "/api/ai/stream", f.Last).Rest()
	require.Equal(t, "1 2 ", answerOf(t, all))
	require.Equal(t, "[DONE]", all[len(all)-1].Data)
}

func TestAFailedAnswerSaysWhyAndEnds(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	ada := s.user()
	s.infer(func(context.Context, *queue.Run) (any, error) {
		return nil, fault.New(fault.Invalid, "The question is too long.")
	})
	all := s.listen(ada, "/api/ai/stream?prompt=why%3F", "").Rest()
	require.Equal(t, "error", all[len(all)-2].Type)
	require.JSONEq(t, `{"title":"Invalid request","status":400,"code":"invalid","detail":"The question is too long."}`,
		all[len(all)-2].Data)
	require.Equal(t, "[DONE]", all[len(all)-1].Data)
}

func TestAnAnswerWhoseEventsAreGoneComesFromTheRecord(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	ada := s.user()
	end := make(chan struct{})
	s.infer(says(3, end))
	f := s.listen(ada, "/api/ai/stream?prompt=why%3F", "")
	early := f.Until(ofType("message"))
	close(end)
	f.Rest()
	s.exec("UPDATE ai_queries SET answer = '0 1 2 '")
	require.NoError(t, s.rdb.FlushAll(t.Context()).Err())
	again := s.listen(ada, "/api/ai/stream?prompt=why%3F", early[len(early)-1].ID)
	all := again.Rest()
	require.Equal(t, "reload", all[0].Type)
	require.Equal(t, "0 1 2 ", answerOf(t, all))
	require.Equal(t, "[DONE]", all[len(all)-1].Data)
	s.send(get("/api/ai/stream").with("Last-Event-ID", again.Last).by(&ada)).want(http.StatusNoContent)
}

func TestAServerThatIsShutDownBeforeItServesDoesNot(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.stop()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, s.server.Serve(ln))
	_, err = net.Dial("tcp", ln.Addr().String())
	require.Error(t, err)
}

func TestASecondAttemptMakesTheClientForgetTheFirst(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	ada := s.user()
	end := make(chan struct{})
	s.infer(func(ctx context.Context, run *queue.Run) (any, error) {
		said, err := says(run.Attempt(), end)(ctx, run)
		if run.Attempt() == 1 {
			return nil, fault.New(fault.Unavailable, "The model went away.")
		}
		return said, err
	})
	all := s.listen(ada, "/api/ai/stream?prompt=why%3F", "").live("message", end)
	require.Equal(t, "[DONE]", all[len(all)-1].Data)
	kept := all
	for i, e := range all {
		if e.Type == "reload" {
			kept = all[i:]
		}
	}
	require.Equal(t, "0 ", answerOf(t, all[:len(all)-len(kept)]))
	require.Equal(t, "0 1 ", answerOf(t, kept))
}
