package edge

import (
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"

	"rohrpost/internal/tracing"
)

type (
	requestIDKey struct{}
	detachedKey  struct{}
)

// requestTimeout bounds the work for one request that isn't an upload, a download or a stream.
const requestTimeout = 30 * time.Second

// Requests is the outermost middleware. It names the request (X-Request-Id), bounds its work in time, turns a panic into
// an error and errors into answers with fail, sets the headers that every answer has, counts, and logs one line.
func Requests(base context.Context, log *slog.Logger, metrics *Metrics, fail fiber.ErrorHandler) fiber.Handler {
	return func(c *fiber.Ctx) error {
		start := time.Now()
		metrics.inFlight.Inc()
		defer metrics.inFlight.Dec()
		ctx, cancel := context.WithTimeout(base, requestTimeout)
		defer cancel()
		method := strings.Clone(c.Method())
		ctx, span := tracing.Request(ctx, method, strings.Clone(c.Get("traceparent")))
		c.SetUserContext(ctx)
		id := RequestID(c)
		SecurityHeaders(c)

		err := next(c)
		endpoint := "unmatched"
		if path := c.Route().Path; path != "/" {
			endpoint = path
		}
		if err != nil {
			if err := fail(c, err); err != nil {
				tracing.End(span, err)
				return err
			}
		}
		settle(c)
		status := c.Response().StatusCode()
		metrics.count(ctx, method, endpoint, status, time.Since(start))
		tracing.EndRequest(span, method, endpoint, status)
		if c.Locals(detachedKey{}) != nil {
			return nil // its end is logged by whoever took the connection
		}
		level := slog.LevelInfo
		if status >= fiber.StatusInternalServerError {
			level = slog.LevelWarn
		}
		log.LogAttrs(ctx, level, "request", slog.String("request_id", id), slog.String("method", method),
			slog.String("path", c.Path()), slog.Int("status", status), slog.Duration("took", time.Since(start)),
			slog.String("user", userOf(c)), slog.String("ip", c.IP()))
		return nil
	}
}

func next(c *fiber.Ctx) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
	}()
	return c.Next()
}

// RequestID returns the id of the request, a UUIDv7, and makes it known in the answer at the first call.
func RequestID(c *fiber.Ctx) string {
	if id, ok := c.Locals(requestIDKey{}).(string); ok {
		return id
	}
	id := uuid.Must(uuid.NewV7()).String() // fails only without a source of randomness, and then nothing works
	c.Locals(requestIDKey{}, id)
	c.Set(fiber.HeaderXRequestID, id)
	return id
}

// Detached keeps the request out of the log: the connection goes on without it.
func Detached(c *fiber.Ctx) { c.Locals(detachedKey{}, true) }

// SecurityHeaders sets what every answer has unless a handler says otherwise: it is data, to be shown by nobody and run
// by nobody, and it is nobody else's.
func SecurityHeaders(c *fiber.Ctx) {
	c.Set(fiber.HeaderXContentTypeOptions, "nosniff")
	c.Set(fiber.HeaderReferrerPolicy, "same-origin")
	c.Set(fiber.HeaderContentSecurityPolicy, "default-src 'none'; frame-ancestors 'none'")
	c.Set("Cross-Origin-Resource-Policy", "same-origin")
	c.Set(fiber.HeaderCacheControl, "no-store")
}

// MatchesETag reports whether an If-None-Match header covers etag, by the weak comparison that it asks for.
func MatchesETag(header, etag string) bool {
	for tag := range strings.SplitSeq(header, ",") {
		if tag = strings.TrimSpace(tag); tag == "*" || strings.TrimPrefix(tag, "W/") == etag {
			return true
		}
	}
	return false
}
