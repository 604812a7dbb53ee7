package api_test

import (
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"

	"rohrpost/api"
	"rohrpost/internal/tracing"
)

// exchanges sends r and returns the names of the exchanges with PostgreSQL that it took: a statement, or several that went
// together.
func (s *site) exchanges(ended *tracetest.SpanRecorder, r request) (names []string, a *answer) {
	s.t.Helper()
	id := strings.ReplaceAll(uuid.NewString(), "-", "")
	header := map[string]string{"traceparent": "00-" + id + "-00f067aa0ba902b7-01"}
	maps.Copy(header, r.header)
	r.header = header
	a = s.send(r)
	// The request's own span ends last, maybe after the answer is here.
	eventually(s.t, "the request's span", func() bool {
		names = nil
		over := false
		for _, span := range ended.Ended() {
			if span.SpanContext().TraceID().String() != id {
				continue
			}
			over = over || !span.Parent().IsValid() || span.Parent().IsRemote()
			if slices.Contains(span.Attributes(), semconv.DBSystemNamePostgreSQL) {
				names = append(names, span.Name())
			}
		}
		return over
	})
	require.NotEmpty(s.t, names)
	return names, a
}

// Not in parallel: it has the spans of the whole process.
func TestWhatIsAskedForOftenTakesTwoExchangesWithTheDatabase(t *testing.T) {
	ended := tracetest.NewSpanRecorder()
	tracing.Use(sdk.NewTracerProvider(sdk.WithSpanProcessor(ended)))
	t.Cleanup(func() { tracing.Use(nil) })
	s := newSite(t)
	ada := s.user()
	question := request{path: "/api/ai/query", as: &ada, json: api.Question{Prompt: "why?"}}
	body, media := form([3]string{"file", "a.txt", "content"})
	upload := request{path: "/api/files", as: &ada, body: body, media: media}
	for _, c := range []struct {
		name   string
		send   request
		status int
		want   string
	}{
		{"a question", question, http.StatusAccepted, "AddJob InsertAIQuery"},
		{"a question once", question.with("Idempotency-Key", "k"), http.StatusAccepted, "TakeIdempotencyKey AddJob InsertAIQuery"},
		{"an upload", upload, http.StatusAccepted, "AddJob InsertFile"},
		{"an upload once", upload.with("Idempotency-Key", "k"), http.StatusAccepted, "TakeIdempotencyKey AddJob InsertFile"},
		{"who I am", request{path: "/api/me", as: &ada}, http.StatusOK, "UserByID"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := s.of(t)
			names, a := s.exchanges(ended, c.send)
			a.want(c.status)
			// The engine hands the job over at the same time, and the names of tuned models are read once a second.
			names = slices.DeleteFunc(names, func(name string) bool { return name == "ModelNamesAt" })
			require.Equal(t, []string{"LiveSessions", c.want}, names)
		})
	}
}
