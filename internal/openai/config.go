package openai

import (
	"net/url"
	"strings"
	"time"

	"rohrpost/internal/fault"
)

// Config says where the service is. The zero value works: there is none then.
type Config struct {
	// URL is the root of the service's API, such as https://api.openai.com/v1.
	URL string `env:"TUNING_URL"`
	// APIKey is sent with every request. A service on the own machine may need none.
	APIKey string `env:"TUNING_API_KEY" secret:"true"`
	// Timeout bounds one exchange that carries no file and no answer of a model. Default 60s: services create a job within
	// seconds, and say so at once when they are busy.
	Timeout time.Duration `env:"TUNING_TIMEOUT"`
}

const defaultTimeout = time.Minute

func (c Config) base() (*url.URL, error) {
	u, err := url.Parse(c.URL)
	switch {
	case err != nil, u.Host == "", u.Scheme != "http" && u.Scheme != "https":
		// Not what is in it: it may hold a password.
		return nil, fault.New(fault.Invalid, "TUNING_URL is not the address of a service: it begins with http:// or https://")
	case u.User != nil:
		return nil, fault.New(fault.Invalid, "TUNING_URL holds a login; the key belongs into TUNING_API_KEY")
	case u.RawQuery != "" || u.Fragment != "":
		return nil, fault.New(fault.Invalid, "TUNING_URL has a query or a fragment")
	case strings.ContainsFunc(c.APIKey, func(r rune) bool { return r <= ' ' || r > '~' }):
		return nil, fault.New(fault.Invalid, "TUNING_API_KEY holds a character that no key has")
	}
	return u, nil
}
