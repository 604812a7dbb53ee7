package plans

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"rohrpost/db"
)

var nameLine = regexp.MustCompile(`(?m)^-- name: (\w+) `)

// cases are all there are.
func cases(d *dataset) []check {
	var all []check
	for _, some := range []func(d *dataset) []check{
		jobReads, jobClaims, jobEnds, jobDispatch, waits, deadLetters, workers, files, quarantine, answers, datasets, tunings,
		people, sessions, mails, audits, schedules, scalings, reports, usage, backups, backupBlobs, sweeps,
	} {
		all = append(all, some(d)...)
	}
	return all
}

func TestPlans(t *testing.T) {
	t.Parallel()
	d := newDataset(t)
	t.Run("every table is known as big or small", func(t *testing.T) { testTables(t, d) })
	t.Run("every foreign key has an index", func(t *testing.T) { testForeignKeys(t, d) })
	asked := map[string]bool{}
	for _, c := range cases(d) {
		var to capture
		c.call(&to)
		name := db.StatementName(to.sql)
		asked[name] = true
		t.Run(strings.TrimSuffix(name+"/"+c.label, "/"), func(t *testing.T) {
			if len(c.setup) > 0 {
				defer d.exec(t, "VACUUM jobs") // of the rows that were rolled back
			}
			for _, complaint := range complaints(t, d, c, to) {
				t.Error(complaint)
			}
		})
	}
	t.Run("planted mistakes are found", func(t *testing.T) { testPlanted(t, d, asked) })
	t.Run("every query has a case", func(t *testing.T) {
		for _, name := range without(named(t), asked) {
			t.Errorf("%s has no case in db/plans", name)
		}
	})
}

// named are the queries of the folder queries.
func named(t *testing.T) (names []string) {
	t.Helper()
	files, err := filepath.Glob("../../queries/*.sql")
	require.NoError(t, err)
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		for _, found := range nameLine.FindAllSubmatch(text, -1) {
			names = append(names, string(found[1]))
		}
	}
	require.NotEmpty(t, names)
	return names
}

// without are those of names that nobody asked.
func without(names []string, asked map[string]bool) (rest []string) {
	for _, name := range names {
		if !asked[name] {
			rest = append(rest, name)
		}
	}
	return rest
}

// complaints is what is wrong with the plans of a case.
func complaints(t *testing.T, d *dataset, c check, asked capture) (all []string) {
	t.Helper()
	require.NotEmpty(t, asked.sql, "the case asks nothing")
	modes := []string{forItsValues, forAnyValues}
	if c.own != "" || db.PlannedAnew(db.StatementName(asked.sql)) || len(asked.args) == 0 {
		modes = modes[:1]
	}
	for _, mode := range modes {
		plan := explain(t, d, mode, c.setup, asked)
		for _, complaint := range judge(c, plan) {
			all = append(all, mode+": "+complaint+"\n"+plan.outline())
		}
	}
	return all
}
