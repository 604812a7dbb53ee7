package stream

import "time"

// Config tunes writers and readers. The zero value works: whatever is not positive takes its default.
type Config struct {
	// MaxLen is how many entries a log keeps, approximately (Redis trims whole nodes of 100 entries). Default 5000.
	MaxLen int64 `env:"STREAM_MAX_LEN"`
	// LiveTTL is how long a log outlives its last entry while it hasn't ended. Default 24h.
	LiveTTL time.Duration `env:"STREAM_LIVE_TTL"`
	// EndTTL is how long a log outlives its final event. Default 2h.
	EndTTL time.Duration `env:"STREAM_END_TTL"`
	// Timeout bounds one exchange with Redis, and waiting for a subscription's confirmation. Default 3s.
	Timeout time.Duration `env:"STREAM_TIMEOUT"`

	// Coalesce is the least time between two flushes of tokens. Default 25ms.
	Coalesce time.Duration `env:"STREAM_COALESCE"`
	// CoalesceEvents is the number of waiting tokens that are flushed before that time. Default 64.
	CoalesceEvents int `env:"STREAM_COALESCE_EVENTS"`
	// CoalesceBytes is the number of waiting bytes flushed before that time, and the most text in one event.
	// Default 128 KiB.
	CoalesceBytes int `env:"STREAM_COALESCE_BYTES"`
	// PendingBytes is the most text a token writer holds back while Redis is away; the oldest is dropped beyond.
	// Default 8 MiB.
	PendingBytes int `env:"STREAM_PENDING_BYTES"`

	// Buffer is the number of live events a reader may lag behind before it is cut off. Default 256.
	Buffer int `env:"STREAM_BUFFER"`
	// BufferBytes is the same bound in bytes of data. Default 1 MiB.
	BufferBytes int `env:"STREAM_BUFFER_BYTES"`
	// Page is the number of entries one replay read fetches. Default 512.
	Page int `env:"STREAM_PAGE"`
	// Poll is the time, give or take a quarter, between two checks for lost pub/sub messages. Default 15s.
	Poll time.Duration `env:"STREAM_POLL"`
	// Ping is the time between two pings of the pub/sub connection; three unanswered ones replace it. Default 5s.
	Ping time.Duration `env:"STREAM_PING"`
}

func (c Config) withDefaults() Config {
	or(&c.MaxLen, 5000)
	or(&c.LiveTTL, 24*time.Hour)
	or(&c.EndTTL, 2*time.Hour)
	or(&c.Timeout, 3*time.Second)
	or(&c.Coalesce, 25*time.Millisecond)
	or(&c.CoalesceEvents, 64)
	or(&c.CoalesceBytes, 128<<10)
	or(&c.PendingBytes, 8<<20)
	or(&c.Buffer, 256)
	or(&c.BufferBytes, 1<<20)
	or(&c.Page, 512)
	or(&c.Poll, 15*time.Second)
	or(&c.Ping, 5*time.Second)
	return c
}

// or sets a value that isn't positive to its default.
func or[T int | int64 | time.Duration](value *T, def T) {
	if *value <= 0 {
		*value = def
	}
}
