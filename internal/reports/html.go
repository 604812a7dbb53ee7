package reports

import (
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"io"
)

//go:embed templates/report.html
var pageSource string

//go:embed templates/report.css
var style string

var page = template.Must(template.New("report").Parse(pageSource))

// policy lets the page use its own style and nothing else, wherever it is opened.
var policy = func() string {
	sum := sha256.Sum256([]byte(style))
	return "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}()

// view is what the page shows.
type view struct {
	Policy   string
	Style    template.CSS
	Title    string
	About    string // whose use
	Period   string
	Exact    string
	MadeAt   string
	Notes    []string
	Tiles    []tile
	Sections []section
	ID       string
}

// tile is a number to begin with.
type tile struct{ Name, Value, More string }

// section is a part of the page.
type section struct {
	Title   string
	Intro   string
	Figures []figure
}

// writeHTML writes a page for people. All that it says about a person or a model is escaped by html/template.
func writeHTML(w io.Writer, u Usage, period Period) error {
	v := view{
		Policy: policy, Style: template.CSS(style), //nolint:gosec // it is the embedded file
		Title: "Usage report, " + period.String(),
		About: "Everyone", Period: period.String(), ID: u.ReportID.String(),
		Exact:  u.Period.From.In(period.Zone).Format(minuteForm) + " – " + u.Period.Until.In(period.Zone).Format(minuteForm),
		MadeAt: u.MadeAt.In(period.Zone).Format(minuteForm),
		Notes:  u.Notes, Tiles: tiles(u),
	}
	if u.Scope == Mine {
		v.About = u.Owner.Name + ", " + u.Owner.Email
	}
	per, columns := timeline(u.Days)
	v.Sections = []section{jobSection(u, per, columns), fileSection(u, per, columns), aiSection(u, per, columns)}
	if u.Users != nil {
		v.Sections = append(v.Sections, userSection(*u.Users))
	}
	if err := page.Execute(w, v); err != nil {
		return fmt.Errorf("html: %w", err)
	}
	return nil
}

func tiles(u Usage) []tile {
	var failed int64
	for _, k := range u.Jobs.ByKind {
		if k.Outcome == "failed" {
			failed += k.Jobs
		}
	}
	return []tile{
		{"Jobs", n(u.Jobs.Ended), n(failed) + " failed"},
		{"Files stored", n(u.Files.Stored), b(u.Files.Bytes)},
		{"Storage in use", b(u.Storage.Bytes + u.Storage.ThumbnailBytes), n(u.Storage.Files) + " files"},
		{"AI queries", n(u.AI.Queries), n(u.AI.Answered) + " answered"},
		{"AI tokens", n(u.AI.PromptTokens + u.AI.CompletionTokens), n(u.AI.CompletionTokens) + " in answers"},
		{"Time to answer", sec(u.AI.Answer)[1], "95th percentile"},
	}
}
