package terminal

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"
)

// When is a time as people read it, in their zone and with it, since a list may be read somewhere else.
func (s *Screen) When(t time.Time) string {
	local := t.In(s.Zone)
	if _, offset := local.Zone(); offset == 0 {
		return local.Format("2006-01-02 15:04:05 UTC")
	}
	return local.Format("2006-01-02 15:04:05 -07:00")
}

// WhenOr is [Screen.When], and otherwise where there is no time.
func (s *Screen) WhenOr(t *time.Time, otherwise string) string {
	if t == nil || t.IsZero() {
		return otherwise
	}
	return s.When(*t)
}

// Size is a number of bytes as people read it.
func Size(bytes int64) string {
	const unit = 1024
	if bytes < unit {
		return fmt.Sprintf("%d B", bytes)
	}
	value, units := float64(bytes)/unit, "KMGTPE"
	for value >= unit && len(units) > 1 {
		value, units = value/unit, units[1:]
	}
	return fmt.Sprintf("%.1f %ciB", value, units[0])
}

// Took is a span of time as people read it.
func Took(d time.Duration) string {
	switch {
	case d < time.Second:
		return d.Round(time.Millisecond).String()
	case d < time.Minute:
		return d.Round(100 * time.Millisecond).String()
	}
	return d.Round(time.Second).String()
}

// Laid is a JSON value laid out over lines, and as it is where it is none.
func Laid(raw json.RawMessage) string {
	var b bytes.Buffer
	if err := json.Indent(&b, raw, "", "  "); err != nil {
		return string(raw)
	}
	return b.String()
}

// Flat is a JSON value on one line.
func Flat(raw json.RawMessage) string {
	var b bytes.Buffer
	if err := json.Compact(&b, raw); err != nil {
		return string(raw)
	}
	return b.String()
}
