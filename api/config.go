package api

import "time"

// Config tunes the server. Zero values work.
type Config struct {
	// Addr is where to listen. Default 127.0.0.1:8080.
	Addr string `env:"API_ADDR"`
	// ReadTimeout bounds the time in which the headers, and a body that is no upload, have to come. Default 15s.
	ReadTimeout time.Duration `env:"API_READ_TIMEOUT"`
	// UploadPause is the longest pause within an upload. Default 30s.
	UploadPause time.Duration `env:"API_UPLOAD_PAUSE"`
	// IdleTimeout is how long a connection may wait for its next request. Default 2m.
	IdleTimeout time.Duration `env:"API_IDLE_TIMEOUT"`
	// WriteTimeout is how long a client may take to accept one piece of its answer. Default 30s.
	WriteTimeout time.Duration `env:"API_WRITE_TIMEOUT"`
	// Heartbeat is the time between two signs of life on an event stream that has nothing to tell. Default 15s.
	Heartbeat time.Duration `env:"API_HEARTBEAT"`
	// LoginBurst is how many logins or registrations may be tried at once from one address for one account; one more is
	// allowed each LoginEvery. Default 10 and 6s.
	LoginBurst int           `env:"API_LOGIN_BURST"`
	LoginEvery time.Duration `env:"API_LOGIN_EVERY"`
}

const (
	defaultAddr = "127.0.0.1:8080"
	// headerBuffer bounds the request line and the headers: room for a prompt of some pages in a query.
	headerBuffer = 32 << 10
)

// WithDefaults fills in what is not set.
func (c Config) WithDefaults() Config {
	if c.Addr == "" {
		c.Addr = defaultAddr
	}
	if c.LoginBurst <= 0 {
		c.LoginBurst = 10
	}
	or(&c.ReadTimeout, 15*time.Second)
	or(&c.UploadPause, 30*time.Second)
	or(&c.IdleTimeout, 2*time.Minute)
	or(&c.WriteTimeout, 30*time.Second)
	or(&c.Heartbeat, 15*time.Second)
	or(&c.LoginEvery, 6*time.Second)
	return c
}

// or sets a duration that isn't positive to its default.
func or(value *time.Duration, def time.Duration) {
	if *value <= 0 {
		*value = def
	}
}
