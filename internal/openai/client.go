// Package openai is the client of a service that speaks OpenAI's API: files, fine-tuning jobs and chat completions. It
// is OpenAI's own library with bounds around it: no retries (the job engine has its own), a time limit for each
// exchange, answers of bounded size, errors with a code of package fault, and nothing taken from the environment but
// what Config names.
package openai

import (
	"context"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	sdk "github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"

	"rohrpost/internal/fault"
)

const (
	dialWithin = 10 * time.Second // across the world, with a name to look up
	idleConns  = 16
)

// Client is safe for concurrent use; close it.
type Client struct {
	cfg       Config
	base      *url.URL
	transport *http.Transport
	api       sdk.Client
	files     sdk.FileService
	jobs      sdk.FineTuningJobService
	models    sdk.ModelService
	chat      sdk.ChatCompletionService
}

// New makes a client, nil where cfg names no service. It doesn't connect. A setting that can't be understood is an error
// that names its variable.
func New(cfg Config) (*Client, error) {
	if cfg.URL == "" {
		return nil, nil
	}
	base, err := cfg.base()
	if err != nil {
		return nil, err
	}
	if cfg.Timeout < 0 {
		return nil, fault.New(fault.Invalid, "TUNING_TIMEOUT is negative")
	}
	if cfg.Timeout == 0 {
		cfg.Timeout = defaultTimeout
	}
	c := &Client{cfg: cfg, base: base, transport: &http.Transport{
		Proxy:               http.ProxyFromEnvironment,
		DialContext:         (&net.Dialer{Timeout: dialWithin}).DialContext,
		TLSHandshakeTimeout: dialWithin,
		MaxIdleConnsPerHost: idleConns,
		IdleConnTimeout:     time.Minute,
		ForceAttemptHTTP2:   true,
	}}
	// The services by themselves, as the library's own client would read further settings from the environment.
	usual := c.options(maxAnswer)
	c.api = sdk.Client{Options: usual}
	c.files = sdk.NewFileService(usual...)
	c.jobs = sdk.NewFineTuningJobService(usual...)
	c.models = sdk.NewModelService(usual...)
	c.chat = sdk.NewChatCompletionService(c.options(maxStream)...)
	return c, nil
}

func (c *Client) options(most int64) []option.RequestOption {
	opts := []option.RequestOption{
		option.WithBaseURL(c.base.String()),
		option.WithHTTPClient(&http.Client{Transport: bounded{c.transport, most}}),
		option.WithMaxRetries(0),
	}
	if c.cfg.APIKey != "" {
		opts = append(opts, option.WithAPIKey(c.cfg.APIKey))
	}
	return opts
}

// Close lets go of the connections that are idle. Call it when nobody uses the client any more. A nil client has none.
func (c *Client) Close() {
	if c != nil {
		c.transport.CloseIdleConnections()
	}
}

// exchange is one bounded exchange with the service, whose error is classified.
func (c *Client) exchange(ctx context.Context, within time.Duration,
	call func(ctx context.Context, o option.RequestOption) error) error {
	limited, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	var raw *http.Response
	err := call(limited, option.WithResponseInto(&raw))
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return c.classify(err, raw)
}

// clean is text of the service as it can be stored and shown: on one line, without the key, at most n bytes long.
func (c *Client) clean(text string, n int) string {
	if c.cfg.APIKey != "" {
		text = strings.ReplaceAll(text, c.cfg.APIKey, "…")
	}
	return Clean(text, n)
}

// Clean is text from outside as it can be stored and shown: valid, on one line, at most n bytes long.
func Clean(text string, n int) string {
	text = strings.ReplaceAll(strings.ToValidUTF8(text, "\uFFFD"), "\x00", "")
	text = strings.Join(strings.Fields(text), " ")
	if len(text) > n {
		text = strings.ToValidUTF8(text[:n], "") + "…"
	}
	return text
}
