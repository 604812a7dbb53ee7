package devstack

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"github.com/ollama/ollama/api"
)

const (
	// ollamaVersion is the release that build/ollama/build.sh builds.
	ollamaVersion = "0.17.4"
	ollamaWithin  = 30 * time.Second
	ollamaGrace   = 5 * time.Second // it unloads its models; what remains is killed with its group
	// ollamaModels is how many models may be loaded. Of its own accord Ollama loads three, and who asks for a fourth while
	// they are busy makes all others wait, also those who ask for a model that is loaded.
	ollamaModels = 32
)

// OllamaOptions says how to run Ollama.
type OllamaOptions struct {
	// Environ are further variables, e.g. "OLLAMA_NUM_PARALLEL=2" or "OLLAMA_MAX_QUEUE=4".
	Environ []string
}

// Ollama is a private Ollama server, for tests: it starts without models and reaches no cloud. It knows no password.
type Ollama struct {
	*Process
}

// OllamaBinary is where the server for the tests is kept: in the user's cache, named by version. `make` builds it.
func OllamaBinary() (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("ollama: %w", err)
	}
	return filepath.Join(cache, "rohrpost", "ollama-"+ollamaVersion, "ollama"), nil
}

// StartOllama starts the server that build/ollama/build.sh has built. Without it the error is a *NotInstalledError.
func (s *Stack) StartOllama(ctx context.Context, opts OllamaOptions) (*Ollama, error) {
	path, err := OllamaBinary()
	if err != nil {
		return nil, err
	}
	if !executable(path) {
		return nil, &NotInstalledError{
			Program: "Ollama " + ollamaVersion + " for tests", Install: "it with build/ollama/build.sh", Env: "OLLAMA_HOST",
		}
	}
	name := s.name("ollama")
	home, err := s.home(name, nil)
	if err != nil {
		return nil, fmt.Errorf("ollama: %w", err)
	}
	o := &Ollama{Process: &Process{
		stack: s, name: name, folder: home, within: ollamaWithin, grace: ollamaGrace,
		stops:     []syscall.Signal{syscall.SIGTERM},
		announced: "Listening on 127.0.0.1:%PORT%",
		probe: func(ctx context.Context, address string) error {
			return withClient(address, func(c *api.Client) error {
				_, err := c.Version(ctx)
				return err
			})
		},
		command: func(port int) (*exec.Cmd, error) {
			cmd := exec.Command(path, "serve")
			cmd.Env = append([]string{
				"PATH=" + os.Getenv("PATH"), "HOME=" + home, "OLLAMA_HOST=" + address(port),
				"OLLAMA_MODELS=" + filepath.Join(home, "models"), "OLLAMA_NO_CLOUD=1",
				fmt.Sprintf("OLLAMA_MAX_LOADED_MODELS=%d", ollamaModels),
			}, opts.Environ...)
			return cmd, nil
		},
	}}
	if err := s.add(o); err != nil {
		return nil, err
	}
	if err := o.Start(ctx); err != nil {
		return nil, err
	}
	return o, nil
}

// URL is the address, as OLLAMA_HOST takes it.
func (o *Ollama) URL() string { return "http://" + o.Address() }

// withClient runs fn with a client whose connections end with it, so that nothing of it outlives the call.
func withClient(address string, fn func(c *api.Client) error) error {
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	return fn(api.NewClient(&url.URL{Scheme: "http", Host: address}, &http.Client{Transport: transport}))
}
