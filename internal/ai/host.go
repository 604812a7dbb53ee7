package ai

import (
	"fmt"
	"net"
	"net/url"
	"strings"
)

// ollamaPort is where Ollama listens unless told otherwise.
const ollamaPort = "11434"

// parseHost reads OLLAMA_HOST the way Ollama's own tools do: the scheme may be missing, and then the port, too.
func parseHost(host string) (*url.URL, error) {
	full := host
	if !strings.Contains(host, "://") {
		full = "http://" + host
	}
	base, err := url.Parse(full)
	if err != nil {
		// The error of url.Parse quotes its input, which may hold a password.
		return nil, fmt.Errorf("OLLAMA_HOST is no URL and no host:port")
	}
	switch {
	case base.Scheme != "http" && base.Scheme != "https":
		return nil, fmt.Errorf("OLLAMA_HOST has the scheme %q, want http or https", base.Scheme)
	case base.Host == "":
		return nil, fmt.Errorf("OLLAMA_HOST names no host")
	case base.RawQuery != "" || base.Fragment != "":
		return nil, fmt.Errorf("OLLAMA_HOST has a query or a fragment")
	}
	name, port := base.Hostname(), base.Port()
	if name == "" || name == "0.0.0.0" || name == "::" { // an address to listen on, as servers have it in this variable
		name = "127.0.0.1"
	}
	if port == "" && full != host {
		port = ollamaPort
	}
	if port != "" {
		base.Host = net.JoinHostPort(name, port)
	}
	return base, nil
}
