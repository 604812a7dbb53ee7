package plans

import (
	"fmt"
	"slices"
	"strings"
)

const (
	perRow    = 10  // rows that may be read for each one returned
	fewRows   = 10  // that may be read for nothing
	perPages  = 25  // pages for each row read or written: the way through an index, and each index of a row that is written
	fewPages  = 200 // that may be touched for nothing
	showSteps = 40
)

// judge returns what is wrong with a plan.
func judge(c check, plan node) (complaints []string) {
	read, returned := plan.read(), plan.returned()
	most := max(perRow*returned, fewRows)
	if c.rows > 0 {
		most = c.rows
	}
	if read > most {
		complaints = append(complaints, fmt.Sprintf("reads %d rows for %d, more than %d", read, returned, most))
	}
	plan.walk(func(n node) {
		if n.Kind == "Seq Scan" && n.Loops > 0 && big[n.Table] && !slices.Contains(c.scanned, n.Table) {
			complaints = append(complaints, "reads all of "+n.Table)
		}
	})
	pages, mostPages := plan.Hit+plan.Read, fewPages+perPages*max(read, returned, c.rows)
	if c.pages > 0 {
		mostPages = c.pages
	}
	if pages > mostPages {
		complaints = append(complaints, fmt.Sprintf("touches %d pages, more than %d", pages, mostPages))
	}
	return complaints
}

// read is how many rows a plan looks at: those of tables that aren't small, and pairs that a join throws away.
func (n node) read() int64 {
	var rows float64
	switch n.Kind {
	case "Seq Scan", "Index Scan", "Index Only Scan", "Tid Scan", "Sample Scan":
		rows = (n.Rows + n.left()) * n.Loops
	case "Bitmap Heap Scan":
		rows = max((n.Rows+n.left())*n.Loops, n.entries())
	default:
		rows = n.left() * n.Loops
	}
	if small[n.Table] != "" {
		rows = 0
	}
	sum := int64(rows)
	for _, p := range n.Plans {
		sum += p.read()
	}
	return sum
}

// entries is how many entries of indexes a bitmap was made of.
func (n node) entries() (sum float64) {
	n.walk(func(n node) {
		if n.Kind == "Bitmap Index Scan" {
			sum += n.Rows * n.Loops
		}
	})
	return sum
}

// returned is how many rows come back, or are written by a statement that returns none.
func (n node) returned() int64 {
	rows := n.Rows
	n.walk(func(n node) {
		if n.Kind != "ModifyTable" {
			return
		}
		rows = max(rows, n.Rows)
		for _, p := range n.Plans {
			if p.Parent == "Outer" {
				rows = max(rows, p.Rows*p.Loops)
			}
		}
	})
	return int64(rows)
}

// outline shows a plan by its steps.
func (n node) outline() string {
	var b strings.Builder
	var show func(n node, depth int)
	show = func(n node, depth int) {
		fmt.Fprintf(&b, "%s%s\n", strings.Repeat("  ", depth), n)
		for _, p := range n.Plans {
			show(p, depth+1)
		}
	}
	show(n, 1)
	lines := strings.SplitAfterN(b.String(), "\n", showSteps+1)
	return strings.Join(lines[:min(len(lines), showSteps)], "")
}
