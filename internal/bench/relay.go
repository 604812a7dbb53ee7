package bench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"rohrpost/db"
	"rohrpost/internal/bench/trial"
	"rohrpost/internal/pause"
	"rohrpost/internal/queue"
	"rohrpost/internal/stream"
)

const (
	lonelyEvery  = 40 * time.Millisecond // more than the window in which tokens are collected
	crowdedEvery = 5 * time.Millisecond
)

// relay measures the way of a token from a worker to a client, while all other streams are open: tokens that come alone,
// which nothing holds back, and tokens that come faster than they are passed on.
func (c *crowd) relay(ctx context.Context, values trial.Values) error {
	for _, pace := range []struct {
		every    time.Duration
		p50, p99 string
	}{{lonelyEvery, relayP50, relayP99}, {crowdedEvery, coalescedP50, coalescedP99}} {
		a, err := c.measureTokens(ctx, pace.every)
		if err != nil {
			return fmt.Errorf("token relay: %w", err)
		}
		h := a.histogram()
		values[pace.p50], values[pace.p99] = trial.Milliseconds(h, 50), trial.Milliseconds(h, 99)
	}
	return nil
}

// measureTokens writes tokens as the worker of a job does. Each is its own number.
func (c *crowd) measureTokens(ctx context.Context, every time.Duration) (*arrivals, error) {
	reader := c.visitors[0]
	job, err := c.waitingJob(ctx, reader)
	if err != nil {
		return nil, err
	}
	s, err := reader.follow(ctx, "/api/jobs/"+job.ID.String()+"/events", "")
	if err != nil {
		return nil, err
	}
	defer s.close()
	a := newArrivals(c.tokens, 1)
	told := make(chan error, 1)
	go func() { told <- readTokens(s, a, c.tokens) }()
	w := stream.NewTokenWriter(c.events, stream.TokenOptions{Job: job.ID, Owner: reader.id, Epoch: job.Epoch})
	for n := range c.tokens {
		if err := pause.For(ctx, every); err != nil {
			break
		}
		a.sent(n)
		w.Write(strconv.Itoa(n) + " ")
	}
	if err := w.Close(ctx); err != nil {
		s.close()
		return nil, errors.Join(err, <-told)
	}
	return a, <-told
}

// waitingJob is a job of the visitor that nobody will run.
func (c *crowd) waitingJob(ctx context.Context, v *visitor) (job queue.Record, err error) {
	err = db.InTx(ctx, c.site.pool, func(tx pgx.Tx) (err error) {
		job, err = queue.Enqueue(ctx, tx, noop, number{}, queue.By(v.id), queue.At(time.Now().Add(time.Hour)))
		return err
	})
	return job, err
}

// readTokens takes all tokens, in their order and each once.
func readTokens(s *sse, a *arrivals, tokens int) error {
	for next := 0; next < tokens; {
		e, err := s.until(arriveWithin, func(e sseEvent) bool { return e.typ == stream.TypeToken })
		if err != nil {
			return fmt.Errorf("after token %d: %w", next, err)
		}
		var data struct {
			Token string `json:"token"`
		}
		if err := json.Unmarshal(e.data, &data); err != nil {
			return err
		}
		for word := range strings.FieldsSeq(data.Token) {
			if word != strconv.Itoa(next) {
				return fmt.Errorf("token %s came instead of %d", word, next)
			}
			a.take(0, next)
			next++
		}
	}
	return nil
}
