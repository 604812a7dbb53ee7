package chaos

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"rohrpost/internal/pause"
)

const (
	recoverWithin = 60 * time.Second      // from then on work counts as stuck
	recoverLook   = 50 * time.Millisecond // how exact the time to recover is
	calm          = 500 * time.Millisecond
)

// happening is one fault that was, and what became of the work.
type happening struct {
	Kind   string        `json:"kind"`
	Target string        `json:"target"`
	At     time.Duration `json:"at_ns"` // since the start
	Lasted time.Duration `json:"lasted_ns"`
	// Recovered is how long it took until all jobs that were unfinished had ended: from the fault's end, or from its
	// beginning where nobody had to undo anything for the work to go on.
	Recovered time.Duration `json:"recovered_ns"`
	Stuck     int64         `json:"stuck"` // jobs that had not ended within recoverWithin
}

// director has one fault follow the other, in rounds of each kind once.
type director struct {
	stage   *stage
	began   time.Time
	kinds   []faultKind
	shuffle bool // each round anew; otherwise the order is that of kinds
	random  *rand.Rand
	told    func(happening)
}

// run goes on until the time is over, and for one round at least; a fault that has begun is seen to its end.
func (d *director) run(ctx context.Context, until time.Time) error {
	for rounds := 0; ; rounds++ {
		for _, kind := range d.round() {
			if rounds > 0 && !time.Now().Before(until) {
				return nil
			}
			b := kind.choose(d.stage, d.random)
			b.kind = kind.name
			h, err := d.happen(ctx, b)
			if err != nil {
				return fmt.Errorf("%s, %s: %w", b.kind, b.target, err)
			}
			d.told(h)
			if err := pause.For(ctx, calm); err != nil {
				return err
			}
		}
	}
}

func (d *director) round() []faultKind {
	if !d.shuffle {
		return d.kinds
	}
	round := make([]faultKind, 0, len(d.kinds))
	for _, i := range d.random.Perm(len(d.kinds)) {
		round = append(round, d.kinds[i])
	}
	return round
}

func (d *director) happen(ctx context.Context, b breakage) (happening, error) {
	from := time.Now()
	h := happening{Kind: b.kind, Target: b.target, At: from.Sub(d.began)}
	created, err := d.now(ctx)
	if err != nil {
		return h, err
	}
	if err := b.begin(ctx); err != nil {
		return h, err
	}
	ended := make(chan error, 1)
	go func() {
		err := pause.For(ctx, b.hold)
		if err == nil {
			err = b.end(ctx)
		}
		h.Lasted = time.Since(from)
		ended <- err
	}()
	if !b.fromBegin {
		if err := <-ended; err != nil {
			return h, err
		}
		from = time.Now()
		if created, err = d.now(ctx); err != nil {
			return h, err
		}
	}
	h.Stuck, err = d.recovered(ctx, created, from)
	h.Recovered = time.Since(from)
	if b.fromBegin {
		err = errors.Join(err, <-ended)
	}
	if err == nil && b.after != nil {
		err = b.after(ctx)
	}
	return h, err
}

// now is the time by PostgreSQL's clock: all jobs that are unfinished now were created until then.
func (d *director) now(ctx context.Context) (now time.Time, err error) {
	err = d.stage.ask(ctx, func(ctx context.Context) error {
		return d.stage.pool.QueryRow(ctx, `SELECT clock_timestamp()`).Scan(&now)
	})
	return now, err
}

// recovered waits until the jobs that were created until then have ended, and returns how many had not in time.
func (d *director) recovered(ctx context.Context, created, from time.Time) (stuck int64, err error) {
	for time.Since(from) < recoverWithin {
		// The oldest one by the index, whose dead entries are thrown away by the look itself.
		var oldest *time.Time
		err := d.stage.ask(ctx, func(ctx context.Context) error {
			return d.stage.pool.QueryRow(ctx, `
				SELECT (SELECT created_at FROM jobs WHERE state IN ('queued', 'running') ORDER BY created_at LIMIT 1)`).Scan(&oldest)
		})
		if err != nil {
			return 0, err
		}
		if oldest == nil || oldest.After(created) {
			return 0, nil
		}
		if err := pause.For(ctx, recoverLook); err != nil {
			return 0, err
		}
	}
	return d.stage.unfinished(ctx, created)
}
