package cli

import (
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"rohrpost/internal/cli/terminal"
	"rohrpost/internal/config"
)

func TestWhatCannotBeUnderstoodOrDoneSaysWhyAndChangesNothing(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	nobody := uuid.NewString()
	d.account("bob@example.org", "user")
	d.admin("schedules", "create", "tidy", "--cron", "0 0 * * *", "--kind", "cleanup:sweep").want(terminal.OK)
	const there = "SELECT (SELECT count(*) FROM jobs) + (SELECT count(*) FROM schedules) + (SELECT count(*) FROM audit_entries)"
	before := d.count(there)
	for _, c := range []struct {
		words string
		exit  int
		code  string
		says  string
	}{
		{"jbos list", terminal.Misuse, "usage", `unknown command "jbos" for "rohrpost admin"; did you mean jobs?`},
		{"jobs lisp", terminal.Misuse, "usage", `unknown command "lisp" for "rohrpost admin jobs"; did you mean list?`},
		{"users sessions end", terminal.Misuse, "usage", `unknown command "end"`},
		{"jobs list --stat failed", terminal.Misuse, "usage", "unknown flag: --stat. See rohrpost admin jobs list --help."},
		{"jobs list failed", terminal.Misuse, "usage", "rohrpost admin jobs list [flags]: unknown command"},
		{"jobs show", terminal.Misuse, "usage", "rohrpost admin jobs show ID [flags]: accepts 1 arg(s), received 0"},
		{"jobs show 17", terminal.Misuse, "usage", `"17" is no id.`},
		{"jobs cancel none", terminal.Misuse, "usage", `"none" is no id.`},
		{"jobs retry none", terminal.Misuse, "usage", `"none" is no id.`},
		{"jobs follow none", terminal.Misuse, "usage", `"none" is no id.`},
		{"jobs list --state done", terminal.Misuse, "usage", `--state is "done"; it may be queued, running, succeeded, failed, cancelled.`},
		{"jobs list --limit 0", terminal.Misuse, "usage", "--limit goes from 1 to 1000."},
		{"jobs list --limit 1001", terminal.Misuse, "usage", "--limit goes from 1 to 1000."},
		{"jobs list --limit many", terminal.Misuse, "usage", `invalid argument "many" for "--limit"`},
		{"jobs list --next 17", terminal.Misuse, "usage", `"17" is no id.`},
		{"jobs list --owner nobody@example.org", terminal.Failure, "not_found", "There is no such user."},
		{"jobs show " + nobody, terminal.Failure, "not_found", "There is no such job."},
		{"jobs cancel " + nobody, terminal.Failure, "not_found", "There is no such job."},
		{"jobs retry " + nobody, terminal.Failure, "not_found", "There is no such job."},
		{"jobs follow " + nobody, terminal.Failure, "not_found", "There is no such job."},
		{"schedules runs tidy --next yesterday", terminal.Misuse, "usage", `--next: "yesterday" is no time`},
		{"schedules runs none", terminal.Failure, "not_found", "There is no such schedule."},
		{"schedules run none", terminal.Failure, "not_found", "There is no such schedule."},
		{"schedules pause none", terminal.Failure, "not_found", "There is no such schedule."},
		{"schedules delete none --yes", terminal.Failure, "not_found", "There is no such schedule."},
		{"schedules delete tidy", terminal.Misuse, "usage", "say --yes"},
		{"schedules change tidy", terminal.Misuse, "usage", "Say what to change: --cron, --zone, --catch-up or --args."},
		{"schedules change tidy --cron never", terminal.Failure, "invalid", ""},
		{"schedules change tidy --args [", terminal.Failure, "invalid", "cleanup:sweep does not take these arguments"},
		{"schedules change tidy --catch-up maybe", terminal.Failure, "invalid", "The catch-up is one of skip, once and all."},
		{"schedules create tidy --cron @daily --kind cleanup:sweep", terminal.Failure, "", ""},
		{"schedules create t --cron @daily --kind ai:infer", terminal.Failure, "invalid", ""},
		{"cleanup --only everything --yes", terminal.Failure, "invalid", `There is no "everything" to sweep, but sessions`},
		{"cleanup", terminal.Misuse, "usage", "say --yes"},
		{"cleanup now", terminal.Misuse, "usage", "rohrpost admin cleanup [flags]: unknown command"},
		{"users promote nobody@example.org", terminal.Failure, "not_found", "There is no such user."},
		{"users demote nobody@example.org", terminal.Failure, "not_found", "There is no such user."},
		{"users sessions revoke " + nobody, terminal.Failure, "not_found", "There is no such user."},
		{"users list --role king", terminal.Failure, "invalid", `There is no role "king", but user and admin.`},
		{"mails list --state lost", terminal.Misuse, "usage", `--state is "lost"`},
		{"mails show x", terminal.Misuse, "usage", `"x" is no id.`},
		{"mail-suppressions add nobody --reason x", terminal.Failure, "invalid", ""},
		{"audit --actor nobody@example.org", terminal.Failure, "not_found", "There is no such user."},
		{"jobs discard " + nobody, terminal.Failure, "not_found", "There is no such job."},
		{"queues pause mail", terminal.Failure, "invalid", "A reason is needed."},
		{"queues pause male --reason x", terminal.Failure, "not_found", "There is no such queue"},
		{"queues resume male", terminal.Failure, "not_found", "There is no such queue"},
		{"dead-letters retry --kind x", terminal.Misuse, "usage", "0 dead letters are run again. There is no terminal to ask on"},
		{"dead-letters retry x", terminal.Misuse, "usage", `"x" is no id.`},
		{"dead-letters retry --kind x --rate -1 --yes", terminal.Failure, "invalid", "The rate goes from 1"},
		{"dead-letters discard --yes", terminal.Failure, "invalid", "Say which dead letters are meant"},
		{"dead-letters discard --since now --yes", terminal.Misuse, "usage", `--since: "now" is no time`},
		{"dead-letters list --until then", terminal.Misuse, "usage", `--until: "then" is no time`},
		{"dead-letters groups --since then", terminal.Misuse, "usage", `--since: "then" is no time`},
		{"datasets create", terminal.Misuse, "usage", "Say whose it is: --for EMAIL."},
		{"datasets create --for nobody@example.org", terminal.Failure, "not_found", "There is no such user."},
		{"datasets create --for bob@example.org", terminal.Failure, "forbidden", "Only admins may export"},
		{"datasets create --for bob@example.org --format pdf", terminal.Failure, "invalid", "The format has to be"},
		{"datasets create --for bob@example.org --from then", terminal.Misuse, "usage", `--from: "then" is no time`},
		{"datasets show " + nobody, terminal.Failure, "not_found", "There is no such dataset."},
		{"datasets show x", terminal.Misuse, "usage", `"x" is no id.`},
		{"datasets delete " + nobody, terminal.Misuse, "usage", "say --yes"},
		{"datasets delete --yes " + nobody, terminal.Failure, "not_found", "There is no such dataset."},
		{"tunings list --state x", terminal.Misuse, "usage", `--state is "x"; it may be queued, uploading,`},
		{"tunings list --next x", terminal.Misuse, "usage", `"x" is no id.`},
		{"tunings show x", terminal.Misuse, "usage", `"x" is no id.`},
		{"tunings show " + nobody, terminal.Failure, "not_found", "There is no such tuning."},
		{"tunings start", terminal.Misuse, "usage", "may charge for what it does. There is no terminal"},
		{"tunings start --yes --base b", terminal.Misuse, "usage", "Say what to tune, and with what"},
		{"tunings start --yes --base b --dataset x", terminal.Misuse, "usage", `"x" is no id.`},
		{"tunings start --yes --base b --epochs x", terminal.Misuse, "usage", `invalid argument "x" for "--epochs"`},
		{"tunings start --yes --base b --dataset " + nobody, terminal.Failure, "tuning_not_configured", "TUNING_URL"},
		{"tunings cancel " + nobody, terminal.Misuse, "usage", "what the service has done so far is lost. There is no terminal"},
		{"tunings cancel --yes x", terminal.Misuse, "usage", `"x" is no id.`},
		{"tunings cancel --yes " + nobody, terminal.Failure, "not_found", "There is no such tuning."},
		{"models create", terminal.Misuse, "usage", "rohrpost admin models create NAME [flags]: accepts 1 arg(s), received 0"},
		{"models create m", terminal.Misuse, "usage", "Say of which model it is made: --base MODEL."},
		{"models create m --base b --parameter temperature", terminal.Misuse, "usage", `"temperature" is not like temperature=0.2`},
		{"models create m --base b --parameter temperature=hot", terminal.Misuse, "usage", `"temperature=hot" is not like`},
		{"models create m --base b --parameter temperature=9", terminal.Failure, "invalid", "temperature is a number from 0 to 2"},
		{"models create M --base b", terminal.Failure, "invalid", "small letters"},
		{"models create m --base b", terminal.Failure, "ai_not_configured", ""},
		{"models cancel m", terminal.Failure, "not_found", "No model of this name was made here."},
		{"models delete m", terminal.Misuse, "usage", "is deleted from the server where it is. There is no terminal"},
		{"queries --by name", terminal.Misuse, "usage", `--by is "name"; it may be total, mean, max, calls, rows.`},
		{"queries --top 0", terminal.Misuse, "usage", "--top goes from 1 to 1000."},
		{"queries", terminal.Failure, "conflict", "shared_preload_libraries = 'pg_stat_statements'"},
		{"models delete --yes m", terminal.Failure, "not_found", "No model of this name was made here."},
		{"backups run", terminal.Failure, "backup_not_configured", "BACKUP_URL"},
		{"backups list --state x", terminal.Misuse, "usage", `--state is "x", which is none of a backup's states.`},
		{"backups show x", terminal.Misuse, "usage", `"x" is no id.`},
		{"backups show " + nobody, terminal.Failure, "not_found", ""},
		{"backups verify x", terminal.Misuse, "usage", `"x" is no id.`},
		{"backups verify " + nobody, terminal.Failure, "backup_not_configured", ""},
		{"backups delete " + nobody, terminal.Misuse, "usage", "can't be restored any more. There is no terminal"},
		{"backups delete --yes " + nobody, terminal.Failure, "backup_not_configured", ""},
		{"reports build", terminal.Misuse, "usage", "Say whose it is: --for EMAIL."},
		{"reports build --for bob@example.org", terminal.Failure, "", ""},
		{"reports list", terminal.Misuse, "usage", "Say whose they are: --for EMAIL."},
		{"reports list --for nobody@example.org", terminal.Failure, "not_found", "There is no such user."},
		{"quarantine list --status clean", terminal.Failure, "invalid", ""},
		{"quarantine list --owner nobody@example.org", terminal.Failure, "not_found", "There is no such user."},
		{"quarantine show x", terminal.Misuse, "usage", `"x" is no id.`},
		{"quarantine show " + nobody, terminal.Failure, "not_found", ""},
		{"quarantine release " + nobody, terminal.Misuse, "usage", "whatever the scanner found in it. There is no terminal"},
		{"quarantine release --yes " + nobody, terminal.Failure, "invalid", ""},
		{"quarantine release --yes --reason x " + nobody, terminal.Failure, "not_found", ""},
		{"quarantine delete " + nobody, terminal.Misuse, "usage", "is deleted for good"},
		{"quarantine delete --yes " + nobody, terminal.Failure, "not_found", ""},
		{"quarantine rescan x", terminal.Misuse, "usage", `"x" is no id.`},
		{"quarantine rescan --only x", terminal.Failure, "invalid", "to scan again"},
		{"quarantine rescan --dry-run " + nobody, terminal.Failure, "invalid", ""},
		{"audit --next x", terminal.Misuse, "usage", `"x" is no id.`},
	} {
		told := d.admin(strings.Fields(c.words)...).want(c.exit)
		require.Empty(t, told.out, c.words)
		require.Equal(t, 1, strings.Count(told.beside, "\n"), "one sentence: %s", told.beside)
		require.True(t, strings.HasPrefix(told.beside, "rohrpost: "), told.beside)
		require.Contains(t, told.beside, c.says, c.words)
		code, message := d.admin(append(strings.Fields(c.words), "--json")...).want(c.exit).problem()
		if c.code != "" {
			require.Equal(t, c.code, code, c.words)
		}
		require.Contains(t, message, c.says)
	}
	require.Equal(t, before, d.count(there))
}

func TestAConsoleThatCannotReachTheDatabaseSaysSo(t *testing.T) {
	t.Parallel()
	d := &desk{t: t, env: config.Env{}}
	code, message := d.admin("users", "list", "--json").want(terminal.Failure).problem()
	require.Equal(t, "invalid", code)
	require.Equal(t, "DATABASE_URL is not set", message)
	require.Equal(t, "rohrpost: DATABASE_URL, REDIS_URL, BLOB_URL are not set\n", d.admin("jobs", "list").want(terminal.Failure).beside)
	d.env["DATABASE_URL"] = "postgres://nobody@127.0.0.1:1/none"
	code, message = d.admin("users", "list", "--json").want(terminal.Failure).problem()
	require.Equal(t, "unavailable", code)
	require.Equal(t, "The database does not answer.", message)
}

func TestAGroupOfCommandsAloneIsHelped(t *testing.T) {
	t.Parallel()
	d := &desk{t: t, env: config.Env{}}
	for _, words := range []string{"", "jobs", "users sessions", "jobs list --help"} {
		require.Contains(t, d.admin(strings.Fields(words)...).want(terminal.OK).out, "Usage:\n  rohrpost admin")
	}
}
