package reports_test

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"rohrpost/db"
	"rohrpost/internal/reports"
	"rohrpost/tasks"
)

func three(p50, p95, p99 float64) *reports.Percentiles {
	return &reports.Percentiles{P50: p50, P95: p95, P99: p99}
}

// expected is what the seed comes to, for everyone.
func expected(h *house) reports.Usage {
	ai := reports.Questions{
		Queries: 5, Answered: 2, Cancelled: 1, Failed: 1, PromptTokens: 30, CompletionTokens: 300,
		FirstToken: three(0.2, 0.29, 0.298), Answer: three(2, 2.9, 2.98),
	}
	llama := ai
	llama.Queries, llama.Failed = 3, 0
	u := reports.Usage{
		Schema: "rohrpost.report/1", Scope: "everyone", Notes: []string{},
		Owner:  reports.Person{ID: h.rooted, Email: "root@example.org", Name: "Root"},
		Period: reports.Span{From: at("2024-03-04 00:00"), To: at("2024-03-11 00:00"), Until: at("2024-03-11 00:00"), Zone: "UTC"},
		Jobs: reports.JobNumbers{
			// Waits: 0, 0.25, 1, 2, 3, 4, 5. Runs: 2.5, 10, 20, 30, 40, 50, 100.
			Ended: 8, Wait: three(2, 4.7, 4.94), Run: three(30, 85, 97),
			ByKind: []reports.KindJobs{
				{Kind: "ai:infer", Outcome: "cancelled", Jobs: 1},
				{Kind: "ai:infer", Outcome: "succeeded", Jobs: 1, Wait: three(0.25, 0.25, 0.25), Run: three(2.5, 2.5, 2.5)},
				{Kind: "cleanup:sweep", Outcome: "succeeded", Jobs: 1, Wait: three(0, 0, 0), Run: three(100, 100, 100)},
				{Kind: "file:scan", Outcome: "failed", Jobs: 1, Wait: three(5, 5, 5), Run: three(50, 50, 50)},
				{Kind: "file:scan", Outcome: "succeeded", Jobs: 4, Wait: three(2.5, 3.85, 3.97), Run: three(25, 38.5, 39.7)},
			},
		},
		Files: reports.FileNumbers{Stored: 5, Bytes: 4357, ByVerdict: []reports.VerdictFiles{
			{Verdict: "clean", Files: 3, Bytes: 4300}, {Verdict: "infected", Files: 1, Bytes: 50},
			{Verdict: "none", Files: 1, Bytes: 7},
		}},
		Storage: reports.StorageNumbers{Files: 5, Bytes: 1357, ByStatus: []reports.StatusFiles{
			{Status: "clean", Files: 3, Bytes: 1300}, {Status: "processing", Files: 1, Bytes: 7},
			{Status: "quarantined", Files: 1, Bytes: 50},
		}},
		AI: reports.AINumbers{Questions: ai, ByModel: []reports.ModelQuestions{
			{Model: "llama3", Questions: llama}, {Model: "qwen", Questions: reports.Questions{Queries: 2, Failed: 1}},
		}},
		Users: &reports.UserNumbers{Listed: []reports.UserUsage{
			{User: reports.Person{ID: h.ada, Email: "ada@example.org", Name: "Ada"}, Amounts: reports.Amounts{
				Jobs: 6, Files: 4, Bytes: 4350, Queries: 3, PromptTokens: 30, CompletionTokens: 300}},
			{User: reports.Person{ID: h.bob, Email: "bob@example.org", Name: "Bob"},
				Amounts: reports.Amounts{Jobs: 1, Files: 1, Bytes: 7, Queries: 2}},
			{Amounts: reports.Amounts{Jobs: 1}},
		}},
	}
	amounts := map[int]reports.DayAmounts{
		0: {Succeeded: 5, Files: 2, Bytes: 150, Queries: 2, PromptTokens: 30, CompletionTokens: 300},
		1: {Failed: 1, Files: 1, Bytes: 4000, Queries: 1},
		2: {Succeeded: 1, Queries: 2},
		5: {Files: 1, Bytes: 7},
		6: {Cancelled: 1, Files: 1, Bytes: 200},
	}
	for i := range 7 {
		from := at("2024-03-04 00:00").AddDate(0, 0, i)
		u.Days = append(u.Days, reports.DayNumbers{Day: from.Format(time.DateOnly), From: from, DayAmounts: amounts[i]})
	}
	return u
}

func TestEveryFigureIsRightAndTheSameInAllFormats(t *testing.T) {
	t.Parallel()
	h := open(t, reports.Config{}, "")
	h.seed()
	wanted := week
	wanted.Scope = reports.Everyone
	report := h.until(h.asked(h.rooted, wanted), reports.Ready)
	require.Len(t, report.Files, 3)

	var u reports.Usage
	strict := json.NewDecoder(bytes.NewReader(h.read(report, tasks.ReportJSON)))
	strict.DisallowUnknownFields()
	require.NoError(t, strict.Decode(&u))
	want := expected(h)
	want.ReportID, want.MadeAt = report.ID, u.MadeAt
	require.WithinDuration(t, time.Now(), u.MadeAt, patience)
	require.Equal(t, want, u)

	sheet := parseCSV(t, h.read(report, tasks.ReportCSV))
	for cell, value := range map[cell]string{
		{"report", "schema", "", "name"}: "rohrpost.report/1", {"report", "from", "", "time"}: "2024-03-04T00:00:00Z",
		{"report", "scope", "", "name"}: "everyone", {"report", "owner", "", "address"}: "root@example.org",
		{"jobs", "ended", "", "jobs"}: "8", {"jobs", "wait_p50", "", "seconds"}: "2", {"jobs", "wait_p95", "", "seconds"}: "4.7",
		{"jobs", "wait_p99", "", "seconds"}: "4.94", {"jobs", "run_p50", "", "seconds"}: "30",
		{"jobs", "ended", "file:scan/succeeded", "jobs"}: "4", {"jobs", "ended", "file:scan/failed", "jobs"}: "1",
		{"jobs", "ended", "ai:infer/cancelled", "jobs"}:           "1",
		{"jobs", "wait_p95", "file:scan/succeeded", "seconds"}:    "3.85",
		{"jobs", "run_p99", "file:scan/succeeded", "seconds"}:     "39.7",
		{"jobs", "run_p50", "cleanup:sweep/succeeded", "seconds"}: "100",
		{"files", "stored", "", "files"}:                          "5", {"files", "stored_bytes", "", "bytes"}: "4357",
		{"files", "stored", "clean", "files"}: "3", {"files", "stored_bytes", "infected", "bytes"}: "50",
		{"storage", "bytes", "", "bytes"}: "1357", {"storage", "files", "quarantined", "files"}: "1",
		{"storage", "thumbnail_bytes", "", "bytes"}: "0",
		{"ai", "queries", "", "queries"}:            "5", {"ai", "answered", "llama3", "queries"}: "2",
		{"ai", "failed", "qwen", "queries"}: "1", {"ai", "completion_tokens", "llama3", "tokens"}: "300",
		{"ai", "first_token_p95", "", "seconds"}: "0.29", {"ai", "answer_p99", "llama3", "seconds"}: "2.98",
		{"users", "stored_bytes", "ada@example.org", "bytes"}: "4350", {"users", "queries", "bob@example.org", "queries"}: "2",
		{"users", "jobs_ended", "system", "jobs"}:        "1",
		{"days", "jobs_succeeded", "2024-03-04", "jobs"}: "5", {"days", "stored_bytes", "2024-03-05", "bytes"}: "4000",
		{"days", "prompt_tokens", "2024-03-04", "tokens"}: "30", {"days", "queries", "2024-03-10", "queries"}: "0",
	} {
		require.Equal(t, value, sheet[cell], "%v", cell)
	}
	require.NotContains(t, sheet, cell{"jobs", "run_p50", "ai:infer/cancelled", "seconds"}, "nothing was measured")

	tables := parseHTML(t, h.read(report, tasks.ReportHTML)).tables
	for caption, rows := range map[string][][]string{
		"Jobs over time": {{"Day", "succeeded", "failed", "cancelled"}, {"2024-03-04", "5", "0", "0"}, {"2024-03-05", "0", "1", "0"}},
		"Jobs by kind":   {{"ai:infer", "1", "0", "1"}, {"cleanup:sweep", "1", "0", "0"}, {"file:scan", "4", "1", "0"}},
		"How long jobs run": {
			{"all kinds", "all", "8", "2.00 s", "4.70 s", "4.94 s", "30.0 s", "85.0 s", "97.0 s"},
			{"ai:infer", "cancelled", "1", "–", "–", "–", "–", "–", "–"},
			{"file:scan", "succeeded", "4", "2.50 s", "3.85 s", "3.97 s", "25.0 s", "38.5 s", "39.7 s"},
		},
		"Bytes stored over time":        {{"2024-03-04", "2", "150 B"}, {"2024-03-05", "1", "3.9 KiB"}},
		"Verdicts of the virus scanner": {{"clean", "3", "4.2 KiB"}, {"infected", "1", "50 B"}, {"not scanned yet", "1", "7 B"}},
		"Storage in use at the end":     {{"clean", "3", "1.3 KiB"}, {"quarantined", "1", "50 B"}},
		"AI tokens over time":           {{"2024-03-04", "2", "30", "300"}},
		"AI tokens by model":            {{"llama3", "3", "2", "1", "0", "30", "300"}, {"qwen", "2", "0", "0", "1", "0", "0"}},
		"Response times by model":       {{"llama3", "200 ms", "290 ms", "298 ms", "2.00 s", "2.90 s", "2.98 s"}},
		"Use by user": {
			{"ada@example.org", "6", "4", "4.2 KiB", "3", "30", "300"}, {"bob@example.org", "1", "1", "7 B", "2", "0", "0"},
			{"system", "1", "0", "0 B", "0", "0", "0"},
		},
	} {
		require.Contains(t, tables, caption)
		for _, row := range rows {
			require.Contains(t, tables[caption], row, caption)
		}
	}
}

// cell is where a number is in the CSV.
type cell struct{ section, metric, dimension, unit string }

// parseCSV reads a sheet as a program would.
func parseCSV(t testing.TB, raw []byte) map[cell]string {
	t.Helper()
	require.True(t, bytes.HasPrefix(raw, []byte("section,metric,dimension,value,unit\r\n")), "%.60s", raw)
	rows, err := csv.NewReader(bytes.NewReader(raw)).ReadAll()
	require.NoError(t, err)
	sheet := map[cell]string{}
	for _, r := range rows[1:] {
		at := cell{r[0], r[1], plain(r[2]), r[4]}
		if at.metric != "note" {
			require.NotContains(t, sheet, at, "twice")
		}
		sheet[at] = plain(r[3])
	}
	return sheet
}

// plain takes the apostrophe off that keeps a text from being a formula.
func plain(text string) string {
	if text != "" && text[0] == '\'' {
		return text[1:]
	}
	return text
}

func TestAUserSeesTheirOwnUseOnly(t *testing.T) {
	t.Parallel()
	h := open(t, reports.Config{}, "")
	h.seed()
	u := h.usage(h.asked(h.bob, week))
	require.Equal(t, "mine", u.Scope)
	require.Nil(t, u.Users)
	require.EqualValues(t, 1, u.Jobs.Ended)
	require.Equal(t, []reports.VerdictFiles{{Verdict: "none", Files: 1, Bytes: 7}}, u.Files.ByVerdict)
	require.EqualValues(t, 7, u.Storage.Bytes)
	require.EqualValues(t, 2, u.AI.Queries)
	require.Equal(t, "qwen", u.AI.ByModel[0].Model)

	wanted := week
	wanted.Scope = reports.Everyone
	_, err := h.ask(h.bob, wanted)
	require.Equal(t, "forbidden", code(err))
}

// The nightly sweep deletes jobs, users delete files: the numbers of the past stay what they were.
func TestWhatIsDeletedStillCounts(t *testing.T) {
	t.Parallel()
	h := open(t, reports.Config{}, "")
	h.seed()
	wanted := week
	wanted.Scope, wanted.Formats = reports.Everyone, []string{tasks.ReportJSON}
	before := h.usage(h.asked(h.rooted, wanted))
	require.NotZero(t, before.Jobs.Ended)

	h.sweep()
	h.exec(`DELETE FROM files WHERE created_at < '2025-01-01'`)
	require.Zero(t, h.count(`SELECT count(*) FROM jobs WHERE finished_at < '2025-01-01'`))
	after := h.usage(h.asked(h.rooted, wanted))
	after.ReportID, after.MadeAt = before.ReportID, before.MadeAt
	require.Equal(t, before, after)
}

// A job whose sweep is under way is counted once, as is one that ends late by a rerun.
func TestNoJobCountsTwice(t *testing.T) {
	t.Parallel()
	h := open(t, reports.Config{}, "")
	late := h.job(h.ada, "file:scan", "failed", at("2024-03-04 12:00"), 1, 1)
	swept := h.job(h.ada, "file:scan", "succeeded", at("2024-03-04 12:00"), 1, 1)
	wanted := week
	wanted.Formats = []string{tasks.ReportJSON}
	tx, err := h.pool.Begin(h.ctx())
	require.NoError(t, err)
	_, err = tx.Exec(h.ctx(), `DELETE FROM jobs WHERE id = $1`, swept)
	require.NoError(t, err)
	require.EqualValues(t, 2, h.usage(h.asked(h.ada, wanted)).Jobs.Ended)
	require.NoError(t, tx.Commit(h.ctx()))
	require.EqualValues(t, 2, h.usage(h.asked(h.ada, wanted)).Jobs.Ended)

	h.exec(`UPDATE jobs SET state = 'succeeded', finished_at = '2024-03-08 12:00Z' WHERE id = $1`, late)
	u := h.usage(h.asked(h.ada, wanted))
	require.EqualValues(t, 2, u.Jobs.Ended)
	require.EqualValues(t, 1, u.Days[0].Succeeded)
	require.Zero(t, u.Days[0].Failed)
	require.EqualValues(t, 1, u.Days[4].Succeeded)
}

func TestAReportSaysFromWhenOnItIsComplete(t *testing.T) {
	t.Parallel()
	h := open(t, reports.Config{}, "")
	require.Empty(t, h.usage(h.asked(h.ada, week)).Notes, "nothing was ever lost")
	h.exec(`UPDATE history_horizon SET complete_since = '2024-03-05 10:30Z'`)
	notes := h.usage(h.asked(h.ada, week)).Notes
	require.Len(t, notes, 1)
	require.Contains(t, notes[0], "2024-03-05 10:30 UTC")
	require.Empty(t, h.usage(h.asked(h.ada, reports.Wanted{From: "2024-03-06", To: "2024-03-07"})).Notes)

	notes = h.usage(h.asked(h.ada, reports.Wanted{})).Notes
	require.Empty(t, notes, "it ends now")
	notes = h.usage(h.asked(h.ada, reports.Wanted{To: time.Now().AddDate(0, 0, 3).Format(time.DateOnly)})).Notes
	require.Len(t, notes, 1)
	require.Contains(t, notes[0], "not over")
}

func TestDaysAreThoseOfTheZone(t *testing.T) {
	t.Parallel()
	h := open(t, reports.Config{}, "")
	h.job(h.ada, "k", "succeeded", at("2024-03-09 23:30"), 0, 0) // 04:45 on the 10th in Kathmandu, and the 9th in New York
	for zone, day := range map[string]int{"UTC": 5, "Asia/Kathmandu": 6, "America/New_York": 5} {
		wanted := week
		wanted.Zone, wanted.Formats = zone, []string{tasks.ReportJSON}
		u := h.usage(h.asked(h.ada, wanted))
		require.Len(t, u.Days, 7)
		for i := range u.Days {
			require.Equal(t, i == day, u.Days[i].Succeeded == 1, "%s %s", zone, u.Days[i].Day)
		}
	}
}

func TestAnEmptyPeriodYieldsASensibleReport(t *testing.T) {
	t.Parallel()
	h := open(t, reports.Config{}, "")
	wanted := reports.Wanted{From: "1999-12-01", To: "1999-12-03", Scope: reports.Everyone}
	report := h.until(h.asked(h.rooted, wanted), reports.Ready)
	u := h.usage(report.Report)
	require.Zero(t, u.Jobs.Ended+u.Files.Stored+u.Storage.Files+u.AI.Queries)
	require.Nil(t, u.Jobs.Wait)
	require.Empty(t, u.Users.Listed)
	require.Len(t, u.Days, 2)
	require.Contains(t, string(h.read(report, tasks.ReportJSON)), `"by_kind": []`)
	require.Equal(t, "0", parseCSV(t, h.read(report, tasks.ReportCSV))[cell{"jobs", "ended", "", "jobs"}])
	page := parseHTML(t, h.read(report, tasks.ReportHTML))
	require.Empty(t, page.tables)
	require.Contains(t, page.text, "Nothing in this period.")
	require.NotContains(t, page.text, "NaN")
}

// Many of a kind: the page shows some, the data all up to a bound, and the rest as one.
func TestLongListsAreBoundedAndStillAddUp(t *testing.T) {
	t.Parallel()
	h := open(t, reports.Config{}, "")
	h.exec(`INSERT INTO ai_queries (id, owner, job_id, model, prompt, finish_reason, prompt_tokens, completion_tokens, created_at)
		SELECT gen_random_uuid(), $1, gen_random_uuid(), 'model-' || n, 'why?', 'stop', 2, 3, '2024-03-04 12:00Z'
		FROM generate_series(1, 250) n`, h.ada)
	h.exec(`WITH u AS (INSERT INTO users (id, email, name, password_hash)
			SELECT gen_random_uuid(), 'u' || n || '@example.org', 'U', '' FROM generate_series(1, 1100) n RETURNING id)
		INSERT INTO jobs (id, kind, queue, args, state, max_attempts, owner, finished_at)
		SELECT gen_random_uuid(), 'k', 'q', '{}', 'succeeded', 1, id, '2024-03-04 12:00Z' FROM u`)
	wanted := week
	wanted.Scope = reports.Everyone
	report := h.until(h.asked(h.rooted, wanted), reports.Ready)
	u := h.usage(report.Report)
	require.Len(t, u.AI.ByModel, 100)
	require.Equal(t, reports.Questions{Queries: 150, Answered: 150, PromptTokens: 300, CompletionTokens: 450}, *u.AI.Others)
	require.Len(t, u.Users.Listed, 1000)
	require.Equal(t, reports.Amounts{Jobs: 101}, *u.Users.Others)
	sheet := parseCSV(t, h.read(report, tasks.ReportCSV))
	require.Equal(t, "150", sheet[cell{"ai", "queries", "(others)", "queries"}])
	require.Equal(t, "101", sheet[cell{"users", "jobs_ended", "(others)", "jobs"}])
	tables := parseHTML(t, h.read(report, tasks.ReportHTML)).tables
	require.Contains(t, tables["AI tokens by model"], []string{"other models", "230", "230", "0", "0", "460", "690"})
	require.Contains(t, tables["Use by user"], []string{"others", "1,081", "0", "0 B", "0", "0", "0"})
}

func TestAYearIsShownByWeeks(t *testing.T) {
	t.Parallel()
	h := open(t, reports.Config{}, "")
	h.seed()
	report := h.until(h.asked(h.ada, reports.Wanted{From: "2024-01-01", To: "2025-01-01"}), reports.Ready)
	require.Len(t, h.usage(report.Report).Days, 366)
	page := parseHTML(t, h.read(report, tasks.ReportHTML))
	weeks := 0
	for caption, rows := range page.tables {
		if len(caption) > 20 && caption[:20] == "Jobs over time, part" {
			weeks += len(rows) - 1
			require.Equal(t, "Week from", rows[0][0])
		}
	}
	require.Equal(t, 53, weeks)
}

func TestCountingIsBoundedInTime(t *testing.T) {
	t.Parallel()
	h := open(t, reports.Config{QueryTimeout: 20 * time.Millisecond}, "")
	release := h.lock("ai_queries")
	report := h.asked(h.ada, week)
	h.untilJob(report.JobID, func(j db.Job) bool { return j.ErrorCode != nil && *j.ErrorCode == "timeout" })
	h.exec(`UPDATE jobs SET max_attempts = 1000 WHERE id = $1`, report.JobID)
	release()
	h.until(report, reports.Ready)
}

// lock keeps everybody from a table until the end that it returns.
func (h *house) lock(table string) (release func()) {
	h.t.Helper()
	tx, err := h.pool.Begin(h.ctx())
	require.NoError(h.t, err)
	_, err = tx.Exec(h.ctx(), "LOCK TABLE "+table)
	require.NoError(h.t, err)
	return func() { require.NoError(h.t, tx.Rollback(h.ctx())) }
}

// What happens between two statements of a report is in none of its numbers.
func TestAllNumbersAreOfOneMoment(t *testing.T) {
	t.Parallel()
	h := open(t, reports.Config{}, "")
	h.seed()
	wanted := week
	wanted.Scope, wanted.Formats = reports.Everyone, []string{tasks.ReportJSON}
	release := h.lock("ai_queries") // the jobs and files are counted by then
	report := h.asked(h.rooted, wanted)
	h.eventually(func() bool {
		return h.count(`SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'ai_queries'::regclass
			AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`) == 1
	}, "it should wait for the lock")
	h.job(h.ada, "k", "succeeded", at("2024-03-04 12:00"), 0, 0)
	release()
	u := h.usage(report)
	require.EqualValues(t, 8, u.Jobs.Ended)
	var sum int64
	for _, one := range u.Users.Listed { // counted after the new job was there
		sum += one.Jobs
	}
	require.EqualValues(t, 8, sum)
	require.Nil(t, u.Users.Others)
}
