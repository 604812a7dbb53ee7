package api_test

import (
	"net/http"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"rohrpost/api"
)

func TestARepeatedQuestionGetsItsFirstAnswerAgain(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	ada, bob := s.user(), s.user()
	ask := func(u user, prompt, key string) *answer {
		return s.send(request{path: "/api/ai/query", as: &u, json: api.Question{Prompt: prompt}}.with("Idempotency-Key", key))
	}
	first := ask(ada, "why?", "k1").want(http.StatusAccepted)
	again := ask(ada, "why?", "k1").want(http.StatusAccepted)
	require.Equal(t, string(first.body), string(again.body))
	require.Equal(t, first.header.Get("Location"), again.header.Get("Location"))
	require.Empty(t, first.header.Get("Idempotency-Replayed"))
	require.Equal(t, "true", again.header.Get("Idempotency-Replayed"))

	ask(ada, "how?", "k1").problem(422, "idempotency_mismatch")
	require.NotEqual(t, string(first.body), string(ask(ada, "why?", "k2").want(http.StatusAccepted).body))
	require.NotEqual(t, string(first.body), string(ask(bob, "why?", "k1").want(http.StatusAccepted).body))
	require.Equal(t, 3, s.count("SELECT count(*) FROM jobs"))

	// A first answer stands before whatever is wrong with what was asked for by now.
	ask(ada, "", "k1").problem(422, "idempotency_mismatch")
	s.exec("UPDATE idempotency_keys SET created_at = now() - interval '25 hours'")
	require.NotEqual(t, string(first.body), string(ask(ada, "how?", "k1").want(http.StatusAccepted).body))
}

func TestARefusedQuestionLeavesItsKeyFree(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	ada := s.user()
	ask := request{path: "/api/ai/query", as: &ada}.with("Idempotency-Key", "k")
	ask.json = api.Question{}
	s.send(ask).problem(400, "invalid")
	ask.json = api.Question{Prompt: "why?"}
	s.send(ask).want(http.StatusAccepted)
}

func TestManyAtOnceUnderOneKeyHaveOneEffect(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	ada := s.user()
	const n = 20
	answers := make([]*answer, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			r := request{path: "/api/ai/query", as: &ada, json: api.Question{Prompt: "why?"}}.with("Idempotency-Key", "k")
			if i%2 == 1 {
				r.json, r.path = nil, "/api/files"
				r.body, r.media = form([3]string{"file", "a.txt", "content"})
			}
			answers[i], _ = s.try(r)
		})
	}
	wg.Wait()
	for i, a := range answers {
		require.NotNil(t, a)
		a.want(http.StatusAccepted)
		require.Equal(t, string(answers[i%2].body), string(a.body))
	}
	require.Equal(t, 2, s.count("SELECT count(*) FROM jobs"))
	require.Equal(t, 1, s.count("SELECT count(*) FROM files"))
	require.Len(t, s.stored(), 1)
}

func TestARepeatedUploadIsStoredOnce(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	ada := s.user()
	first := s.upload(ada, "a.txt", "content", "Idempotency-Key", "k").want(http.StatusAccepted)
	again := s.upload(ada, "a.txt", "content", "Idempotency-Key", "k").want(http.StatusAccepted)
	require.Equal(t, string(first.body), string(again.body))
	require.Equal(t, "true", again.header.Get("Idempotency-Replayed"))
	s.upload(ada, "b.txt", "content", "Idempotency-Key", "k").problem(422, "idempotency_mismatch")
	s.upload(ada, "a.txt", "other", "Idempotency-Key", "k").problem(422, "idempotency_mismatch")
	require.Len(t, s.stored(), 1)
	s.upload(ada, "a.txt", "content").want(http.StatusAccepted)
	require.Len(t, s.stored(), 2)
}
