package stream

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"github.com/redis/go-redis/v9"

	"rohrpost/internal/pause"
	"rohrpost/internal/tracing"
)

const (
	appendAttempts = 3                     // an append that isn't in the token loop is worth a short wait, not a long one
	appendBackoff  = 50 * time.Millisecond // before the second attempt, doubled for the third
	knownStreams   = 8192                  // how many last ids are remembered, about 1 MiB
	fenceGrace     = time.Minute           // a fence outlives its log, or a late stale writer would find it open
)

// Log appends events to streams. It is safe for concurrent use and needs no closing.
type Log struct {
	rdb    redis.UniversalClient
	cfg    Config
	prefix string        // makes append keys unique among processes
	count  atomic.Uint64 // makes them unique in this one

	mu   sync.Mutex
	last map[Key]string // guarded by mu: the last id this process wrote, to notice a log that came back shorter
}

// New makes a writer on rdb: a single node, Sentinel or Cluster. rdb stays the caller's to close.
func New(rdb redis.UniversalClient, cfg Config) *Log {
	return &Log{
		rdb:    rdb,
		cfg:    cfg.withDefaults(),
		prefix: strconv.FormatUint(rand.Uint64(), 36) + ".",
		last:   map[Key]string{},
	}
}

// Append writes entries to their streams and publishes them, in order per stream and in one round trip. Entries of one
// call to one stream are written together or not at all; different streams succeed or fail on their own.
//
// epoch is that of the job which writes, 0 if nothing is to be fenced. Errors: [ErrFenced], [ErrEnded], [ErrBadEntry],
// or the wrapped error of Redis after three attempts (an append that may have happened is not repeated).
func (l *Log) Append(ctx context.Context, epoch int64, entries ...Entry) error {
	return l.AppendAll(ctx, Batch{Epoch: epoch, Entries: entries})
}

// Batch is what one job writes.
type Batch struct {
	Epoch   int64
	Entries []Entry
	// Key, where there is one, names the batch: it is written once, also when another process wrote it before and did not
	// come to note that. As far as the log goes back, that is, and not over more than 2000 entries.
	Key string
}

// AppendAll is Append for several jobs in one round trip. A batch that is refused does not keep the others from being
// written; the first refusal is returned.
func (l *Log) AppendAll(ctx context.Context, batches ...Batch) (err error) {
	ctx, span := tracing.Call(ctx, "publish events")
	defer func() { tracing.End(span, err) }()
	var parts []*part
	for _, b := range batches {
		some, err := l.parts(b.Epoch, b.Entries)
		if err != nil {
			return err
		}
		for _, p := range some {
			p.named(b.Key)
		}
		parts = append(parts, some...)
	}
	wait := appendBackoff
	for attempt := 1; ; attempt++ {
		err := l.run(ctx, parts)
		if err == nil || attempt == appendAttempts || settled(parts) {
			return err
		}
		if pause.For(ctx, wait) != nil {
			return err
		}
		wait *= 2
	}
}

// settled tells whether every part was written or refused, so that there is nothing left to try.
func settled(parts []*part) bool {
	for _, p := range parts {
		if !p.done {
			return false
		}
	}
	return true
}

// parts groups entries by stream, keeping their order, and makes the arguments of the script.
func (l *Log) parts(epoch int64, entries []Entry) ([]*part, error) {
	var writer uuid.UUID // the job in whose name this is written, where one of the streams says so
	ended := map[uuid.UUID]bool{}
	for _, e := range entries {
		if err := e.check(); err != nil {
			return nil, err
		}
		if e.Key.kind == jobKey {
			if writer == uuid.Nil {
				writer = e.Key.id
			}
			ended[e.Key.id] = ended[e.Key.id] || e.End
		}
	}
	type target struct {
		key Key
		job uuid.UUID
	}
	var parts []*part
	byTarget := map[target]*part{}
	for _, e := range entries {
		job := e.Job
		switch {
		case e.Key.kind == jobKey:
			job = e.Key.id
		case job == uuid.Nil:
			job = writer
		}
		if epoch > 0 && job == uuid.Nil {
			return nil, fmt.Errorf("%s with an epoch, but of no job: %w", e.Type, ErrBadEntry)
		}
		at := target{e.Key, job}
		p := byTarget[at]
		if p == nil {
			fenceTTL := l.cfg.LiveTTL
			if ended[job] {
				fenceTTL = l.cfg.EndTTL
			}
			p = &part{key: e.Key, keys: []string{e.Key.String(), e.Key.fence(job)}}
			p.args = []any{epoch, l.cfg.MaxLen, l.cfg.LiveTTL.Milliseconds(), (fenceTTL + fenceGrace).Milliseconds(),
				l.prefix + strconv.FormatUint(l.count.Add(1), 36), "0", "", flag(ended[job])}
			byTarget[at] = p
			parts = append(parts, p)
		}
		if p.ends {
			return nil, fmt.Errorf("%s after the end: %w", e.Type, ErrBadEntry)
		}
		if e.End {
			p.ends = true
			p.args[2] = l.cfg.EndTTL.Milliseconds()
		}
		p.args = append(p.args, e.Type, []byte(e.Data), flag(e.End))
	}
	return parts, nil
}

func (l *Log) known(key Key) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.last[key]
}

// remember keeps the id of what p wrote. The map is bounded: forgetting one only makes a shortened log go unnoticed.
func (l *Log) remember(p *part, id string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if p.ends {
		delete(l.last, p.key)
		return
	}
	// Two appends to one stream may answer in either order; only the greater id may stay.
	was, _ := parsePosition(l.last[p.key])
	is, err := parsePosition(id)
	if err != nil || is.log < was.log || is.log == was.log && is.seq < was.seq {
		return
	}
	if _, there := l.last[p.key]; !there && len(l.last) >= knownStreams {
		for key := range l.last {
			delete(l.last, key)
			break
		}
	}
	l.last[p.key] = id
}
