package devstack

import (
	"bufio"
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

const (
	redisWithin = 30 * time.Second // loading an append-only file takes most of it
	redisGrace  = 10 * time.Second
)

// RedisOptions says what kind of Redis to start.
type RedisOptions struct {
	// Persist keeps the data in an append-only file in the stack's folder. Off, a stop forgets everything: for tests.
	Persist bool
	// Settings are further lines of redis.conf, e.g. "cluster-enabled yes" or "maxmemory 8mb".
	Settings []string
	// PasswordOf gives it the password of another one, for replicas; nil makes one.
	PasswordOf *Redis
}

// Redis is a private Redis with a password of its own, made anew for each run.
type Redis struct {
	*Process
	password string
}

// StartRedis starts a Redis; a stack may hold several. Without an installed redis-server the error is a
// *NotInstalledError; [StartEmbeddedRedis] is the stand-in that needs none.
func (s *Stack) StartRedis(ctx context.Context, opts RedisOptions) (*Redis, error) {
	path, ok := program("redis-server")
	if !ok {
		return nil, &NotInstalledError{
			Program: "redis-server", Install: "the Debian package redis-server", Env: "REDIS_URL",
		}
	}
	name := s.name("redis")
	home, err := s.home(name, nil)
	if err != nil {
		return nil, fmt.Errorf("redis: %w", err)
	}
	r := &Redis{password: rand.Text()}
	if opts.PasswordOf != nil {
		r.password = opts.PasswordOf.password
	}
	r.Process = &Process{
		stack: s, name: name, folder: home, within: redisWithin, grace: redisGrace,
		stops: []syscall.Signal{syscall.SIGTERM},
		probe: r.answers,
		command: func(port int) (*exec.Cmd, error) {
			// The password goes in by the file: arguments can be read by everybody on the machine.
			conf := filepath.Join(home, "redis.conf")
			if err := os.WriteFile(conf, []byte(r.conf(port, opts)), 0o600); err != nil {
				return nil, err
			}
			return exec.Command(path, conf), nil //nolint:gosec // an installed program
		},
	}
	if err := s.add(r); err != nil {
		return nil, err
	}
	if err := r.Start(ctx); err != nil {
		return nil, err
	}
	return r, nil
}

// URL is the address with the password, as REDIS_URL takes it.
func (r *Redis) URL() string { return "redis://:" + r.password + "@" + r.Address() + "/0" }

func (r *Redis) conf(port int, opts RedisOptions) string {
	appendOnly := "no"
	if opts.Persist {
		appendOnly = "yes"
	}
	lines := []string{
		"bind 127.0.0.1", fmt.Sprintf("port %d", port), "requirepass " + r.password, "masterauth " + r.password,
		"daemonize no", "dir ./", `save ""`, "appendonly " + appendOnly,
	}
	return strings.Join(append(lines, opts.Settings...), "\n") + "\n"
}

// answers also proves that it is our server: another one would not know the password.
func (r *Redis) answers(ctx context.Context, address string) error {
	conn, end, err := dial(ctx, address)
	if err != nil {
		return err
	}
	defer end()
	if _, err := fmt.Fprintf(conn, "AUTH %s\r\nPING\r\n", r.password); err != nil {
		return err
	}
	in := bufio.NewReader(conn)
	for _, want := range []string{"+OK", "+PONG"} {
		line, err := in.ReadString('\n')
		if err != nil {
			return err
		}
		if line = strings.TrimSpace(line); line != want {
			return fmt.Errorf("answered %q", line)
		}
	}
	return nil
}
