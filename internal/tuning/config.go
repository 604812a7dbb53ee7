package tuning

import (
	"math/rand/v2"
	"time"

	"rohrpost/internal/fault"
)

// Config tunes the service. Zero values work.
type Config struct {
	// Deadline is how long a tuning may take at the service, queueing included. Default 48h.
	Deadline time.Duration `env:"TUNING_DEADLINE"`
	// PollMin and PollMax bound the time between two looks at it, which grows while there is no news. Default 5s and 60s.
	PollMin time.Duration `env:"TUNING_POLL_MIN"`
	PollMax time.Duration `env:"TUNING_POLL_MAX"`
	// MaxBytes is the largest file that is uploaded. Default 512 MiB, which is what OpenAI takes.
	MaxBytes int64 `env:"TUNING_MAX_BYTES"`
	// KeepFiles leaves what was uploaded at the service when the tuning is over.
	KeepFiles bool `env:"TUNING_KEEP_FILES"`
	// Settle is how long after a request whose answer was lost the service is asked what came of it. Default 30s.
	Settle time.Duration `env:"TUNING_SETTLE"`
}

const (
	minDeadline = time.Minute // under that no service has even begun
	maxWait     = time.Hour   // that a service can ask us to stay away for at once
)

func (c Config) withDefaults() (Config, error) {
	or(&c.Deadline, 48*time.Hour)
	or(&c.PollMin, 5*time.Second)
	or(&c.PollMax, time.Minute)
	or(&c.MaxBytes, 512<<20)
	or(&c.Settle, 30*time.Second)
	switch {
	case c.Deadline < minDeadline:
		return c, fault.New(fault.Invalid, "TUNING_DEADLINE is %s; %s is the least", c.Deadline, minDeadline)
	case c.PollMin < 0:
		return c, fault.New(fault.Invalid, "TUNING_POLL_MIN is negative")
	case c.PollMax < c.PollMin:
		return c, fault.New(fault.Invalid, "TUNING_POLL_MAX is %s, less than TUNING_POLL_MIN", c.PollMax)
	case c.MaxBytes < 0:
		return c, fault.New(fault.Invalid, "TUNING_MAX_BYTES is negative")
	case c.Settle < 0:
		return c, fault.New(fault.Invalid, "TUNING_SETTLE is negative")
	}
	return c, nil
}

// or sets a value that is zero to its default.
func or[T int64 | time.Duration](value *T, def T) {
	if *value == 0 {
		*value = def
	}
}

// pause is the wait before the next look after a number of looks without news, with a fifth of it at random either way, so
// that tunings that were started together don't look together.
func (c Config) pause(idle int32) time.Duration {
	most := c.PollMax
	if idle < 10 && c.PollMin < most>>idle { // so that nothing overflows
		most = c.PollMin << idle
	}
	return most - most/5 + rand.N(max(2*most/5, 1))
}
