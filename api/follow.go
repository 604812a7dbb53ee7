package api

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"math/rand/v2"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"
	"go.opentelemetry.io/otel/trace"

	"rohrpost/db"
	"rohrpost/internal/fault"
	"rohrpost/internal/queue"
	"rohrpost/internal/stream"
	"rohrpost/internal/tracing"
)

const (
	// subscribeWithin bounds the wait for Redis before the answer begins. It goes on behind the open stream.
	subscribeWithin = 500 * time.Millisecond
	// resubscribe is about how long the next try waits when Redis is away.
	resubscribe = 2 * time.Second
	// settle is how long the events of a job that is over may take to come. After that they are lost, and the record
	// tells the end.
	settle = time.Second
	// flushAt is how much is collected before it is sent, when a lot is waiting.
	flushAt = 32 << 10
	// recordWithin bounds a look at the record, which is one row.
	recordWithin = 5 * time.Second
)

// teller puts events into a client's words.
type teller interface {
	// tell writes an event of the stream.
	tell(out *eventWriter, e stream.Event)
	// finish writes the end from the record if the job is over, and reports whether it is.
	finish(ctx context.Context, out *eventWriter) (over bool, err error)
	// present writes the state of the job from the record, and the end if it is over, and reports whether it is.
	present(ctx context.Context, out *eventWriter) (over bool, err error)
	// over reports whether the job is over by its record.
	over(ctx context.Context) (bool, error)
}

// follower tells one stream to one client.
type follower struct {
	server  *Server
	session uuid.UUID
	key     stream.Key
	teller  teller
	hello   func(out *eventWriter) // says what comes before the first event; may be nil
	span    trace.Span             // of the events, in the trace of the job
	after   string                 // where to begin

	sub   *stream.Subscription // nil while Redis is away
	first *stream.Event        // taken from sub already
	begun bool                 // sub stood, and the job's present state was told if need be
	beat  time.Time            // when the next heartbeat is due
	// waiting is a context that ends at deadline, see patience.
	waiting  context.Context
	enough   context.CancelFunc
	deadline time.Time
	// lost is when the events of a job that is over count as lost. Zero: as far as we know it isn't over.
	lost time.Time
}

// now is what is already waiting in a subscription: a context that has ended lets Next not wait for more.
var now = func() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}()

// missed is for who wanted everything from now on and could be subscribed a while later only.
var missed = stream.Event{Type: stream.TypeReload, Data: json.RawMessage(`{"reason":"late"}`)}

// follow answers with the events after the given one. job is the record, nil for a stream that has none.
func (s *Server) follow(c *fiber.Ctx, f *follower, after string, job *db.Job) error {
	over := job != nil && ended(job.State)
	if epoch, ok := toldByRecord(after); ok {
		if over && epoch == job.Epoch {
			return c.SendStatus(fiber.StatusNoContent)
		}
		after = "" // it was run again since
	}
	if s.streams.stopping() {
		return s.hangUp(c)
	}
	f.span = tracing.None
	f.after = after
	switch err := f.subscribe(c.UserContext(), subscribeWithin); {
	case errors.Is(err, stream.ErrStopped):
		return s.hangUp(c)
	case err != nil:
		return err
	}
	if f.sub != nil && after != "" && after != stream.FromNow {
		switch e, err := f.sub.Next(now); {
		case errors.Is(err, io.EOF):
			f.sub.Close()
			return c.SendStatus(fiber.StatusNoContent)
		case err == nil:
			f.first = &e
		}
	}
	if over {
		f.lost = time.Now().Add(settle)
	}
	if job != nil {
		f.span = tracing.Following(c.UserContext(), job.TraceContext)
	}
	return s.detach(c, f.run)
}

// subscribe tries to subscribe. That Redis is away is no error; a malformed id and a server that stops are.
func (f *follower) subscribe(ctx context.Context, within time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	sub, err := f.server.hub.Subscribe(ctx, f.key, f.after)
	switch {
	case errors.Is(err, stream.ErrBadID), errors.Is(err, stream.ErrStopped):
		return err
	case err != nil:
		f.server.log.Debug("events wait for redis", "stream", f.key.String(), "err", err)
		return nil
	}
	f.sub = sub
	return nil
}

// run tells events until the end of the stream, of the client, of the login or of the server.
func (f *follower) run(ctx context.Context, out *eventWriter) error {
	defer func() {
		f.span.End()
		if f.enough != nil {
			f.enough()
		}
		if f.sub != nil {
			f.sub.Close()
		}
	}()
	if f.hello != nil {
		f.hello(out)
	}
	if err := out.Flush(); err != nil {
		return err
	}
	f.beat = time.Now().Add(f.server.cfg.Heartbeat)
	for {
		if over, err := f.present(ctx, out); over || err != nil {
			return err
		}
		event, err := f.next(ctx)
		switch {
		case errors.Is(err, errSubscribed):
		case err == nil:
			if end, err := f.tell(out, event); end || err != nil {
				return err
			}
		case errors.Is(err, io.EOF):
			return nil
		case ctx.Err() != nil:
			return stream.ErrStopped
		case errors.Is(err, context.DeadlineExceeded):
			if end, err := f.due(ctx, out); end || err != nil {
				return err
			}
		default:
			return err
		}
	}
}

// present tells, once, how the job is where its log is empty: what is on record is told live only where somebody reads. The
// record is read when the subscription stands, so that what is not in it will come.
func (f *follower) present(ctx context.Context, out *eventWriter) (over bool, err error) {
	if f.sub == nil || f.begun {
		return false, nil
	}
	f.begun = true
	if f.first != nil || f.after != "" {
		return false, nil
	}
	switch e, err := f.sub.Next(now); {
	case err == nil:
		f.first = &e
		return false, nil
	case !errors.Is(err, context.Canceled):
		return false, nil // the next call says it again
	}
	ctx, cancel := context.WithTimeout(ctx, recordWithin)
	defer cancel()
	over, err = f.teller.present(ctx, out)
	if err != nil {
		f.server.log.Debug("stream can't see the record", "stream", f.key.String(), "err", err)
		f.beat = time.Now().Add(settle) // it may be over
		return false, nil
	}
	return over, out.Flush()
}

// next waits for an event, and no longer than until something else is due.
func (f *follower) next(ctx context.Context) (stream.Event, error) {
	if f.first != nil {
		e := *f.first
		f.first = nil
		return e, nil
	}
	until := f.beat
	if !f.lost.IsZero() && f.lost.Before(until) {
		until = f.lost
	}
	for {
		e, err := f.receive(f.patience(ctx, until))
		if moved := errors.Is(err, context.DeadlineExceeded) && time.Now().Before(until); !moved {
			return e, err
		}
	}
}

// patience is a context that ends at until, or before: each event puts off what is due next, and it is cheaper to find out
// now and then that the time hasn't come than to move a timer for each event.
func (f *follower) patience(ctx context.Context, until time.Time) context.Context {
	if f.waiting == nil || f.waiting.Err() != nil || until.Before(f.deadline) {
		if f.enough != nil {
			f.enough()
		}
		f.deadline = until
		f.waiting, f.enough = context.WithDeadline(ctx, until)
	}
	return f.waiting
}

// receive subscribes where that is still to be done, and waits for an event.
func (f *follower) receive(ctx context.Context) (stream.Event, error) {
	for f.sub == nil {
		wait := time.NewTimer(resubscribe/2 + rand.N(resubscribe))
		select {
		case <-wait.C:
		case <-ctx.Done():
			wait.Stop()
			return stream.Event{}, ctx.Err()
		}
		if err := f.subscribe(ctx, resubscribe); err != nil {
			return stream.Event{}, err
		}
		switch {
		case f.sub == nil:
		case f.after == stream.FromNow:
			return missed, nil
		default:
			return stream.Event{}, errSubscribed
		}
	}
	return f.sub.Next(ctx)
}

// tell writes an event and what waits behind it.
func (f *follower) tell(out *eventWriter, event stream.Event) (end bool, err error) {
	oldest, reloaded := event, false
	for {
		f.teller.tell(out, event)
		reloaded = reloaded || event.Type == stream.TypeReload
		if event.Type != stream.TypeToken {
			f.span.AddEvent(event.Type)
		}
		if event.End || out.buf.Len() >= flushAt {
			break
		}
		if event, err = f.sub.Next(now); err != nil {
			break // nothing more now; what is wrong, the next call tells again
		}
	}
	if err := out.Flush(); err != nil {
		return false, err
	}
	f.sub.Written(oldest)
	f.beat = time.Now().Add(f.server.cfg.Heartbeat)
	if reloaded {
		f.beat = time.Now() // what was missed may have been the end
	}
	if !f.lost.IsZero() {
		f.lost = time.Now().Add(settle)
	}
	return event.End, nil
}

// due does what is due when no event has come: it tells the end of a job whose events are lost, or gives a sign of life
// and finds out whether there is still something to wait for.
func (f *follower) due(ctx context.Context, out *eventWriter) (end bool, err error) {
	if !f.lost.IsZero() && !time.Now().Before(f.lost) {
		over, err := f.teller.finish(ctx, out)
		if over || err != nil {
			return over, errors.Join(err, out.Flush())
		}
		f.lost = time.Time{} // run again meanwhile
		return false, nil
	}
	f.beat = time.Now().Add(f.server.cfg.Heartbeat)
	out.Heartbeat()
	if err := out.Flush(); err != nil {
		return false, err
	}
	ctx, cancel := context.WithTimeout(ctx, recordWithin)
	defer cancel()
	if live, err := f.server.accounts.Live(ctx, f.session); err == nil && !live {
		return true, errLoggedOut
	}
	over, err := f.teller.over(ctx)
	switch {
	case fault.CodeOf(err) == fault.NotFound:
		return true, err
	case err != nil: // PostgreSQL is away: the client loses nothing by waiting
		f.server.log.Debug("stream can't see the record", "stream", f.key.String(), "err", err)
	case over && f.lost.IsZero():
		f.lost = time.Now().Add(settle)
	case !over:
		f.lost = time.Time{}
	}
	return false, nil
}

var (
	errLoggedOut  = errors.New("the login has ended")
	errSubscribed = errors.New("the subscription stands at last")
)

func ended(state string) bool {
	return state == queue.Succeeded || state == queue.Failed || state == queue.Cancelled
}
