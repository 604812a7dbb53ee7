package cli

import (
	"bytes"
	"context"
	"strings"
	"sync"
	"testing"

	"github.com/google/uuid"
	"github.com/redis/go-redis/v9/logging"
	"github.com/stretchr/testify/require"

	"rohrpost/internal/cleanup"
	"rohrpost/internal/cli/terminal"
	"rohrpost/internal/queue"
	"rohrpost/tasks"
)

// slowly is a sweep that tells its first step and goes on when it is let.
func slowly(t testing.TB) (sweep func(context.Context, *queue.Job[tasks.SweepArgs]) (any, error), letGo func()) {
	free := make(chan struct{})
	letGo = sync.OnceFunc(func() { close(free) })
	t.Cleanup(letGo)
	return func(ctx context.Context, job *queue.Job[tasks.SweepArgs]) (any, error) {
		report := cleanup.Report{DryRun: job.Args.DryRun, Lines: []cleanup.Line{{What: tasks.SweepJobs, Count: 12}}}
		if err := job.Progress(ctx, report); err != nil {
			return nil, err
		}
		select {
		case <-free:
			return report, nil
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}, letGo
}

// listener calls fn once a text was said.
type listener struct {
	mu   sync.Mutex
	text bytes.Buffer // guarded by mu
	wait string
	fn   func()
}

func (l *listener) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text.Write(b)
	if l.fn != nil && strings.Contains(l.text.String(), l.wait) {
		l.fn()
		l.fn = nil
	}
	return len(b), nil
}

// upon is a context in which fn is called when a command says so.
func upon(ctx context.Context, text string, fn func()) context.Context {
	return context.WithValue(ctx, heard{}, &listener{wait: text, fn: fn})
}

func TestAJobIsFollowedLiveToPeopleAndToPrograms(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	sweep, letGo := slowly(t)
	d.sweeps(sweep)
	// When somebody follows a sweep on a terminal, which goes on when its progress is seen
	screen := &terminal.Screen{In: strings.NewReader(""), BarWidth: 100}
	watched := d.at(upon(t.Context(), "jobs: 12", letGo), screen, "cleanup", "--only", "jobs", "--yes").want(terminal.OK)
	// Then there is a bar, and at the end a table
	require.Contains(t, watched.beside, "runs, attempt 1")
	require.Regexp(t, `jobs: 12\s+0% \|`, watched.beside)
	require.Equal(t, [][]string{{"jobs", "12", "0", "B", "0"}}, watched.cells())
	// And a program gets each event as the API sends it
	events := d.admin("cleanup", "--only", "jobs", "--yes", "--json").want(terminal.OK).events()
	kinds := []string{}
	for _, e := range events {
		if e.ID == "" { // from the record
			continue
		}
		kinds = append(kinds, e.Event)
	}
	require.Equal(t, []string{"state", "progress", "state", "result"}, kinds[len(kinds)-4:])
	require.Equal(t, "running", events[len(events)-4].Data["state"])
	require.Equal(t, "succeeded", events[len(events)-2].Data["state"])
	// And where nothing can be written over, lines tell it
	lines := d.admin("cleanup", "--only", "jobs", "--yes").want(terminal.OK).beside
	require.Contains(t, lines, "  runs, attempt 1\njobs: 12: 0 % (0 of 1)\n")
	require.NotContains(t, lines, "\r")
}

func TestAJobIsFollowedByItsRecordWhereThereIsNoRedis(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	sweep, letGo := slowly(t)
	d.sweeps(sweep)
	delete(d.env, "REDIS_URL")
	delete(d.env, "BLOB_URL") // a sweep is started and followed without the storage, too
	events := d.at(upon(t.Context(), `"progress":`, letGo), &terminal.Screen{In: strings.NewReader("")},
		"cleanup", "--only", "jobs", "--dry-run", "--json").want(terminal.OK).events()
	last := events[len(events)-1]
	require.Equal(t, "result", last.Event)
	require.Empty(t, last.ID)
	require.Equal(t, true, last.Data["result"].(map[string]any)["dry_run"])
	told := map[string]bool{}
	for _, e := range events {
		told[e.Event] = true
	}
	require.True(t, told["progress"] && told["state"])
	require.Len(t, d.logged(), 1)
}

func TestARedisThatDiesMeanwhileDoesNotEndTheFollowing(t *testing.T) {
	t.Parallel()
	logging.Disable() // go-redis tells of every connection that is cut
	d := newDesk(t)
	sweep, letGo := slowly(t)
	d.sweeps(sweep)
	var followed said
	ctx := upon(t.Context(), `"progress":`, func() {
		d.redis.Kill()
		letGo()
	})
	followed = d.at(ctx, &terminal.Screen{In: strings.NewReader("")}, "cleanup", "--only", "jobs", "--yes", "--json").want(terminal.OK)
	events := followed.events()
	require.Equal(t, "result", events[len(events)-1].Event)
	require.Empty(t, events[len(events)-1].ID, "from the record")
}

func TestCtrlCStopsTheFollowingAndNotTheJob(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	sweep, letGo := slowly(t)
	d.sweeps(sweep)
	ctx, interrupt := context.WithCancel(t.Context())
	left := d.at(upon(ctx, "jobs: 12", interrupt), &terminal.Screen{In: strings.NewReader(""), BarWidth: 80},
		"cleanup", "--only", "jobs", "--yes").want(terminal.Interrupted)
	require.Contains(t, left.beside, "the job goes on. To follow it again: rohrpost admin jobs follow ")
	id := left.beside[strings.LastIndex(left.beside, " ")+1:]
	letGo()
	require.Equal(t, [][]string{{"jobs", "12", "0", "B", "0"}}, d.admin("jobs", "follow", strings.TrimSpace(id)).want(terminal.OK).cells())
	// One that is over is told from what is left of it, and nobody waits
	require.Equal(t, 1, d.count("SELECT count(*) FROM jobs WHERE id = $1 AND state = 'succeeded'", uuid.MustParse(strings.TrimSpace(id))))
}
