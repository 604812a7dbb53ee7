package edge

import (
	"fmt"
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"
)

func TestAttemptsComeBackWithTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := &Attempts{Every: time.Minute, Burst: 2}
		require.Zero(t, a.Take("k"))
		require.Zero(t, a.Take("k"))
		require.Equal(t, time.Minute, a.Take("k").Round(time.Second))
		require.Zero(t, a.Take("other"))
		time.Sleep(time.Minute) //nolint:forbidigo // in a bubble, sleeping is how the clock moves
		require.Zero(t, a.Take("k"))
		require.Positive(t, a.Take("k"))
	})
}

func TestAFloodOfKeysTakesNoMoreMemory(t *testing.T) {
	t.Parallel()
	a := &Attempts{Every: time.Hour, Burst: 1}
	for i := range 3 * maxKnown {
		a.Take(fmt.Sprint(i))
	}
	require.LessOrEqual(t, len(a.known), maxKnown)
}

func TestNestedFieldsAreCheckedForRepeats(t *testing.T) {
	t.Parallel()
	var v struct {
		A struct {
			B []map[string]int `json:"b"`
		} `json:"a"`
	}
	require.NoError(t, decode([]byte(`{"a":{"b":[{"x":1},{"x":2}]}}`), &v))
	require.ErrorContains(t, decode([]byte(`{"a":{"b":[{"x":1,"x":2}]}}`), &v), `"x" is there twice`)
	require.ErrorContains(t, decode([]byte(`{"a":{"b":7}}`), &v), `"a.b" has to be a list, not a number`)
	require.Error(t, decode([]byte(`{"a":{"b":[{"x":1e400}]}}`), &v))
	require.Error(t, decode([]byte("{\"a\":\x00}"), &v))
}

func TestETagsAreComparedWeakly(t *testing.T) {
	t.Parallel()
	require.True(t, MatchesETag(`W/"a", "b"`, `"a"`))
	require.True(t, MatchesETag(`*`, `"a"`))
	require.False(t, MatchesETag(`"b"`, `"a"`))
}

func TestAPanicBecomesAnAnswerAndALogLine(t *testing.T) {
	t.Parallel()
	var told error
	var lines strings.Builder
	app := fiber.New()
	app.Use(Requests(t.Context(), slog.New(slog.NewTextHandler(&lines, nil)), NewMetrics(prometheus.NewRegistry()),
		func(c *fiber.Ctx, err error) error {
			told = err
			return c.SendStatus(fiber.StatusInternalServerError)
		}))
	app.Get("/:id", func(*fiber.Ctx) error { panic("oh no") })
	res, err := app.Test(httptest.NewRequest(fiber.MethodGet, "/7?secret=1", nil))
	require.NoError(t, err)
	defer res.Body.Close()
	require.Equal(t, fiber.StatusInternalServerError, res.StatusCode)
	require.ErrorContains(t, told, "oh no")
	require.Contains(t, lines.String(), "path=/7 status=500")
	require.Contains(t, lines.String(), "request_id="+res.Header.Get("X-Request-Id"))
	require.NotContains(t, lines.String(), "secret")
}

func TestEndpointsAreCountedByTheirPattern(t *testing.T) {
	t.Parallel()
	reg := prometheus.NewRegistry()
	app := fiber.New()
	app.Use(Requests(t.Context(), slog.New(slog.DiscardHandler), NewMetrics(reg),
		func(c *fiber.Ctx, err error) error { return c.SendStatus(fiber.StatusNotFound) }))
	app.Get("/jobs/:id", func(c *fiber.Ctx) error { return c.SendString("job") })
	for _, path := range []string{"/jobs/1", "/jobs/2", "/nowhere/1", "/nowhere/2"} {
		res, err := app.Test(httptest.NewRequest(fiber.MethodGet, path, nil))
		require.NoError(t, err)
		require.NoError(t, res.Body.Close())
	}
	require.NoError(t, testutil.GatherAndCompare(reg, strings.NewReader(`
# HELP api_requests_total Requests answered.
# TYPE api_requests_total counter
api_requests_total{endpoint="/jobs/:id",method="GET",status="200"} 2
api_requests_total{endpoint="unmatched",method="GET",status="404"} 2
`), "api_requests_total"))
}
