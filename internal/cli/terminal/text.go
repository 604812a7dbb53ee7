package terminal

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/rivo/uniseg"
)

const ellipsis = "…"

// Clean shows what a terminal would obey instead of showing it (control characters, marks that turn the direction of the
// text) as an escape. Names and messages come from users, and from servers.
func Clean(text string) string {
	if !strings.ContainsFunc(text, unfit) && utf8.ValidString(text) {
		return text
	}
	var b strings.Builder
	for _, r := range text {
		if !unfit(r) {
			b.WriteRune(r)
			continue
		}
		quoted := strconv.QuoteRune(r)
		b.WriteString(quoted[1 : len(quoted)-1])
	}
	return b.String()
}

// unfit is what has no place in a line. Joiners are letters' business in some scripts, and do no harm.
func unfit(r rune) bool {
	const nonJoiner, joiner = '\u200c', '\u200d'
	return !unicode.IsPrint(r) && r != nonJoiner && r != joiner
}

// lines cleans a text that may have several.
func lines(text string) []string {
	all := strings.Split(strings.ReplaceAll(text, "\r\n", "\n"), "\n")
	for i, line := range all {
		all[i] = Clean(strings.ReplaceAll(line, "\t", "    "))
	}
	return all
}

// fit cuts a clean text to so many columns.
func fit(text string, columns int) string {
	if uniseg.StringWidth(text) <= columns {
		return text
	}
	if columns <= 0 {
		return ""
	}
	var b strings.Builder
	left := columns - uniseg.StringWidth(ellipsis)
	for state, rest := -1, text; rest != ""; {
		var cluster string
		var width int
		cluster, rest, width, state = uniseg.FirstGraphemeClusterInString(rest, state)
		if width > left {
			break
		}
		b.WriteString(cluster)
		left -= width
	}
	return b.String() + ellipsis
}
