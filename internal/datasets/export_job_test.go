package datasets_test

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"rohrpost/internal/datasets"
	"rohrpost/internal/fault"
	"rohrpost/internal/queue"
)

func TestConversationsBecomeLinesOfChat(t *testing.T) {
	t.Parallel()
	h := open(t)
	h.talked(
		talk{prompt: "Why?", answer: "Because <of> \"that\" &\nthis."},
		talk{system: "Be brief.", prompt: "Wo?", answer: "Hier: größer\u2028"},
	)
	d := h.export(h.me, spec())
	require.Equal(t, `{"messages":[{"role":"user","content":"Why?"},{"role":"assistant","content":"Because <of> \"that\" &\nthis."}]}
{"messages":[{"role":"system","content":"Be brief."},{"role":"user","content":"Wo?"},{"role":"assistant","content":"Hier: größer\u2028"}]}
`, string(h.content(h.me, d.ID, datasets.Train)))
	require.Empty(t, h.content(h.me, d.ID, datasets.Validation))
	require.Equal(t, int64(2), d.Counts.Train)
	require.ElementsMatch(t, keys(d), h.stored())
}

func TestConversationsBecomePromptsWithCompletions(t *testing.T) {
	t.Parallel()
	h := open(t)
	h.talked(talk{model: "tiny:1b", system: "Be brief.", prompt: "Why?", answer: "So.", rating: 1})
	d := h.export(h.me, spec(func(s *datasets.Spec) { s.Format = datasets.Completion }))
	line := map[string]any{}
	require.NoError(t, json.Unmarshal(h.content(h.me, d.ID, datasets.Train), &line))
	require.Equal(t, "Why?", line["prompt"])
	require.Equal(t, "So.", line["completion"])
	about := line["metadata"].(map[string]any)
	require.NotEmpty(t, about["id"])
	delete(about, "id")
	require.Equal(t, map[string]any{
		"model": "tiny:1b", "system": "Be brief.", "created_at": "2026-01-01T00:00:00Z", "rating": 1.0, "prompt_tokens": 3.0,
		"completion_tokens": 4.0,
	}, about)
}

func TestTheManifestTellsWhatThereIs(t *testing.T) {
	t.Parallel()
	h := open(t)
	for i := range 40 {
		h.talked(talk{prompt: fmt.Sprintf("Question %d by ada@example.org", i), answer: "203.0.113.7"})
	}
	h.talked(talk{prompt: "question  39 BY ada@example.org", answer: "203.0.113.7 "}, talk{prompt: " ", answer: "x"})
	d := h.export(h.me, spec(func(s *datasets.Spec) { s.ValidationShare = 0.3 }))
	var m struct {
		ID     string
		Source string
		Spec   datasets.Spec
		Counts datasets.Counts
		Files  []struct {
			Name       string
			Rows, Size int64
			SHA256     string
		}
	}
	require.NoError(t, json.Unmarshal(h.content(h.me, d.ID, datasets.Manifest), &m))
	require.Equal(t, d.ID.String(), m.ID)
	require.Equal(t, d.Spec, m.Spec)
	require.Equal(t, *d.Counts, m.Counts)
	require.Equal(t, int64(42), m.Counts.Read)
	require.Equal(t, int64(40), m.Counts.Train+m.Counts.Validation)
	require.NotZero(t, m.Counts.Train)
	require.NotZero(t, m.Counts.Validation)
	require.Equal(t, int64(1), m.Counts.Duplicates)
	require.Equal(t, int64(1), m.Counts.Empty)
	require.Equal(t, map[string]int64{"email": 40, "ip": 40, "phone": 0, "secret": 0, "card": 0}, m.Counts.Redacted)
	require.Len(t, m.Files, 2)
	for _, f := range m.Files {
		opened, err := h.OpenFile(t.Context(), h.me.ID, false, d.ID, f.Name)
		require.NoError(t, err)
		require.Equal(t, f.SHA256, hex.EncodeToString(opened.SHA256))
		require.Equal(t, f.Size, opened.Size)
		require.Equal(t, f.Rows, int64(len(h.said(h.me, d.ID, f.Name))))
	}

	job := h.job(d.JobID)
	var result datasets.Result
	require.NoError(t, json.Unmarshal(job.Result, &result))
	require.Equal(t, datasets.Result{DatasetID: d.ID.String(), Counts: *d.Counts}, result)
	var told datasets.Progress
	require.NoError(t, json.Unmarshal(job.Progress, &told))
	require.NotEmpty(t, told.Phase)
}

func TestFiltersChooseTheConversations(t *testing.T) {
	t.Parallel()
	h := open(t)
	other := h.user("user")
	h.talked(
		talk{prompt: "0", answer: "good", model: "a", rating: 1},
		talk{prompt: "1", answer: "bad", model: "a", rating: -1},
		talk{prompt: "2", answer: "not rated", model: "b"},
		talk{prompt: "3", answer: "not rated", model: "c"},
		talk{prompt: "cut off", answer: "x", finish: "length"},
		talk{prompt: "stopped", answer: "x", finish: "cancelled"},
		talk{prompt: "repeated", answer: "x", finish: "repetition"},
		talk{prompt: "no answer", answer: ""},
		talk{prompt: "somebody else's", answer: "x", by: other},
	)
	h.exec(`INSERT INTO ai_queries (id, owner, job_id, model, prompt) VALUES (gen_random_uuid(), $1, gen_random_uuid(), 'a', 'open')`, h.me.ID)
	at := func(hours int) *time.Time {
		t := time.Date(2026, 1, 1, hours, 0, 0, 0, time.UTC)
		return &t
	}
	for name, c := range map[string]struct {
		change func(*datasets.Spec)
		want   string
	}{
		"all":          {func(*datasets.Spec) {}, "0 1 2 3"},
		"not bad":      {func(s *datasets.Spec) { s.MinRating = datasets.Rated }, "0 2 3"},
		"good":         {func(s *datasets.Spec) { s.MinRating = datasets.Good }, "0"},
		"one model":    {func(s *datasets.Spec) { s.Models = []string{"a"} }, "0 1"},
		"two models":   {func(s *datasets.Spec) { s.Models = []string{"b", "c"} }, "2 3"},
		"unknown":      {func(s *datasets.Spec) { s.Models = []string{"d"} }, ""},
		"from":         {func(s *datasets.Spec) { s.From = at(1) }, "1 2 3"},
		"to":           {func(s *datasets.Spec) { s.To = at(2) }, "0 1"},
		"from and to":  {func(s *datasets.Spec) { s.From, s.To = at(1), at(3) }, "1 2"},
		"all together": {func(s *datasets.Spec) { s.From, s.Models, s.MinRating = at(0), []string{"a"}, datasets.Good }, "0"},
	} {
		d := h.export(h.me, spec(c.change))
		var got []string
		for _, line := range h.said(h.me, d.ID, datasets.Train) {
			got = append(got, strings.TrimPrefix(strings.Split(line, " | ")[0], "user: "))
		}
		require.Equal(t, c.want, strings.Join(got, " "), name)
	}
}

func TestOnlyWhoConsentsIsInAnExportOfEveryone(t *testing.T) {
	t.Parallel()
	h := open(t)
	root, yes, no := h.user("admin"), h.user("user"), h.user("user")
	h.talked(talk{by: root, prompt: "root", answer: "x"}, talk{by: yes, prompt: "yes", answer: "x"}, talk{by: no, prompt: "no", answer: "x"})
	export := func() []string {
		return h.said(root, h.export(root, spec(everyone)).ID, datasets.Train)
	}
	require.Empty(t, export(), "nobody was asked")

	require.NoError(t, h.SetConsent(t.Context(), yes.ID, true))
	first, err := h.Consent(t.Context(), yes.ID)
	require.NoError(t, err)
	require.NotNil(t, first)
	require.NoError(t, h.SetConsent(t.Context(), yes.ID, true))
	again, err := h.Consent(t.Context(), yes.ID)
	require.NoError(t, err)
	require.Equal(t, first, again)
	require.Equal(t, []string{"user: yes | assistant: x"}, export())

	require.NoError(t, h.SetConsent(t.Context(), yes.ID, false))
	require.NoError(t, h.SetConsent(t.Context(), yes.ID, false))
	gone, err := h.Consent(t.Context(), yes.ID)
	require.NoError(t, err)
	require.Nil(t, gone)
	require.Empty(t, export(), "withdrawn")
	require.Equal(t, []string{"user: no | assistant: x"}, h.said(no, h.export(no, spec()).ID, datasets.Train),
		"one's own need no consent")
}

func TestWhoIsNoAdminAnyMoreGetsNothingOfEveryone(t *testing.T) {
	t.Parallel()
	h := open(t)
	root := h.user("admin")
	h.exec(`UPDATE users SET role = 'user' WHERE id = $1`, root.ID)
	d := h.create(root, spec(everyone))
	failed := h.until(root, d.ID, datasets.Failed)
	require.Contains(t, *failed.Reason, "Only admins")
	require.Equal(t, string(fault.Forbidden), *h.job(d.JobID).ErrorCode)
	_, err := h.Get(t.Context(), datasets.Viewer{ID: root.ID}, d.ID)
	require.Equal(t, fault.NotFound, fault.CodeOf(err))
	require.Empty(t, h.stored())
}

func TestPersonalDataStaysOnlyWhereItsOwnerWantsIt(t *testing.T) {
	t.Parallel()
	h := open(t)
	h.talked(talk{system: "I am ada@example.org", prompt: "Call +49 30 1234567", answer: "password: hunter2"})
	d := h.export(h.me, spec())
	require.Equal(t, []string{"system: I am [EMAIL] | user: Call [PHONE] | assistant: password: [SECRET]"}, h.said(h.me, d.ID, datasets.Train))
	raw := h.export(h.me, spec(func(s *datasets.Spec) { s.Redact = false }))
	require.Equal(t, []string{"system: I am ada@example.org | user: Call +49 30 1234567 | assistant: password: hunter2"},
		h.said(h.me, raw.ID, datasets.Train))
	require.Empty(t, raw.Counts.Redacted)
}

func TestTheSameIsExportedOnce(t *testing.T) {
	t.Parallel()
	h := open(t)
	h.talked(
		talk{prompt: "Why is it so?", answer: "Because."},
		talk{prompt: " why is\n it  SO? ", answer: "because.\n"},         // written in another way
		talk{prompt: "Why is it so?", answer: "For a reason."},           // another answer
		talk{prompt: "Why is it so?", answer: "Because.", system: "Hm."}, // another instruction
		talk{prompt: "Am I ada@example.org?", answer: "Yes."},
		talk{prompt: "Am I bob@example.org?", answer: "Yes."}, // not told apart without the addresses
		talk{prompt: "Cafe\u0301", answer: "1"}, talk{prompt: "Caf\u00e9", answer: "1"},
		talk{prompt: "ab", answer: "c"}, talk{prompt: "a", answer: "bc"},
	)
	d := h.export(h.me, spec())
	require.Equal(t, int64(3), d.Counts.Duplicates)
	require.Len(t, h.said(h.me, d.ID, datasets.Train), 7)
}

func TestAConversationIsAlwaysOnTheSameSide(t *testing.T) {
	t.Parallel()
	h := open(t)
	for i := range 300 {
		model := []string{"a", "b"}[i%2]
		h.talked(talk{prompt: fmt.Sprint("Question ", i/2, " of ada@example.org"), answer: fmt.Sprint("Answer ", i), model: model})
	}
	sides := func(change func(*datasets.Spec)) map[string]string {
		d := h.export(h.me, spec(func(s *datasets.Spec) { s.ValidationShare = 0.2 }, change))
		side := map[string]string{}
		for _, name := range []string{datasets.Train, datasets.Validation} {
			for _, line := range h.said(h.me, d.ID, name) {
				question := strings.ReplaceAll(strings.Split(line, " | ")[0], "ada@example.org", "[EMAIL]")
				if before, there := side[question]; there {
					require.Equal(t, before, name, "answers to one question are on two sides")
				}
				side[question] = name
			}
		}
		return side
	}
	count := func(side map[string]string) (n int) {
		for _, name := range side {
			if name == datasets.Validation {
				n++
			}
		}
		return n
	}
	all := sides(func(*datasets.Spec) {})
	require.Len(t, all, 150)
	require.InDelta(t, 30, count(all), 20)
	require.Equal(t, all, sides(func(s *datasets.Spec) { s.Models = []string{"a"} }))
	require.Equal(t, all, sides(func(s *datasets.Spec) { s.Redact = false }))
	require.NotEqual(t, all, sides(func(s *datasets.Spec) { s.Seed = 7 }))
	require.Zero(t, count(sides(func(s *datasets.Spec) { s.ValidationShare = 0 })))
	more := sides(func(s *datasets.Spec) { s.ValidationShare = 0.5 })
	for question, name := range all {
		if name == datasets.Validation {
			require.Equal(t, name, more[question], "a larger share has the smaller one in it")
		}
	}
	for question, name := range sides(func(s *datasets.Spec) { from := h.clock.Add(-50 * time.Hour); s.From = &from }) {
		require.Equal(t, all[question], name)
	}
}

func TestADatasetOfNothingIsReady(t *testing.T) {
	t.Parallel()
	h := open(t)
	d := h.export(h.me, spec())
	require.Empty(t, h.content(h.me, d.ID, datasets.Train))
	require.Zero(t, d.Counts.Read)
	require.Len(t, d.Files, 3)
	require.Equal(t, queue.Succeeded, h.job(d.JobID).State)
}
