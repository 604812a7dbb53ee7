package acceptance

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"rohrpost/internal/devstack/stacktest"
)

// tells is what a reader of a page sees at the latest when its commands have run.
var tells = map[string][]string{
	"README.md":     {`"email":"bob@example.org"`, `"code":"invalid"`},
	"accounts.md":   {`"name":"Eve"`, `"refresh_token":"`},
	"ai.md":         {"data: [DONE]", "event: token", "event: result", `"state":"succeeded"`},
	"backup.md":     {`"stage":"restore"`, "event: result", `"by":"hashes"`, "newest 3 backups", "RESTORED IN"},
	"benchmarks.md": {"event to all streams p99, ms", "token worker to client p50, ms"},
	"chaos.md":      {"redis-flush", "each effect is there once", "Redis was tidy"},
	"cleanup.md":    {`"swept":[{"what":"sessions"`, `{"what":"mails"`},
	"command-line.md": {
		"admin@rohrpost.localhost", "WOULD BE DELETED", "schedule.pause", `{"items":[`, `"event":"result"`, "orphaned_blobs",
	},
	"datasets.md":  {"event: result", `"state":"ready"`, `{"role":"user","content":"Who is [EMAIL]?"}`, `"email": 1`, `{"given":false}`},
	"files.md":     {"event: result", `"status":"clean"`, "377 330 377"},
	"jobs.md":      {"event: result", `"kind":"ai:infer"`, `"attempt":1`},
	"mail.md":      {`"state":"sent"`, `"address":"bounce@example.org"`},
	"metrics.md":   nil,
	"observing.md": {"CACHED", `"mean_seconds":`, `"name":"`},
	"operations.md": {`"per_minute":`, `"concurrency":`, `"cause":"paused"`, "event: error", `"code":"cancelled"`, "event: result",
		`"code":"model_not_found"`, `"count":1`, `"retried":1`, `"discarded":1`},
	"quarantine.md": {`"signature":"Eicar`, `"released_at":"`, `"dry_run":true,"scanner":"ClamAV`},
	"reports.md":    {"event: result", `"state":"ready"`, "usage-", `"scope":"mine"`, `"job_id":"`},
	"runbooks.md":   nil,
	"scaling.md":    {`"window_seconds":300`, "DESIRED", "WOULD RUN"},
	"schedules.md":  {`"name":"sweep"`, `"cron":"30 5 * * SAT"`, `"manual":true`, `field 2, the hour`, `"action":"schedule.delete"`},
	"tuning.md":     {`"provider":"ollama"`, `"phase":"success"`, `"model":"postmaster"`, `"deleted":true`},
}

// The commands of all pages run against `rohrpost dev`, as their readers have it, one page after the other: what one
// leaves behind must not be in the way of the next.
func TestTheCommandsOfEveryPageWorkAsPasted(t *testing.T) {
	t.Parallel()
	pages, err := filepath.Glob("../../docs/*.md")
	require.NoError(t, err)
	require.Len(t, pages, len(tells), "each page has its line in the table")
	home := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(home, "bin"), 0o755))
	require.NoError(t, os.Symlink(program, filepath.Join(home, "bin/rohrpost")))
	procfile, err := filepath.Abs("../../Procfile")
	require.NoError(t, err)
	require.NoError(t, os.Symlink(procfile, filepath.Join(home, "Procfile")))
	env := settings{
		"PATH": os.Getenv("PATH"), "HOME": home, "DATA_DIR": filepath.Join(home, ".dev"),
		"OLLAMA_HOST": stacktest.Ollama(t).URL(), "AI_MODEL": stacktest.ModelSay,
		"API_ADDR": "127.0.0.1:0", "ADMIN_EMAIL": "admin@rohrpost.localhost", "ADMIN_PASSWORD": password,
		"API_LOGIN_BURST": "1000", // each page logs in from the same address
	}
	p := &place{t: t, env: env}
	p.mailpit()
	stack := spawn(t, p.environ(), "dev")
	p.env["AT"] = stack.url()
	// A reader's shell knows of these only what the pages say.
	delete(p.env, "OLLAMA_HOST")
	delete(p.env, "AI_MODEL")

	prelude := commands(t, "../../docs/README.md")
	for _, page := range pages {
		name := filepath.Base(page)
		script := prelude
		if name != "README.md" {
			script += commands(t, page)
		}
		said := bash(t, home, p.environ(), script)
		for _, want := range tells[name] {
			require.Contains(t, said, want, "%s:\n%s", name, said)
		}
	}
}

// commands are the blocks of a page that are marked as sh.
func commands(t testing.TB, page string) string {
	t.Helper()
	text, err := os.ReadFile(page)
	require.NoError(t, err)
	var blocks strings.Builder
	for i, part := range strings.Split(string(text), "\n```") {
		if block, found := strings.CutPrefix(part, "sh\n"); found && i%2 == 1 {
			blocks.WriteString(block + "\n")
		}
	}
	return blocks.String()
}

// bash runs a script in a folder and returns what it said, in both ways.
func bash(t testing.TB, dir string, env []string, script string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*patience) // a page asks for several jobs
	defer cancel()
	cmd := exec.CommandContext(ctx, "bash", "-uo", "pipefail", "-c", script)
	cmd.Dir, cmd.Env = dir, env
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	return string(out)
}
