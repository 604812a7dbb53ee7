package accounts

import (
	"runtime"
	"time"

	"rohrpost/internal/fault"
)

// minSecretBytes is the output of HMAC-SHA-256: a shorter key would be the weakest part of it (RFC 7518, 3.2).
const minSecretBytes = 32

// Config tunes accounts. Zero values work but for the secret.
type Config struct {
	// Secret signs the access tokens: at least 32 bytes, the same for all processes. Another one invalidates the access
	// tokens that are out, not the sessions.
	Secret string `env:"AUTH_SECRET" secret:"true"`
	// AccessTTL is how long an access token is good. Default 15m.
	AccessTTL time.Duration `env:"AUTH_ACCESS_TTL"`
	// RefreshTTL is how long a refresh token is good, and so a session that isn't used. Default 30 days.
	RefreshTTL time.Duration `env:"AUTH_REFRESH_TTL"`
	// RegistrationClosed lets nobody register any more.
	RegistrationClosed bool `env:"REGISTRATION_CLOSED"`
	// HashParallel is how many passwords are hashed at a time, at 19 MiB each. Default: one a CPU.
	HashParallel int `env:"AUTH_HASH_PARALLEL"`
	// HashWaiting is how many more may wait for their turn. Default 32 for each that runs: about a second.
	HashWaiting int `env:"AUTH_HASH_WAITING"`
}

func (c Config) withDefaults() (Config, error) {
	switch {
	case c.Secret == "":
		return c, fault.New(fault.Invalid, "AUTH_SECRET is not set")
	case len(c.Secret) < minSecretBytes:
		return c, fault.New(fault.Invalid, "AUTH_SECRET has %d bytes, it needs at least %d", len(c.Secret), minSecretBytes)
	}
	if c.AccessTTL <= 0 {
		c.AccessTTL = 15 * time.Minute
	}
	c.RefreshTTL = c.refreshTTL()
	if c.HashParallel <= 0 {
		c.HashParallel = runtime.GOMAXPROCS(0)
	}
	if c.HashWaiting <= 0 {
		c.HashWaiting = 32 * c.HashParallel
	}
	return c, nil
}

func (c Config) refreshTTL() time.Duration {
	if c.RefreshTTL <= 0 {
		return 30 * 24 * time.Hour
	}
	return c.RefreshTTL
}
