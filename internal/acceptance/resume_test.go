package acceptance

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"rohrpost/api"
	"rohrpost/internal/stream"
)

func TestAnAnswerIsReadOnceInOrderWhereverOneComesBack(t *testing.T) {
	t.Parallel()
	slow := slowModel(t)
	p := open(t, settings{"AI_MAX_TOKENS": "800", "STREAM_COALESCE_EVENTS": "1", "STREAM_COALESCE": "1ms"})
	a, b := p.api(), p.api()
	p.scheduler()
	u := join(t, a)

	// Given a reader who is cut off after the first event, after two more, after three more and so on, and comes back at
	// the other api each time, while the first one is restarted; and a second reader who stays
	f := u.listen("/api/ai/stream?prompt=Tell+me+a+story&model="+slow, "")
	first := f.Next()
	var asked api.QuestionAccepted
	first.Into(t, &asked)
	f.close()
	stays := u.at(b).listen(asked.EventsURL, "")
	p.worker()
	var seen []event
	sites, done := []*child{b, a}, false
	for cut := 1; !done; cut++ {
		if cut == 4 {
			sites[1].signal(syscall.SIGTERM)
			require.Zero(t, sites[1].exit(patience))
			sites[1] = nil
		}
		if cut == 6 {
			sites[1] = p.api()
		}
		site := sites[cut%2]
		if site == nil {
			site = b
		}
		back := u.at(site).listen("/api/ai/stream?prompt=Something+else", f.Last)
		for range cut {
			e := back.Next()
			seen = append(seen, e)
			if done = e.Data == "[DONE]"; done {
				break
			}
		}
		back.close()
		f.Last = back.Last
		if cut == 3 {
			require.EqualValues(t, "running", u.at(b).job(asked.JobID).State, "all this is while the answer is written")
		}
	}
	u = u.at(b)

	// Then both have read every event once and in order, and the text is that on record
	all := logged(stays.Rest())
	seen = logged(seen)
	wantSequence(t, all)
	// The state at first is the record's where nobody had read yet, and the log doesn't repeat it to who was told
	require.InDelta(t, len(all), len(seen), 1)
	for i := 1; i <= min(len(all), len(seen)); i++ {
		require.Equal(t, asked.JobID.String()+"/"+all[len(all)-i].ID, seen[len(seen)-i].ID)
	}
	result := u.answered(asked.JobID)
	require.Equal(t, result.Answer, text(t, all))
	require.Equal(t, result.Answer, text(t, seen))
	require.Greater(t, len(all), 50)

	// and so does who comes back after any of them, once all is over
	other := u.at(sites[1])
	for i := range all {
		f, status := other.tune(asked.EventsURL, all[i].ID)
		if i == len(all)-1 {
			require.Equal(t, http.StatusNoContent, status, "nothing follows the end")
			break
		}
		require.Equal(t, all[i+1:], f.Rest(), "after %d of %d", i, len(all))
		f.close()
	}
	t.Logf("%d events, resumed after each of them", len(all))

	// When the log is trimmed, or gone, a reader is told to start over and has the answer in the end
	redis := p.client()
	early := all[3].ID
	require.NoError(t, redis.XTrimMaxLen(t.Context(), stream.Job(asked.JobID).String(), 20).Err())
	for _, log := range []string{"trimmed", "gone"} {
		if log == "gone" {
			p.wipe()
		}
		events := u.listen("/api/ai/stream", asked.JobID.String()+"/"+early).Rest()
		require.Equal(t, "reload", events[0].Type, log)
		require.Equal(t, "[DONE]", events[len(events)-1].Data, log)
		require.Equal(t, result.Answer, text(t, events), log)
		events = u.listen(asked.EventsURL, early).Rest()
		require.Equal(t, "reload", events[0].Type, log)
		require.Equal(t, "result", events[len(events)-1].Type, log)
	}
	require.Len(t, u.jobs("ai:infer"), 1, "no coming back asked a second question")
}

func TestAReaderLivesThroughAWipedRedis(t *testing.T) {
	t.Parallel()
	slow := slowModel(t)
	p := open(t, settings{"AI_MAX_TOKENS": "600"})
	site := p.api()
	p.scheduler()
	p.worker()
	u := join(t, site)
	f := u.listen("/api/ai/stream?prompt=Tell+me+a+story&model="+slow, "")
	var asked api.QuestionAccepted
	f.Next().Into(t, &asked)
	seen := f.Until(isToken)
	wiped := time.Now()
	p.wipe()
	f.Until(ofType("reload"))
	f.close() // and who is cut off just then is told again
	f = u.listen("/api/ai/stream", f.Last)
	rest := f.Rest()
	require.Equal(t, "reload", rest[0].Type)
	t.Logf("the answer was read to its end %.1f s after the log was wiped in its middle", time.Since(wiped).Seconds())
	require.Equal(t, "[DONE]", rest[len(rest)-1].Data)
	require.Equal(t, u.answered(asked.JobID).Answer, text(t, append(seen, rest...)))
}

// logged are the events that have a place in the log.
func logged(events []event) []event {
	return slices.DeleteFunc(events, func(e event) bool { return e.ID == "" })
}

// wantSequence wants the events of one log, without a hole. The first one may have been told by the record.
func wantSequence(t *testing.T, events []event) {
	t.Helper()
	log, first, _ := strings.Cut(events[0].ID, "-")
	require.Contains(t, []string{"1", "2"}, first)
	n, err := strconv.Atoi(first)
	require.NoError(t, err)
	for i, e := range events {
		require.Equal(t, log+"-"+strconv.Itoa(n+i), e.ID)
	}
}
