package api

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"

	"rohrpost/api/edge"
	"rohrpost/db"
	"rohrpost/internal/fault"
	"rohrpost/internal/tracing"
)

// The codes that only HTTP knows.
var (
	codeMethod  = fault.Register("method_not_allowed", fault.Class{Status: 405, Title: "Method not allowed"})
	codeHeaders = fault.Register("headers_too_large", fault.Class{Status: 431, Title: "Headers too large"})
	codeRange   = fault.Register("range_not_satisfiable", fault.Class{Status: 416, Title: "Range not satisfiable"})
)

const (
	problemType = "application/problem+json"
	loginScheme = `Bearer realm="rohrpost"`
	retrySoon   = "5"  // seconds after which something unavailable may be back
	retryLater  = "60" // seconds after which somebody may have made room
)

// fail answers a request with the problem document that err stands for. It is the one place where errors become
// answers, those of Fiber and fasthttp included.
func (s *Server) fail(c *fiber.Ctx, err error) error {
	err = translate(c, err)
	code := fault.CodeOf(err)
	class := fault.ClassOf(code)
	p := Problem{
		Type: "about:blank", Title: class.Title, Status: class.Status, Detail: fault.Message(err), Code: string(code),
		RequestID: edge.RequestID(c),
	}
	if id := tracing.ID(c.UserContext()); id != "" {
		p.TraceID = &id
	}
	if path := strings.Clone(c.Path()); path != "" {
		p.Instance = &path
	}
	if class.Status >= fiber.StatusInternalServerError {
		level := slog.LevelError
		if class.Status == fiber.StatusServiceUnavailable && !class.Retryable {
			level = slog.LevelWarn // this installation does without what was asked for
		}
		s.log.LogAttrs(c.UserContext(), level, "request failed", slog.String("request_id", p.RequestID),
			slog.String("code", p.Code), slog.String("err", err.Error()))
	}
	body, err := json.Marshal(p)
	if err != nil {
		return fmt.Errorf("problem document: %w", err)
	}
	edge.SecurityHeaders(c)
	switch class.Status {
	case fiber.StatusUnauthorized:
		c.Set(fiber.HeaderWWWAuthenticate, loginScheme)
	case fiber.StatusServiceUnavailable:
		c.Set(fiber.HeaderRetryAfter, retrySoon)
	case fiber.StatusInsufficientStorage:
		c.Set(fiber.HeaderRetryAfter, retryLater)
	}
	c.Set(fiber.HeaderContentType, problemType)
	return c.Status(class.Status).Send(body)
}

// translate gives a code to what comes without one: the errors of the router, of the HTTP server, and those that mean
// that PostgreSQL can't be reached.
func translate(c *fiber.Ctx, err error) error {
	var (
		router *fiber.Error
		coded  *fault.Error
	)
	switch {
	case errors.As(err, &coded):
		return err
	case errors.As(err, &router):
		return routed(c, router)
	case db.Down(err):
		return fault.Wrap(err, fault.Unavailable, "A part of the service can't be reached right now.")
	}
	return err
}

func routed(c *fiber.Ctx, err *fiber.Error) error {
	switch err.Code {
	case fiber.StatusNotFound:
		return fault.New(fault.NotFound, "There is nothing at this address.")
	case fiber.StatusMethodNotAllowed:
		return fault.New(codeMethod, "This address doesn't take %s.", strings.Clone(c.Method()))
	case fiber.StatusRequestEntityTooLarge:
		return fault.New(fault.TooLarge, "The body of the request is too large.")
	case fiber.StatusRequestHeaderFieldsTooLarge:
		return fault.New(codeHeaders, "The address and the headers have at most %d bytes together.", headerBuffer)
	case fiber.StatusRequestTimeout:
		return fault.New(edge.SlowRequest, "The request did not come in time.")
	}
	if err.Code >= fiber.StatusInternalServerError {
		return err
	}
	// The generated code says: Invalid format for parameter id: <what Go thinks of it>.
	if rest, ok := strings.CutPrefix(err.Message, "Invalid format for parameter "); ok {
		name, _, _ := strings.Cut(rest, ":")
		return fault.Wrap(err, fault.Invalid, "The parameter %s is malformed.", name)
	}
	return fault.Wrap(err, fault.Invalid, "The request can't be understood.")
}

// unrouted answers what Fiber answers in plain text before it looks at a route: a method it doesn't know.
func (s *Server) unrouted(next fasthttp.RequestHandler) fasthttp.RequestHandler {
	known := map[string]bool{}
	for _, method := range fiber.DefaultMethods {
		known[method] = true
	}
	return func(ctx *fasthttp.RequestCtx) {
		if known[string(ctx.Method())] {
			next(ctx)
			return
		}
		c := s.app.AcquireCtx(ctx)
		defer s.app.ReleaseCtx(c)
		ctx.SetConnectionClose() // whatever body it has is not going to be read
		if err := s.fail(c, fault.New(codeMethod, "There is no such method.")); err != nil {
			ctx.SetStatusCode(fasthttp.StatusMethodNotAllowed)
		}
	}
}
