package devstack_test

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"rohrpost/internal/devstack"
	"rohrpost/internal/devstack/stacktest"
)

func TestPostgresKeepsPortAndDataOverARestart(t *testing.T) {
	t.Parallel()
	pg, err := stacktest.Own(t).StartPostgres(t.Context(), devstack.PostgresOptions{})
	must(t, err)
	url := pg.URL()
	_, err = query(t, url, "CREATE TABLE kept AS SELECT 'here' AS what")
	must(t, err)
	must(t, pg.Stop(t.Context()))
	if _, err := query(t, url, "SELECT 1"); err == nil {
		t.Error("a stopped PostgreSQL answers")
	}
	must(t, pg.Start(t.Context()))
	if got, err := query(t, url, "SELECT what FROM kept"); got != "here" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
	must(t, pg.Restart(t.Context()))
	if pg.URL() != url {
		t.Errorf("URL %s, want the same as before", pg.URL())
	}
}

func TestPostgresStartsAgainAfterItWasKilled(t *testing.T) {
	t.Parallel()
	pg, err := stacktest.Own(t).StartPostgres(t.Context(), devstack.PostgresOptions{Durable: true})
	must(t, err)
	_, err = query(t, pg.URL(), "CREATE TABLE kept AS SELECT 'here' AS what")
	must(t, err)
	end := watch(t, pg.Pid())
	must(t, syscall.Kill(pg.Pid(), syscall.SIGKILL))
	end.wait(t)
	must(t, pg.Start(t.Context()))
	pg.Kill()
	pg.Kill()
	must(t, pg.Start(t.Context()))
	if got, err := query(t, pg.URL(), "SELECT what FROM kept"); got != "here" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
}

func TestDurablePostgresIsFoundAgainByTheNextStack(t *testing.T) {
	t.Parallel()
	dir := folder(t)
	s := open(t, dir)
	pg, err := s.StartPostgres(t.Context(), devstack.PostgresOptions{Durable: true})
	must(t, err)
	_, err = query(t, pg.URL(), "CREATE TABLE kept AS SELECT 'here' AS what")
	must(t, err)
	must(t, s.Close())
	info, err := os.Stat(filepath.Join(dir, "postgres.password"))
	must(t, err)
	if info.Mode().Perm() != 0o600 {
		t.Errorf("the password has mode %s", info.Mode())
	}
	// The pid file of a killed run whose number now is somebody else's: ours, for one.
	stale := strconv.Itoa(os.Getpid()) + "\n" + filepath.Join(dir, "postgres", "data") + "\n"
	must(t, os.WriteFile(filepath.Join(dir, "postgres", "data", "postmaster.pid"), []byte(stale), 0o600))

	pg, err = open(t, dir).StartPostgres(t.Context(), devstack.PostgresOptions{Durable: true})
	must(t, err)
	if got, err := query(t, pg.URL(), "SELECT what FROM kept"); got != "here" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
	if got, err := query(t, pg.URL(), "SHOW fsync"); got != "on" || err != nil {
		t.Errorf("fsync %q, %v", got, err)
	}
}

func TestPostgresAsksForItsPassword(t *testing.T) {
	t.Parallel()
	pg := stacktest.Postgres(t)
	_, err := query(t, "postgres://rohrpost:wrong@"+pg.Address()+"/postgres?sslmode=disable", "SELECT 1")
	if err == nil || !strings.Contains(err.Error(), "28P01") {
		t.Errorf("got %v", err)
	}
}

// A folder of t.TempDir is closed to other users: as root the data must go elsewhere, and be found there again.
func TestPostgresStartsBelowAFolderItsUserMayNotEnter(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), strings.Repeat("deep", 40))
	for i, sql := range []string{"CREATE TABLE kept AS SELECT 'here' AS what", "SELECT what FROM kept"} {
		s := open(t, dir)
		pg, err := s.StartPostgres(t.Context(), devstack.PostgresOptions{Durable: true})
		must(t, err)
		if _, err := query(t, pg.URL(), sql); err != nil {
			t.Errorf("run %d: %v", i, err)
		}
		must(t, s.Close())
	}
}
