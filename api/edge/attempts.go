package edge

import (
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// maxKnown bounds the memory of [Attempts]: some 200 bytes each.
const maxKnown = 16384

// Attempts bounds how often something may be tried under one key, in this process. The zero Burst allows everything.
type Attempts struct {
	Every time.Duration // one more is allowed each time
	Burst int           // how many at once

	mu    sync.Mutex
	known map[string]*rate.Limiter // guarded by mu
}

// Take takes one attempt under key. A wait over zero means that it is one too many, and when the next one is allowed.
func (a *Attempts) Take(key string) (wait time.Duration) {
	if a.Burst <= 0 {
		return 0
	}
	now := time.Now()
	a.mu.Lock()
	defer a.mu.Unlock()
	limiter := a.known[key]
	if limiter == nil {
		a.makeRoom(now)
		limiter = rate.NewLimiter(rate.Every(a.Every), a.Burst)
		a.known[key] = limiter
	}
	r := limiter.ReserveN(now, 1)
	if wait = r.DelayFrom(now); wait > 0 {
		r.CancelAt(now)
	}
	return wait
}

// makeRoom forgets who has all attempts left, which changes nothing for them; and everybody if that is not enough, since
// a flood of keys must cost neither memory nor other people's logins. The caller holds mu.
func (a *Attempts) makeRoom(now time.Time) {
	if a.known != nil && len(a.known) < maxKnown {
		return
	}
	for key, limiter := range a.known {
		if limiter.TokensAt(now) >= float64(a.Burst) {
			delete(a.known, key)
		}
	}
	if a.known == nil || len(a.known) >= maxKnown {
		a.known = map[string]*rate.Limiter{}
	}
}
