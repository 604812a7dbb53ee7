package db

import (
	"context"
	"errors"
	"log/slog"
	"runtime"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"rohrpost/internal/tracing"
)

// Option says who is told what a pool does.
type Option func(*watch)

// LogTo has slow statements told to log.
func LogTo(log *slog.Logger) Option { return func(w *watch) { w.log = log } }

// MeasureTo has statements and connections counted at reg. One pool of a process may do so.
func MeasureTo(reg prometheus.Registerer) Option { return func(w *watch) { w.registerer = reg } }

// watch sees each statement of a pool, by its name and never by its values. Its waiter sees who waits for a connection.
type watch struct {
	waiter
	slowAfter  time.Duration
	log        *slog.Logger
	registerer prometheus.Registerer // nil where nothing is counted
	metrics    *metrics
}

func newWatch(cfg Config, options []Option) *watch {
	w := &watch{
		waiter: waiter{most: cfg.Wait}, slowAfter: cfg.SlowAfter, log: slog.New(slog.DiscardHandler), metrics: newMetrics(),
	}
	for _, option := range options {
		option(w)
	}
	return w
}

// show registers the metrics of a pool that works.
func (w *watch) show(pool *pgxpool.Pool) {
	if w.registerer != nil {
		w.metrics.register(w.registerer)
		w.registerer.MustRegister(newPoolMetrics(pool, &w.refused))
	}
}

// statement is one that is under way. Its results may be read while it is, and that time counts.
type statement struct {
	name  string
	start time.Time
	span  trace.Span
}

type statementKey struct{}

func (w *watch) begin(ctx context.Context, name string) context.Context {
	ctx, span := tracing.Call(ctx, name)
	if span.IsRecording() {
		describe(span, name)
	}
	return context.WithValue(ctx, statementKey{}, &statement{name, time.Now(), span})
}

func (w *watch) end(ctx context.Context, tag pgconn.CommandTag, err error) {
	if s, ok := ctx.Value(statementKey{}).(*statement); ok {
		w.ended(ctx, s.name, time.Since(s.start), tag, err)
		exchanged(s.span, err)
	}
}

func describe(span trace.Span, name string) {
	span.SetAttributes(semconv.DBSystemNamePostgreSQL, semconv.DBQuerySummary(name))
}

// Shared begins the span of an exchange that ctx's caller may share with others, below whose spans it can't be. End it
// with the function that it returns.
func Shared(ctx context.Context, name string) (end func(error)) {
	span := exchange(ctx, func() string { return name })
	return func(err error) { exchanged(span, err) }
}

func exchange(ctx context.Context, name func() string) trace.Span {
	if !trace.SpanFromContext(ctx).IsRecording() {
		return tracing.None
	}
	of := name()
	_, span := tracing.Call(ctx, of)
	describe(span, of)
	return span
}

func exchanged(span trace.Span, err error) {
	if err != nil && span.IsRecording() {
		span.SetAttributes(semconv.DBResponseStatusCode(state(err)))
	}
	tracing.End(span, err)
}

func (w *watch) ended(ctx context.Context, name string, took time.Duration, tag pgconn.CommandTag, err error) {
	w.metrics.count(ctx, name, took, err)
	if took < w.slowAfter {
		return
	}
	w.metrics.slow.WithLabelValues(name).Inc()
	attrs := []slog.Attr{
		slog.String("statement", name), slog.Duration("took", took), slog.Int64("rows", tag.RowsAffected()),
		slog.String("caller", caller()),
	}
	if err != nil {
		attrs = append(attrs, slog.String("failed", state(err)))
	}
	w.log.LogAttrs(ctx, slog.LevelWarn, "slow statement", attrs...)
}

// state is what can be told of an error of PostgreSQL, whose texts quote values.
func state(err error) string {
	var pg *pgconn.PgError
	switch {
	case errors.As(err, &pg):
		return "SQLSTATE " + pg.Code
	case errors.Is(err, context.DeadlineExceeded):
		return "timeout"
	case errors.Is(err, context.Canceled):
		return "cancelled"
	}
	return "connection"
}

const (
	callerDepth = 32
	driver      = "github.com/jackc/pgx/"
	ownQueries  = "rohrpost/db."
	runtimeOwn  = "runtime."
)

// caller is the function that asked for the statement that just ended: the nearest that belongs neither to pgx nor here.
func caller() string {
	pcs := make([]uintptr, callerDepth)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(2, pcs)])
	for {
		frame, more := frames.Next()
		if f := frame.Function; !strings.HasPrefix(f, driver) && !strings.HasPrefix(f, ownQueries) && !strings.HasPrefix(f, runtimeOwn) {
			return f
		}
		if !more {
			return ""
		}
	}
}

// TraceQueryStart implements [pgx.QueryTracer].
func (w *watch) TraceQueryStart(ctx context.Context, _ *pgx.Conn, data pgx.TraceQueryStartData) context.Context {
	return w.begin(ctx, StatementName(data.SQL))
}

// TraceQueryEnd implements [pgx.QueryTracer].
func (w *watch) TraceQueryEnd(ctx context.Context, _ *pgx.Conn, data pgx.TraceQueryEndData) {
	w.end(ctx, data.CommandTag, data.Err)
}

// TracePrepareStart implements [pgx.PrepareTracer]. pgx prepares what is not in the connection's cache.
func (w *watch) TracePrepareStart(ctx context.Context, _ *pgx.Conn, _ pgx.TracePrepareStartData) context.Context {
	return ctx
}

// TracePrepareEnd implements [pgx.PrepareTracer].
func (w *watch) TracePrepareEnd(_ context.Context, _ *pgx.Conn, data pgx.TracePrepareEndData) {
	if !data.AlreadyPrepared {
		w.metrics.prepared.Inc()
	}
}

// TraceBatchStart implements [pgx.BatchTracer].
func (w *watch) TraceBatchStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceBatchStartData) context.Context {
	return ctx
}

// TraceBatchQuery implements [pgx.BatchTracer]. Each statement of a batch counts by itself.
func (w *watch) TraceBatchQuery(ctx context.Context, _ *pgx.Conn, data pgx.TraceBatchQueryData) {
	if !data.ReadStartTime.IsZero() {
		w.ended(ctx, StatementName(data.SQL), time.Since(data.ReadStartTime), data.CommandTag, data.Err)
	}
}

// TraceBatchEnd implements [pgx.BatchTracer].
func (w *watch) TraceBatchEnd(context.Context, *pgx.Conn, pgx.TraceBatchEndData) {}

// TraceCopyFromStart implements [pgx.CopyFromTracer].
func (w *watch) TraceCopyFromStart(ctx context.Context, _ *pgx.Conn, data pgx.TraceCopyFromStartData) context.Context {
	return w.begin(ctx, "copy "+strings.Join(data.TableName, "."))
}

// TraceCopyFromEnd implements [pgx.CopyFromTracer].
func (w *watch) TraceCopyFromEnd(ctx context.Context, _ *pgx.Conn, data pgx.TraceCopyFromEndData) {
	w.end(ctx, data.CommandTag, data.Err)
}
