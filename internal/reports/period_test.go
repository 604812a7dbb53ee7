package reports_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"rohrpost/internal/reports"
)

var noon = time.Date(2026, 3, 30, 12, 0, 0, 123456789, time.UTC) // a Monday

func TestPeriods(t *testing.T) {
	t.Parallel()
	const utc = "2006-01-02T15:04:05.999999Z"
	for name, c := range map[string]struct{ from, to, zone, wantFrom, wantTo, text string }{
		"usual":             {"", "", "", "2026-03-24T00:00:00Z", "2026-03-30T12:00:00.123456Z", "2026-03-24 to 2026-03-30"},
		"usual in a zone":   {"", "", "Europe/Berlin", "2026-03-23T23:00:00Z", "2026-03-30T12:00:00.123456Z", "2026-03-24 to 2026-03-30"},
		"seven days before": {"", "2026-03-01", "", "2026-02-22T00:00:00Z", "2026-03-01T00:00:00Z", "2026-02-22 to 2026-02-28"},
		"dates":             {"2026-03-01", "2026-03-02", "UTC", "2026-03-01T00:00:00Z", "2026-03-02T00:00:00Z", "2026-03-01"},
		"dates in a zone": {"2026-03-29", "2026-03-30", "Europe/Berlin", "2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z",
			"2026-03-29"}, // 23 hours
		"times": {"2026-03-01T12:00:00+01:00", "2026-03-01T12:00:00.5Z", "", "2026-03-01T11:00:00Z", "2026-03-01T12:00:00.5Z",
			"2026-03-01"},
		"a leap year":   {"2024-01-01", "2025-01-01", "", "2024-01-01T00:00:00Z", "2025-01-01T00:00:00Z", "2024-01-01 to 2024-12-31"},
		"not over yet":  {"2026-03-30", "2026-04-06", "", "2026-03-30T00:00:00Z", "2026-04-06T00:00:00Z", "2026-03-30 to 2026-04-05"},
		"no midnight":   {"2018-11-04", "2018-11-05", "America/Sao_Paulo", "2018-11-04T03:00:00Z", "2018-11-05T02:00:00Z", "2018-11-04"},
		"two midnights": {"2025-11-02", "2025-11-03", "America/Havana", "2025-11-02T04:00:00Z", "2025-11-03T05:00:00Z", "2025-11-02"},
	} {
		p, err := reports.ParsePeriod(c.from, c.to, c.zone, noon)
		require.NoError(t, err, name)
		require.Equal(t, [2]string{c.wantFrom, c.wantTo}, [2]string{p.From.Format(utc), p.To.Format(utc)}, name)
		require.Equal(t, c.text, p.String(), name)
	}
}

func TestPeriodsThatThereAreNot(t *testing.T) {
	t.Parallel()
	for says, c := range map[string][3]string{
		"before to":          {"2026-03-02", "2026-03-01", ""},
		"from has to be":     {"2026-03-02", "2026-03-02", ""},
		"over 366 days":      {"2025-01-01", "2026-01-03", ""},
		"in the future":      {"2026-04-01", "2026-04-02", ""},
		"before 1970":        {"0001-01-01", "0001-01-02", ""},
		"field from":         {"yesterday", "", ""},
		"field to":           {"", "2026-13-01", ""},
		"no time zone":       {"", "", "Mars/Olympus"},
		`time zone "Local"`:  {"", "", "Local"},
		`zone "../../etc"`:   {"", "", "../../etc"},
		"field from is":      {"2026-03-01 12:00", "", ""},
		"from has to be bef": {"2026-03-30T12:00:01Z", "", ""},
	} {
		_, err := reports.ParsePeriod(c[0], c[1], c[2], noon)
		require.Equal(t, "invalid", code(err), says)
		require.ErrorContains(t, err, says)
	}
}
