package bench

import (
	"context"
	"errors"
	"fmt"
	"time"

	"rohrpost/internal/bench/trial"
	"rohrpost/internal/bench/usage"
	"rohrpost/internal/stream"
)

// StreamsOptions are those of [Streams].
type StreamsOptions struct {
	Options
	Streams int // open at once; 0 takes 10,000, or 1,000 if quick
	Tokens  int // of one measurement of the relay; 0 takes 100
}

// The figures of the streams.
const (
	connectRate  = "connects_per_second"
	memoryEach   = "api_bytes_per_stream"
	fanOutP50    = "fan_out_p50_ms"
	fanOutP99    = "fan_out_p99_ms"
	relayP50     = "token_relay_p50_ms"
	relayP99     = "token_relay_p99_ms"
	coalescedP50 = "token_coalesced_p50_ms"
	coalescedP99 = "token_coalesced_p99_ms"
	replayP50    = "replay_p50_ms"
	replayP99    = "replay_p99_ms"
)

var streamFigures = []figure{
	{connectRate, "connects/s"},
	{memoryEach, "api memory per stream, bytes"},
	{fanOutP50, "event to all streams p50, ms"},
	{fanOutP99, "event to all streams p99, ms"},
	{relayP50, "token worker to client p50, ms"},
	{relayP99, "token worker to client p99, ms"},
	{coalescedP50, "token at 200/s, coalesced, p50, ms"},
	{coalescedP99, "token at 200/s, coalesced, p99, ms"},
	{replayP50, "reconnect and replay p50, ms"},
	{replayP99, "reconnect and replay p99, ms"},
}

const (
	usualStreams = 10_000
	quickStreams = 1000
	usualTokens  = 100
	visitors     = 10 // who share the streams: an event goes to a tenth of them
)

// Streams opens many event streams on one api process, and measures what they cost and how fast events arrive.
func Streams(ctx context.Context, opts StreamsOptions) (err error) {
	opts.Options = opts.withDefaults()
	if opts.Streams <= 0 {
		opts.Streams = usualStreams
		if opts.Quick {
			opts.Streams = quickStreams
		}
	}
	if opts.Tokens <= 0 {
		opts.Tokens = usualTokens
	}
	s, err := openSite(ctx, opts.Options, nil)
	if err != nil {
		return err
	}
	defer closing(&err, s.close)
	rep := report{Bench: "streams", Load: map[string]int{"streams": opts.Streams}, Runs: opts.Runs}
	if rep.Machine, err = thisMachine(ctx, s.pool, s.rdb); err != nil {
		return err
	}
	c := crowd{site: s, streams: opts.Streams, tokens: opts.Tokens, events: stream.New(s.rdb, stream.Config{})}
	for n := range min(visitors, opts.Streams) {
		v, err := s.visit(ctx, n)
		if err != nil {
			return err
		}
		c.visitors = append(c.visitors, v)
	}
	columns, err := compete(ctx, opts.Options, []contestant{{"rohrpost", c.run}})
	if err != nil {
		return err
	}
	rep.fill(streamFigures, columns)
	return rep.print(opts.Out, opts.JSON)
}

// crowd are the visitors of a run with their streams.
type crowd struct {
	site     *site
	streams  int
	tokens   int
	visitors []*visitor
	events   *stream.Log
}

func (c crowd) run(ctx context.Context, warm bool) (trial.Values, error) {
	if warm {
		c.streams, c.tokens = min(c.streams, 100), min(c.tokens, 10)
	}
	values := trial.Values{}
	// A process of its own for each run: memory that one run used is not given back for the next to be measured.
	if err := c.site.api.Restart(ctx); err != nil {
		return nil, err
	}
	if err := c.greet(ctx); err != nil {
		return nil, err
	}
	before, known, err := usage.Memory(c.site.api.Pid())
	if err != nil {
		return nil, err
	}
	began := time.Now()
	open, err := c.connect(ctx)
	defer open.close()
	if err != nil {
		return nil, err
	}
	values[connectRate] = float64(c.streams) / time.Since(began).Seconds()
	if err := errors.Join(c.fanOut(ctx, open, values), c.relay(ctx, values), c.replay(ctx, open, values)); err != nil {
		return nil, err
	}
	after, _, err := usage.Memory(c.site.api.Pid())
	if err == nil && known {
		values[memoryEach] = float64(after-before) / float64(c.streams)
	}
	return values, err
}

// greet has an api process that has just started answer everyone once, so that what it keeps of that isn't counted.
func (c *crowd) greet(ctx context.Context) error {
	for _, v := range c.visitors {
		s, err := v.follow(ctx, "/api/events", "")
		if err != nil {
			return fmt.Errorf("first stream: %w", err)
		}
		s.close()
	}
	return nil
}
