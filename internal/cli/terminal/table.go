package terminal

import (
	"fmt"
	"strings"

	"github.com/rivo/uniseg"
)

const (
	gap = 2 // between columns
	// leastWidth is what a column is not made narrower than: less says nothing any more.
	leastWidth = 8
)

// Column is one of a table of Ts.
type Column[T any] struct {
	Title string
	Text  func(T) string
	Flex  bool // it may be cut where the terminal is narrow; others, like ids, are of no use in parts
	Right bool // aligned, as numbers are
}

// Table shows items to people.
func Table[T any](s *Screen, columns []Column[T], items []T) {
	rows := make([][]string, len(items)+1)
	widths := make([]int, len(columns))
	for y := range rows {
		rows[y] = make([]string, len(columns))
		for x, column := range columns {
			if y == 0 {
				rows[y][x] = strings.ToUpper(column.Title)
			} else {
				rows[y][x] = Clean(column.Text(items[y-1]))
			}
			widths[x] = max(widths[x], uniseg.StringWidth(rows[y][x]))
		}
	}
	if s.Width > 0 {
		narrow(columns, widths, s.Width)
	}
	var b strings.Builder
	for _, row := range rows {
		line := layOut(columns, widths, row)
		if s.Width > 0 {
			line = fit(line, s.Width)
		}
		b.WriteString(line + "\n")
	}
	fmt.Fprint(s.Out, b.String())
}

// narrow takes columns away from the widest flexible one until all have room, or none can give any more.
func narrow[T any](columns []Column[T], widths []int, room int) {
	total := gap * (len(widths) - 1)
	for _, width := range widths {
		total += width
	}
	for ; total > room; total-- {
		widest := -1
		for x, column := range columns {
			if column.Flex && widths[x] > leastWidth && (widest < 0 || widths[x] > widths[widest]) {
				widest = x
			}
		}
		if widest < 0 {
			return
		}
		widths[widest]--
	}
}

func layOut[T any](columns []Column[T], widths []int, row []string) string {
	var b strings.Builder
	for x, text := range row {
		text = fit(text, widths[x])
		pad := strings.Repeat(" ", widths[x]-uniseg.StringWidth(text))
		if columns[x].Right {
			text = pad + text
		} else {
			text += pad
		}
		if x > 0 {
			b.WriteString(strings.Repeat(" ", gap))
		}
		b.WriteString(text)
	}
	return strings.TrimRight(b.String(), " ")
}

// Field is one line of [Screen.Fields], or more where its value has several. One without a value is left out.
type Field struct{ Title, Value string }

// Fields shows what is known of one thing to people. Values are not cut.
func (s *Screen) Fields(fields ...Field) {
	width := 0
	for _, f := range fields {
		if f.Value != "" {
			width = max(width, uniseg.StringWidth(f.Title))
		}
	}
	var b strings.Builder
	for _, f := range fields {
		if f.Value == "" {
			continue
		}
		for i, line := range lines(strings.TrimRight(f.Value, "\n")) {
			title := f.Title
			if i > 0 {
				title = ""
			}
			pad := strings.Repeat(" ", width-uniseg.StringWidth(title)+gap)
			b.WriteString(strings.TrimRight(title+pad+line, " ") + "\n")
		}
	}
	fmt.Fprint(s.Out, b.String())
}
