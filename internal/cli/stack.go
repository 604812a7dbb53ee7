package cli

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"rohrpost/internal/blob"
	"rohrpost/internal/config"
	"rohrpost/internal/devstack"
)

// openStack starts what the environment doesn't name, on private servers of the stack, and returns the environment with all
// of it. What a newcomer should know of it goes into the tour.
func (p *process) openStack(ctx context.Context, stack *devstack.Stack, tinyModel bool, tour *tour) (config.Env, error) {
	env := p.env
	if env["BLOB_URL"] == "" {
		url, err := blob.FileURL(filepath.Join(stack.Dir(), "blobs"))
		if err != nil {
			return nil, err
		}
		env = env.With("BLOB_URL", url)
	}
	if env["AUTH_SECRET"] == "" {
		secret, err := keptSecret(filepath.Join(stack.Dir(), "auth.secret"))
		if err != nil {
			return nil, err
		}
		env = env.With("AUTH_SECRET", secret)
	}
	env, err := withBackups(env, stack.Dir(), tour)
	if err != nil {
		return nil, err
	}
	if env["METRICS_ADDR"] == "" {
		env = env.With("METRICS_ADDR", "127.0.0.1:0")
	}
	// Each takes seconds, and clamd with all signatures a minute: together they take as long as the slowest.
	var database, redis, clamd, ollama found
	group, starting := errgroup.WithContext(ctx)
	group.Go(func() (err error) { database, err = startDatabase(starting, stack, env); return err })
	group.Go(func() (err error) { redis, err = p.startRedis(starting, stack, env); return err })
	group.Go(func() (err error) { clamd, err = startClamd(starting, stack, env); return err })
	group.Go(func() (err error) { ollama, err = startOllama(starting, stack, env, tinyModel); return err })
	if err := group.Wait(); err != nil {
		return nil, err
	}
	for _, f := range []found{database, redis, clamd, ollama} {
		env = env.With(f.settings...)
		if f.note != "" {
			tour.Notes = append(tour.Notes, f.note)
		}
	}
	if env["SMTP_URL"] == "" {
		tour.Notes = append(tour.Notes, "Mail: none is sent until SMTP_URL and MAIL_FROM are set.")
	}
	tour.Data, tour.Sample = stack.Dir(), filepath.Join(stack.Dir(), "sample.jpg")
	tour.Environment = filepath.Join(stack.Dir(), "env.sh")
	if tour.Program, err = os.Executable(); err != nil {
		return nil, fmt.Errorf("where this program is: %w", err)
	}
	return env, errors.Join(writeSample(tour.Sample), writeEnvironment(tour.Environment, env))
}

// found is what there is of one kind of server: settings to add, and a sentence that a user should know.
type found struct {
	settings []string
	note     string
}

func startDatabase(ctx context.Context, stack *devstack.Stack, env config.Env) (found, error) {
	if env["DATABASE_URL"] != "" {
		return found{}, nil
	}
	pg, err := stack.StartPostgres(ctx, devstack.PostgresOptions{Durable: true, CountStatements: true})
	if err != nil {
		return found{}, err
	}
	return found{settings: []string{"DATABASE_URL", pg.URL()}}, nil
}

func (p *process) startRedis(ctx context.Context, stack *devstack.Stack, env config.Env) (found, error) {
	if env["REDIS_URL"] != "" {
		return found{}, nil
	}
	redis, err := stack.StartRedis(ctx, devstack.RedisOptions{Persist: true})
	var missing *devstack.NotInstalledError
	if err == nil {
		return found{settings: []string{"REDIS_URL", redis.URL()}}, nil
	}
	if !errors.As(err, &missing) {
		return found{}, err
	}
	embedded, err := devstack.StartEmbeddedRedis()
	if err != nil {
		return found{}, err
	}
	p.onClose("embedded redis", embedded.Stop)
	return found{
		settings: []string{"REDIS_URL", embedded.URL()},
		note: "Redis: an embedded stand-in, since redis-server is not installed. Live streams are forgotten at exit (jobs are\n" +
			"not), it is slow, and other processes can't share it.",
	}, nil
}

func startClamd(ctx context.Context, stack *devstack.Stack, env config.Env) (found, error) {
	if env["CLAMD_ADDRESS"] != "" {
		return found{}, nil
	}
	var cfg houseConfig
	if err := env.Load(&cfg); err != nil {
		return found{}, err
	}
	clamd, err := stack.StartClamd(ctx, devstack.ClamdOptions{MaxBytes: cfg.Files.MaxBytes})
	var missing *devstack.NotInstalledError
	if errors.As(err, &missing) {
		return found{note: "Virus scanner: none. Files are taken and stay closed until CLAMD_ADDRESS is set."}, nil
	}
	if err != nil {
		return found{}, err
	}
	f := found{settings: []string{"CLAMD_ADDRESS", clamd.Address()}}
	if source, complete := clamd.Signatures(); !complete {
		f.note = "Virus scanner: it knows " + source + " and no real virus. Run freshclam and start again for the full set."
	}
	return f, nil
}

// consoleNeeds are the variables that commands beside this process need, as far as they are set.
var consoleNeeds = append(slices.Clone(houseNeeds),
	"BACKUP_URL", "BACKUP_RECIPIENTS", "OLLAMA_HOST", "AI_MODEL", "TUNING_URL", "TUNING_API_KEY")

// writeEnvironment tells a shell where the servers are, for commands that run beside this process.
func writeEnvironment(path string, env config.Env) error {
	var b strings.Builder
	for _, name := range consoleNeeds {
		if value := env[name]; value != "" {
			b.WriteString("export " + name + "='" + strings.ReplaceAll(value, "'", `'\''`) + "'\n")
		}
	}
	if err := os.WriteFile(path, []byte(b.String()), 0o600); err != nil {
		return fmt.Errorf("environment for a shell: %w", err)
	}
	return nil
}

// keptSecret reads the secret at path, or makes one and keeps it there: tokens stay good over a restart.
func keptSecret(path string) (string, error) {
	text, err := os.ReadFile(path)
	if err == nil && len(text) > 0 {
		return strings.TrimSpace(string(text)), nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("secret for tokens: %w", err)
	}
	secret := rand.Text() + rand.Text()
	if err := os.WriteFile(path, []byte(secret+"\n"), 0o600); err != nil {
		return "", fmt.Errorf("secret for tokens: %w", err)
	}
	return secret, nil
}
