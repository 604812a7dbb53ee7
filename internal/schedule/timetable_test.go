package schedule_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"rohrpost/internal/fault"
	"rohrpost/internal/schedule"
)

func TestTicksWhenTheClocksChange(t *testing.T) {
	t.Parallel()
	const berlin, lordHowe, saoPaulo = "Europe/Berlin", "Australia/Lord_Howe", "America/Sao_Paulo"
	for name, c := range map[string]struct {
		cron, zone, after string
		ticks             []string // as the clock in the zone shows them, with its offset in whole hours
	}{
		"spring: what is left out comes when it would have begun": {
			"30 2 * * *", berlin, "2026-03-28T12:00:00Z", []string{"29 03:00 +02", "30 02:30 +02", "31 02:30 +02"}},
		"spring: all that is left out comes together": {
			"*/20 2 * * *", berlin, "2026-03-28T12:00:00Z", []string{"29 03:00 +02", "30 02:00 +02", "30 02:20 +02"}},
		"spring: what is due then anyway comes once": {
			"0 2,3 * * *", berlin, "2026-03-28T12:00:00Z", []string{"29 03:00 +02", "30 02:00 +02", "30 03:00 +02"}},
		"spring: every half hour stays every half hour": {
			"*/30 * * * *", berlin, "2026-03-29T00:00:00Z", []string{"29 01:30 +01", "29 03:00 +02", "29 03:30 +02"}},
		"spring at midnight": {
			"0 0 * * *", saoPaulo, "2018-11-03T12:00:00Z", []string{"04 01:00 -02", "05 00:00 -02"}},
		"spring by half an hour": {
			"15 2 * * *", lordHowe, "2026-10-03T00:00:00Z", []string{"04 02:30 +11", "05 02:15 +11"}},
		"spring by half an hour, later that day": {
			"0 */6 * * *", lordHowe, "2026-10-03T12:00:00Z", []string{"04 00:00 +10", "04 06:00 +11", "04 12:00 +11"}},
		"autumn: a time that is there twice ticks once": {
			"30 2 * * *", berlin, "2026-10-24T12:00:00Z", []string{"25 02:30 +02", "26 02:30 +01"}},
		"autumn: some hours": {
			"0 1-3 * * *", berlin, "2026-10-24T12:00:00Z", []string{"25 01:00 +02", "25 02:00 +02", "25 03:00 +01"}},
		"autumn: asked in the second of the two hours": {
			"30 2 * * *", berlin, "2026-10-25T01:10:00Z", []string{"26 02:30 +01"}},
		"autumn: every half hour stays every half hour": {
			"*/30 * * * *", berlin, "2026-10-25T00:00:00Z",
			[]string{"25 02:30 +02", "25 02:00 +01", "25 02:30 +01", "25 03:00 +01"}},
		"autumn at midnight": {
			"0 0 * * *", saoPaulo, "2018-02-16T12:00:00Z", []string{"17 00:00 -02", "18 00:00 -03", "19 00:00 -03"}},
		"daily is not every 24 hours": {
			"@daily", berlin, "2026-03-28T12:00:00Z", []string{"29 00:00 +01", "30 00:00 +02"}},
		"day of the month or of the week": {
			"0 12 1 * 7", "UTC", "2026-03-28T13:00:00Z", []string{"29 12:00 +00", "01 12:00 +00", "05 12:00 +00"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			table, err := schedule.ParseTimetable(c.cron, c.zone)
			require.NoError(t, err)
			zone, err := time.LoadLocation(c.zone)
			require.NoError(t, err)
			at, err := time.Parse(time.RFC3339, c.after)
			require.NoError(t, err)
			var ticks []string
			for range c.ticks {
				at = table.Next(at)
				ticks = append(ticks, at.In(zone).Format("02 15:04 -07"))
			}
			require.Equal(t, c.ticks, ticks)
		})
	}
}

func TestAYearOfTicksIsInOrderAndOnTheSecond(t *testing.T) {
	t.Parallel()
	for _, zone := range []string{"UTC", "Europe/Berlin", "Australia/Lord_Howe", "America/Sao_Paulo", "Asia/Kathmandu"} {
		for _, expression := range []string{"*/30 * * * *", "30 2 * * *", "15,45 */3 * * *", "0 0 1 * *"} {
			table, err := schedule.ParseTimetable(expression, zone)
			require.NoError(t, err)
			begin := time.Date(2018, 1, 1, 0, 0, 0, 0, time.UTC)
			for at := begin; at.Year() == 2018; {
				next := table.Next(at)
				require.True(t, next.After(at), "%s in %s: %s after %s", expression, zone, next, at)
				require.Equal(t, next, next.Truncate(time.Second))
				require.Equal(t, next, table.Next(next.Add(-1)), "%s in %s", expression, zone)
				at = next
			}
		}
	}
}

func TestTimetablesThatAreNone(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ cron, zone, says string }{
		{"0 4 * * *", "", "time zone has to be named"},
		{"0 4 * * *", "Local", "time zone has to be named"},
		{"0 4 * * *", "Europe/Atlantis", `no time zone "Europe/Atlantis"`},
		{"0 4 * * *", "../etc/passwd", "no time zone"},
		{"", "UTC", "can't be read: it has 0 fields"},
		{"0 4 * *", "UTC", "can't be read: it has 4 fields, not five"},
		{"60 4 * * *", "UTC", `can't be read: field 1, the minute, is "60": end of range (60) above maximum (59)`},
		{"0 0 4 * FOO *", "UTC", `field 5, the month, is "FOO": it has something that is neither a number nor a name`},
		{"0 25 32 * *", "UTC", `field 2, the hour, is "25"`},
		{"*/0 4 * * *", "UTC", `field 1, the minute, is "*/0"`},
		{"0 4 * * 1,9", "UTC", `field 5, the day of the week, is "1,9"`},
		{", 4 * * *", "UTC", "never comes true"},
		{"\x00", "UTC", "can't be read"},
		{"0 0 30 2 *", "UTC", "never comes true"},
		{"@reboot", "UTC", "can't be read: there is no such name"},
		{"@every 1s", "UTC", "@every"},
		{"TZ=UTC", "UTC", "field of its own"},
		{"CRON_TZ=UTC 0 4 * * *", "Europe/Berlin", "field of its own"},
	} {
		_, err := schedule.ParseTimetable(c.cron, c.zone)
		require.Equal(t, fault.Invalid, fault.CodeOf(err), "%q in %q", c.cron, c.zone)
		require.ErrorContains(t, err, c.says)
	}
}
