package reports

import (
	"fmt"
	"strconv"
	"strings"
)

// minuteForm is a time as people read it.
const minuteForm = "2006-01-02 15:04 MST"

// grouped is a count with commas between its thousands.
func grouped(n float64) string {
	digits := strconv.FormatFloat(n, 'f', 0, 64)
	if n < 10 && n != float64(int64(n)) { // the mark of an axis
		return strconv.FormatFloat(n, 'f', -1, 64)
	}
	var b strings.Builder
	for i, r := range digits {
		if i > 0 && (len(digits)-i)%3 == 0 {
			b.WriteByte(',')
		}
		b.WriteRune(r)
	}
	return b.String()
}

var byteUnits = []string{"B", "KiB", "MiB", "GiB", "TiB", "PiB"}

// byteUnit is the largest unit that n is at least one of.
func byteUnit(n float64) (unit float64, name string) {
	unit, name = 1, byteUnits[0]
	for _, next := range byteUnits[1:] {
		if n < unit*1024 {
			break
		}
		unit, name = unit*1024, next
	}
	return unit, name
}

// size is an amount of storage in three digits or so.
func size(n float64) string {
	unit, name := byteUnit(n)
	v := n / unit
	decimals := 0
	if unit > 1 && v < 100 {
		decimals = 1
	}
	return strings.TrimSuffix(strconv.FormatFloat(v, 'f', decimals, 64), ".0") + " " + name
}

// seconds is a duration in three digits or so.
func seconds(s float64) string {
	switch {
	case s < 1:
		return fmt.Sprintf("%.0f ms", s*1000)
	case s < 10:
		return fmt.Sprintf("%.2f s", s)
	case s < 120:
		return fmt.Sprintf("%.1f s", s)
	case s < 7200:
		return fmt.Sprintf("%.1f min", s/60)
	}
	return fmt.Sprintf("%.1f h", s/3600)
}

// shortened cuts a text where it is too long for its place.
func shortened(text string, most int) string {
	runes := []rune(text)
	if len(runes) <= most {
		return text
	}
	return string(runes[:most-1]) + "…"
}
