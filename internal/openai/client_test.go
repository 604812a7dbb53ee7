package openai_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"rohrpost/internal/fault"
	"rohrpost/internal/openai"
	"rohrpost/internal/tuning/tuningtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func client(t testing.TB, url string) *openai.Client {
	t.Helper()
	c, err := openai.New(openai.Config{URL: url, APIKey: tuningtest.Key, Timeout: 10 * time.Second})
	require.NoError(t, err)
	t.Cleanup(c.Close)
	return c
}

func examples(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `{"messages":[{"role":"user","content":"question %d"},{"role":"assistant","content":"answer"}]}`+"\n", i)
	}
	return b.String()
}

func content(name, text string) openai.Content {
	sum := sha256.Sum256([]byte(text))
	return openai.Content{Name: name, Size: int64(len(text)), SHA256: sum[:], Reader: strings.NewReader(text)}
}

func TestAJobIsMadeOfAnUploadAndFollowedToItsModel(t *testing.T) {
	t.Parallel()
	s := tuningtest.New(t)
	c := client(t, s.URL())
	text := examples(3000)
	file, err := c.Upload(t.Context(), content("ours.jsonl", text))
	require.NoError(t, err)
	require.Equal(t, text, s.Files()[0].Content)

	found, err := c.FindFiles(t.Context(), time.Now(), "ours.jsonl", "other.jsonl")
	require.NoError(t, err)
	require.Equal(t, map[string][]openai.File{"ours.jsonl": {{ID: file, Size: int64(len(text))}}}, found)

	job, err := c.CreateJob(t.Context(), openai.Order{
		Ref: "ref-1", BaseModel: tuningtest.Base, Suffix: "tube", TrainingFile: file, Epochs: 3, LearningRateMultiplier: 0.5,
	})
	require.NoError(t, err)
	require.JSONEq(t, `{"type":"supervised","supervised":{"hyperparameters":{"n_epochs":3,"learning_rate_multiplier":0.5}}}`,
		string(s.Jobs()[0].Method))
	same, err := c.FindJob(t.Context(), time.Now(), "ref-1", "")
	require.NoError(t, err)
	require.Equal(t, job.ID, same.ID)
	none, err := c.FindJob(t.Context(), time.Now(), "ref-2", "")
	require.NoError(t, err)
	require.Nil(t, none)

	s.Advance("succeeded")
	job, err = c.Job(t.Context(), job.ID)
	require.NoError(t, err)
	require.True(t, job.Ended())
	require.Equal(t, s.Jobs()[0].FineTuned, job.Model)
	require.EqualValues(t, 4096, job.TrainedTokens)
	_, err = c.CancelJob(t.Context(), job.ID)
	require.Equal(t, fault.Invalid, fault.CodeOf(err), "it is over")
	require.NoError(t, c.DeleteFile(t.Context(), file))
	require.NoError(t, c.DeleteFile(t.Context(), file), "twice is fine")
	require.NoError(t, c.DeleteModel(t.Context(), job.Model))
	require.NoError(t, c.DeleteModel(t.Context(), job.Model))
}

func TestOneOfOursIsFoundBehindHundredsOfOthers(t *testing.T) {
	t.Parallel()
	s := tuningtest.New(t)
	s.Pages(7, false)
	c := client(t, s.URL())
	first, err := c.Upload(t.Context(), content("first.jsonl", examples(10)))
	require.NoError(t, err)
	_, err = c.CreateJob(t.Context(), openai.Order{Ref: "first", BaseModel: tuningtest.Base, TrainingFile: first})
	require.NoError(t, err)
	for range 20 {
		other, err := c.Upload(t.Context(), content("other.jsonl", examples(10)))
		require.NoError(t, err)
		_, err = c.CreateJob(t.Context(), openai.Order{Ref: "other", BaseModel: tuningtest.Base, TrainingFile: other})
		require.NoError(t, err)
	}
	files, err := c.FindFiles(t.Context(), time.Now(), "first.jsonl")
	require.NoError(t, err)
	require.Equal(t, first, files["first.jsonl"][0].ID)
	job, err := c.FindJob(t.Context(), time.Now(), "not by this", first)
	require.NoError(t, err)
	require.Equal(t, s.Jobs()[0].ID, job.ID)

	// What was made long before is not looked at.
	before := s.Served(tuningtest.ListFiles)
	_, err = c.FindFiles(t.Context(), time.Now().Add(2*time.Hour), "first.jsonl")
	require.NoError(t, err)
	require.Equal(t, before+1, s.Served(tuningtest.ListFiles))
}

func TestADamagedContentNeverArrives(t *testing.T) {
	t.Parallel()
	s := tuningtest.New(t)
	c := client(t, s.URL())
	text := examples(3000)
	flipped := []byte(text)
	flipped[len(flipped)/2] ^= 1
	for name, bad := range map[string]string{
		"shorter": text[:len(text)-100], "longer": text + examples(1), "another": string(flipped),
	} {
		promised := content("ours.jsonl", text)
		promised.Reader = strings.NewReader(bad)
		_, err := c.Upload(t.Context(), promised)
		require.Equal(t, openai.Damaged, fault.CodeOf(err), "%s: %v", name, err)
	}
	require.Empty(t, s.Files())
}

func TestWhatTheServiceSaysDecidesWhetherToAskAgain(t *testing.T) {
	t.Parallel()
	s := tuningtest.New(t)
	c := client(t, s.URL())
	for _, one := range []struct {
		fault tuningtest.Fault
		code  fault.Code
		after time.Duration
		says  string
	}{
		{tuningtest.Fault{Status: 400, Message: "Bad\x00 \n model."}, fault.Invalid, 0, "does not take that: Bad model."},
		{tuningtest.Fault{Status: 422}, fault.Invalid, 0, "422"},
		{tuningtest.Fault{Status: 401, Message: tuningtest.Key}, openai.Refused, 0, "TUNING_API_KEY"},
		{tuningtest.Fault{Status: 403, Message: "no: " + tuningtest.Key}, openai.Refused, 0, "no: …"},
		{tuningtest.Fault{Status: 404}, fault.NotFound, 0, "does not know"},
		{tuningtest.Fault{Status: 408}, fault.Unavailable, 0, ""},
		{tuningtest.Fault{Status: 409}, fault.Unavailable, 0, ""},
		{tuningtest.Fault{Status: 413}, fault.TooLarge, 0, ""},
		{tuningtest.Fault{Status: 429, RetryAfter: "7"}, fault.RateLimited, 7 * time.Second, ""},
		{tuningtest.Fault{Status: 429, Code: "insufficient_quota", Message: "Pay"}, openai.Refused, 0, "Pay"},
		{tuningtest.Fault{Status: 500}, fault.Unavailable, 0, ""},
		{tuningtest.Fault{Status: 503, RetryAfter: "0.5"}, fault.Unavailable, time.Second / 2, ""},
		{tuningtest.Fault{Status: 502, Plain: true, RetryAfter: "soon"}, fault.Unavailable, 0, "502"},
		{tuningtest.Fault{Status: 404, Plain: true}, fault.NotFound, 0, ""},
		{tuningtest.Fault{Garbage: true}, fault.Unavailable, 0, "can't be read"},
		{tuningtest.Fault{Cut: true}, fault.Unavailable, 0, "can't be reached"},
	} {
		s.Fail(tuningtest.GetJob, one.fault)
		if one.fault.Cut { // Go itself asks again when a used connection turns out to be closed
			s.Fail(tuningtest.GetJob, one.fault)
		}
		_, err := c.Job(t.Context(), "ftjob-1")
		require.Equal(t, one.code, fault.CodeOf(err), "%+v: %v", one.fault, err)
		require.Equal(t, one.after, openai.RetryAfter(err), "%+v", one.fault)
		require.Contains(t, fault.Message(err), one.says, "%+v", one.fault)
		require.NotContains(t, err.Error(), tuningtest.Key)
	}
	require.False(t, fault.ClassOf(openai.Refused).Retryable)
}

func TestAnotherKeyIsRefused(t *testing.T) {
	t.Parallel()
	s := tuningtest.New(t)
	c, err := openai.New(openai.Config{URL: s.URL(), APIKey: "sk-wrong"})
	require.NoError(t, err)
	t.Cleanup(c.Close)
	_, err = c.Upload(t.Context(), content("ours.jsonl", examples(3000)))
	require.Equal(t, openai.Refused, fault.CodeOf(err), "%v", err)
	require.NotContains(t, err.Error(), "sk-wrong")
}

func TestAServiceThatHangsOrFloodsIsLeft(t *testing.T) {
	t.Parallel()
	block := make(chan struct{})
	flood := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "hangs") {
			<-block
			return
		}
		w.Header().Set("Content-Type", "application/json")
		for range 1024 {
			if _, err := w.Write([]byte(strings.Repeat(" ", 64<<10))); err != nil {
				return
			}
		}
	}))
	t.Cleanup(flood.Close)
	t.Cleanup(func() { close(block) })
	c, err := openai.New(openai.Config{URL: flood.URL, Timeout: 300 * time.Millisecond})
	require.NoError(t, err)
	t.Cleanup(c.Close)
	_, err = c.Job(t.Context(), "hangs")
	require.Equal(t, fault.Timeout, fault.CodeOf(err), "%v", err)

	why := errors.New("enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(why)
	_, err = c.Job(ctx, "hangs")
	require.ErrorIs(t, err, why)

	c = client(t, flood.URL)
	_, err = c.Job(t.Context(), "floods")
	require.Equal(t, fault.Unavailable, fault.CodeOf(err), "%v", err)
	require.Contains(t, fault.Message(err), "can't be read")
}

func TestSettingsThatCannotBeMeantAreNamed(t *testing.T) {
	t.Parallel()
	for _, url := range []string{"models", "ftp://models", "https://", "https://a:geheim@models", "https://m/?x=1", "https://m/%zz"} {
		_, err := openai.New(openai.Config{URL: url})
		require.ErrorContains(t, err, "TUNING_URL", url)
		require.NotContains(t, err.Error(), "geheim")
	}
	_, err := openai.New(openai.Config{URL: "https://models.example", APIKey: "sk-geheim\n"})
	require.ErrorContains(t, err, "TUNING_API_KEY")
	require.NotContains(t, err.Error(), "geheim")
	_, err = openai.New(openai.Config{URL: "https://models.example", Timeout: -1})
	require.ErrorContains(t, err, "TUNING_TIMEOUT")
	none, err := openai.New(openai.Config{})
	require.NoError(t, err)
	require.Nil(t, none)
	none.Close()
}

func TestTheEnvironmentOfTheLibraryDoesNotCount(t *testing.T) {
	t.Setenv("OPENAI_API_KEY", "sk-of-somebody")
	t.Setenv("OPENAI_CUSTOM_HEADERS", "X-Spy: yes")
	t.Setenv("OPENAI_ORG_ID", "org-of-somebody")
	seen := make(chan http.Header, 1)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { seen <- r.Header }))
	t.Cleanup(s.Close)
	c, err := openai.New(openai.Config{URL: s.URL})
	require.NoError(t, err)
	t.Cleanup(c.Close)
	_, err = c.Job(t.Context(), "any")
	require.Error(t, err)
	header := <-seen
	for _, name := range []string{"Authorization", "X-Spy", "OpenAI-Organization"} {
		require.Empty(t, header.Get(name), name)
	}
}
