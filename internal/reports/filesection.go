package reports

import "fmt"

func fileSection(u Usage, per string, columns []column) section {
	daily := plot{id: "files-over-time", title: "Bytes stored over time", show: size, inBytes: true,
		series: []string{"bytes"},
		desc:   fmt.Sprintf("Columns: %s in %s files.", b(u.Files.Bytes), n(u.Files.Stored))}
	var rows [][]string
	for _, c := range columns {
		daily.items = append(daily.items, item{c.label, values(c.Bytes)})
		rows = append(rows, []string{c.row, n(c.Files), b(c.Bytes)})
	}
	verdicts := plot{id: "files-by-verdict", title: "Verdicts of the virus scanner", show: grouped,
		series: []string{"files"}, desc: "Bars: files stored in the period, by verdict."}
	var verdictRows [][]string
	for _, v := range u.Files.ByVerdict {
		name := v.Verdict
		if name == "none" {
			name = "not scanned yet"
		}
		verdicts.items = append(verdicts.items, item{name, values(v.Files)})
		verdictRows = append(verdictRows, []string{name, n(v.Files), b(v.Bytes)})
	}
	return section{
		Title: "Files",
		Intro: "What was uploaded, and what jobs made for users, such as reports; deleted files count, too.",
		Figures: []figure{
			overTime(daily, u.Files.Stored, per, []string{"files", "bytes"}, rows),
			newFigure(verdicts, plot.rows, []string{"Verdict", "files", "bytes"}, verdictRows),
			storageFigure(u),
		},
	}
}

func storageFigure(u Usage) figure {
	p := plot{id: "storage", title: "Storage in use at the end", show: size, inBytes: true, series: []string{"bytes"},
		desc: "Bars: bytes of files in the storage at the end of the period, by their status."}
	var rows [][]string
	for _, s := range u.Storage.ByStatus {
		p.items = append(p.items, item{s.Status, values(s.Bytes)})
		rows = append(rows, []string{s.Status, n(s.Files), b(s.Bytes)})
	}
	if u.Storage.ThumbnailBytes > 0 {
		p.items = append(p.items, item{"thumbnails", values(u.Storage.ThumbnailBytes)})
		rows = append(rows, []string{"thumbnails", "", b(u.Storage.ThumbnailBytes)})
	}
	return newFigure(p, plot.rows, []string{"Status", "files", "bytes"}, rows)
}
