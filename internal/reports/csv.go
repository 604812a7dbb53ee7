package reports

import (
	"encoding/csv"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
)

// writeCSV writes one number a row, in the form of RFC 4180: what it is about, and in which unit. Rows of a section and
// metric without a dimension are the sum over all of them. What was not measured has no row.
func writeCSV(w io.Writer, u Usage) error {
	t := &long{}
	t.add("section", "metric", "dimension", "value", "unit")
	t.report(u)
	t.jobs(u.Jobs)
	t.files(u.Files, u.Storage)
	t.ai(u.AI)
	if u.Users != nil {
		t.users(*u.Users)
	}
	for _, d := range u.Days {
		t.day(d)
	}
	out := csv.NewWriter(w)
	out.UseCRLF = true
	if err := out.WriteAll(t.rows); err != nil {
		return fmt.Errorf("csv: %w", err)
	}
	return nil
}

// long collects the rows.
type long struct{ rows [][]string }

func (t *long) add(section, metric, dimension, value, unit string) {
	t.rows = append(t.rows, []string{section, metric, harmless(dimension), harmless(value), unit})
}

func (t *long) count(section, metric, dimension string, n int64, unit string) {
	t.add(section, metric, dimension, strconv.FormatInt(n, 10), unit)
}

func (t *long) times(section, metric, dimension string, p *Percentiles) {
	if p == nil {
		return
	}
	for i, v := range []float64{p.P50, p.P95, p.P99} {
		name := []string{"_p50", "_p95", "_p99"}[i]
		t.add(section, metric+name, dimension, strconv.FormatFloat(v, 'f', -1, 64), "seconds")
	}
}

func (t *long) report(u Usage) {
	for _, row := range [][3]string{
		{"schema", u.Schema, "name"}, {"report_id", u.ReportID.String(), "id"}, {"scope", u.Scope, "name"},
		{"owner", u.Owner.Email, "address"}, {"zone", u.Period.Zone, "zone"}, {"from", clock(u.Period.From), "time"},
		{"to", clock(u.Period.To), "time"}, {"until", clock(u.Period.Until), "time"}, {"made_at", clock(u.MadeAt), "time"},
	} {
		t.add("report", row[0], "", row[1], row[2])
	}
	for _, note := range u.Notes {
		t.add("report", "note", "", note, "text")
	}
}

func (t *long) jobs(j JobNumbers) {
	t.count("jobs", "ended", "", j.Ended, "jobs")
	t.times("jobs", "wait", "", j.Wait)
	t.times("jobs", "run", "", j.Run)
	for _, k := range j.ByKind {
		dimension := k.Kind + "/" + k.Outcome
		t.count("jobs", "ended", dimension, k.Jobs, "jobs")
		t.times("jobs", "wait", dimension, k.Wait)
		t.times("jobs", "run", dimension, k.Run)
	}
}

func (t *long) files(f FileNumbers, s StorageNumbers) {
	t.count("files", "stored", "", f.Stored, "files")
	t.count("files", "stored_bytes", "", f.Bytes, "bytes")
	for _, v := range f.ByVerdict {
		t.count("files", "stored", v.Verdict, v.Files, "files")
		t.count("files", "stored_bytes", v.Verdict, v.Bytes, "bytes")
	}
	t.count("storage", "files", "", s.Files, "files")
	t.count("storage", "bytes", "", s.Bytes, "bytes")
	t.count("storage", "thumbnail_bytes", "", s.ThumbnailBytes, "bytes")
	for _, st := range s.ByStatus {
		t.count("storage", "files", st.Status, st.Files, "files")
		t.count("storage", "bytes", st.Status, st.Bytes, "bytes")
	}
}

// others is the dimension of what is beyond a list.
const others = "(others)"

func (t *long) ai(a AINumbers) {
	t.questions("", a.Questions)
	for _, m := range a.ByModel {
		t.questions(m.Model, m.Questions)
	}
	if a.Others != nil {
		t.questions(others, *a.Others)
	}
}

func (t *long) questions(model string, q Questions) {
	t.count("ai", "queries", model, q.Queries, "queries")
	t.count("ai", "answered", model, q.Answered, "queries")
	t.count("ai", "cancelled", model, q.Cancelled, "queries")
	t.count("ai", "failed", model, q.Failed, "queries")
	t.count("ai", "prompt_tokens", model, q.PromptTokens, "tokens")
	t.count("ai", "completion_tokens", model, q.CompletionTokens, "tokens")
	t.times("ai", "first_token", model, q.FirstToken)
	t.times("ai", "answer", model, q.Answer)
}

func (t *long) users(u UserNumbers) {
	for _, one := range u.Listed {
		t.amounts(one.User.label(), one.Amounts)
	}
	if u.Others != nil {
		t.amounts(others, *u.Others)
	}
}

func (t *long) amounts(user string, a Amounts) {
	t.count("users", "jobs_ended", user, a.Jobs, "jobs")
	t.count("users", "files_stored", user, a.Files, "files")
	t.count("users", "stored_bytes", user, a.Bytes, "bytes")
	t.count("users", "queries", user, a.Queries, "queries")
	t.count("users", "prompt_tokens", user, a.PromptTokens, "tokens")
	t.count("users", "completion_tokens", user, a.CompletionTokens, "tokens")
}

func (t *long) day(d DayNumbers) {
	t.count("days", "jobs_succeeded", d.Day, d.Succeeded, "jobs")
	t.count("days", "jobs_failed", d.Day, d.Failed, "jobs")
	t.count("days", "jobs_cancelled", d.Day, d.Cancelled, "jobs")
	t.count("days", "files_stored", d.Day, d.Files, "files")
	t.count("days", "stored_bytes", d.Day, d.Bytes, "bytes")
	t.count("days", "queries", d.Day, d.Queries, "queries")
	t.count("days", "prompt_tokens", d.Day, d.PromptTokens, "tokens")
	t.count("days", "completion_tokens", d.Day, d.CompletionTokens, "tokens")
}

func clock(at time.Time) string { return at.UTC().Format(time.RFC3339Nano) }

// harmless keeps a spreadsheet from taking a text for a formula: what begins as one, or with an apostrophe, gets an
// apostrophe put before it. Whoever reads the file takes one off.
func harmless(text string) string {
	if text != "" && strings.ContainsRune("=+-@\t\r\n'", rune(text[0])) {
		return "'" + text
	}
	return text
}
