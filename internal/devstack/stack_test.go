package devstack_test

import (
	"errors"
	"log/slog"
	"os"
	"strconv"
	"strings"
	"testing"

	"rohrpost/internal/devstack"
)

func TestAFolderBelongsToOneStackAtATime(t *testing.T) {
	t.Parallel()
	dir := folder(t)
	first := open(t, dir)
	_, err := devstack.Open(dir, slog.New(slog.DiscardHandler))
	if err == nil || !strings.Contains(err.Error(), strconv.Itoa(os.Getpid())) {
		t.Errorf("second Open: %v, want an error that names the holder", err)
	}
	must(t, first.Close())
	open(t, dir)
}

func TestCloseRemovesATemporaryFolderOnly(t *testing.T) {
	t.Parallel()
	dir := folder(t)
	kept, temporary := open(t, dir), open(t, "")
	inMemory, err := devstack.OpenInMemory(slog.New(slog.DiscardHandler))
	must(t, err)
	must(t, kept.Close())
	if _, err := os.Stat(dir); err != nil {
		t.Error(err)
	}
	for _, s := range []*devstack.Stack{temporary, inMemory} {
		must(t, s.Close())
		must(t, s.Close())
		if _, err := os.Stat(s.Dir()); !os.IsNotExist(err) {
			t.Errorf("the temporary folder is still there: %v", err)
		}
	}
}

func TestNothingStartsOnAClosedStack(t *testing.T) {
	t.Parallel()
	s := open(t, "")
	r, err := s.StartRedis(t.Context(), devstack.RedisOptions{})
	must(t, err)
	must(t, s.Close())
	if err := r.Start(t.Context()); err == nil {
		t.Error("a server of a closed stack started")
	}
	if _, err := s.StartRedis(t.Context(), devstack.RedisOptions{}); err == nil {
		t.Error("a closed stack started a server")
	}
}

func TestAMissingProgramIsNamedWithTheWaysOut(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	_, err := open(t, "").StartRedis(t.Context(), devstack.RedisOptions{})
	var missing *devstack.NotInstalledError
	if !errors.As(err, &missing) {
		t.Fatalf("got %v", err)
	}
	want := "redis-server is not installed: install the Debian package redis-server, or set REDIS_URL to a running one"
	if missing.Error() != want {
		t.Errorf("got  %s\nwant %s", missing, want)
	}
}
