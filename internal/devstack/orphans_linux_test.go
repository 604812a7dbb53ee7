package devstack_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"testing"

	"rohrpost/internal/devstack"
	"rohrpost/internal/devstack/stacktest"
)

const (
	roleEnv    = "ROHRPOST_DEVSTACK_TEST_ROLE"
	roleParent = "parent"
	roleNobody = "nobody"
	dirEnv     = "ROHRPOST_DEVSTACK_TEST_DIR"
)

// parent runs in a process of its own: it starts every server, tells their pids, and waits to be killed.
func parent() {
	pids, err := startAll(context.Background(), os.Getenv(dirEnv))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	if err := json.NewEncoder(os.Stdout).Encode(pids); err != nil {
		os.Exit(1)
	}
	select {}
}

// startAll returns the pids of all servers, Ollama with a model loaded.
func startAll(ctx context.Context, dir string) (map[string]int, error) {
	s, err := devstack.Open(dir, slog.New(slog.NewTextHandler(os.Stderr, nil)))
	if err != nil {
		return nil, err
	}
	pg, err := s.StartPostgres(ctx, devstack.PostgresOptions{Durable: true})
	if err != nil {
		return nil, err
	}
	r, err := s.StartRedis(ctx, devstack.RedisOptions{Persist: true})
	if err != nil {
		return nil, err
	}
	c, err := s.StartClamd(ctx, devstack.ClamdOptions{OwnSignatures: true})
	if err != nil {
		return nil, err
	}
	o, err := s.StartOllama(ctx, devstack.OllamaOptions{})
	if err != nil {
		return nil, err
	}
	if err := stacktest.CreateModels(ctx, o); err != nil {
		return nil, err
	}
	if _, err := ask(ctx, o, stacktest.ModelSay); err != nil {
		return nil, err
	}
	return map[string]int{"postgres": pg.Pid(), "redis": r.Pid(), "clamd": c.Pid(), "ollama": o.Pid()}, nil
}

func TestAKilledParentLeavesNoServerAndItsFolderCanBeUsedAtOnce(t *testing.T) {
	t.Parallel()
	dir := folder(t)
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), roleEnv+"="+roleParent, dirEnv+"="+dir)
	cmd.Stderr = t.Output()
	out, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	line, err := bufio.NewReader(out).ReadBytes('\n')
	if err != nil {
		cmd.Process.Kill()
		t.Fatalf("the parent started nothing: %v, %v", err, cmd.Wait())
	}
	var pids map[string]int
	must(t, json.Unmarshal(line, &pids))
	var ends []end
	for _, pid := range pids {
		ends = append(ends, watch(t, pid))
		for _, child := range children(t, pid) {
			ends = append(ends, watch(t, child))
		}
	}
	if len(ends) <= len(pids) {
		t.Errorf("%d processes watched, want the servers' children, too", len(ends))
	}

	must(t, cmd.Process.Kill())
	cmd.Wait()

	// While its predecessor is still on its way out, the next one waits its turn.
	pg, err := open(t, dir).StartPostgres(t.Context(), devstack.PostgresOptions{Durable: true})
	must(t, err)
	if _, err := query(t, pg.URL(), "SELECT 1"); err != nil {
		t.Error(err)
	}
	for _, e := range ends {
		e.wait(t)
	}
}
