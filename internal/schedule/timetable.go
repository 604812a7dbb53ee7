package schedule

import (
	"slices"
	"strings"
	"time"
	_ "time/tzdata" // zones have the same rules on every machine, also on one that has none

	"github.com/netresearch/go-cron"

	"rohrpost/internal/fault"
)

// Timetable says when a schedule ticks: a cron expression on the clocks of a time zone. Ticks are whole seconds.
//
// The parser is only asked about a clock that never changes; what a change of the clocks does is decided here:
//
//   - In spring, ticks in the hour that the clocks leave out come together as one, when it would have begun: 02:30 is at
//     03:00, once.
//   - In autumn, an hour is there twice. A schedule that ticks in every hour of the day ticks in both; any other ticks in
//     the first, once.
type Timetable struct {
	cron   *cron.SpecSchedule // of a clock, which is written as UTC
	zone   *time.Location
	hourly bool // ticks in every hour of the day
}

const everyHour = 1<<24 - 1

// In five fields, or six with seconds first. Where both the day of the month and the day of the week are given, either
// will do, as in Vixie cron.
var parser = cron.MustNewParser(cron.SecondOptional | cron.Minute | cron.Hour | cron.Dom | cron.Month | cron.Dow |
	cron.Descriptor | cron.DowOrDom)

// ParseTimetable reads a cron expression of five fields, of six with seconds first, or a name such as @daily, and the
// IANA name of a time zone. The code of its errors is invalid.
func ParseTimetable(expression, zone string) (Timetable, error) {
	if zone == "" || zone == "Local" {
		return Timetable{}, fault.New(fault.Invalid, "The time zone has to be named, such as Europe/Berlin or UTC.")
	}
	loc, err := time.LoadLocation(zone)
	if err != nil {
		return Timetable{}, fault.Wrap(err, fault.Invalid, "There is no time zone %q.", zone)
	}
	switch {
	case strings.HasPrefix(expression, "@every"):
		return Timetable{}, fault.New(fault.Invalid, "@every says how long between, not when; use fields such as */10 * * * *.")
	case strings.Contains(expression, "="):
		return Timetable{}, fault.New(fault.Invalid, "The time zone has a field of its own and can't be in the expression.")
	}
	parsed, err := parser.Parse(expression)
	if err != nil {
		return Timetable{}, fault.Wrap(err, fault.Invalid, "The cron expression %q can't be read: %s.", expression, explain(expression, err))
	}
	spec, ok := parsed.(*cron.SpecSchedule)
	if !ok {
		return Timetable{}, fault.New(fault.Invalid, "The cron expression %q does not name times.", expression)
	}
	spec.Location = time.UTC
	t := Timetable{cron: spec, zone: loc, hourly: spec.Hour&everyHour == everyHour}
	if t.Next(time.Now()).IsZero() {
		return Timetable{}, fault.New(fault.Invalid, "The cron expression %q never comes true.", expression)
	}
	return t, nil
}

// Next is the first tick after a time, zero if there is none within five years.
func (t Timetable) Next(after time.Time) time.Time {
	at := after.In(t.zone)
	clock := read(at)
	for { // each time between two changes of the clocks by itself
		start, end := at.ZoneBounds()
		if !t.hourly && !start.IsZero() {
			// What the clock showed already before it was put back.
			if seen := read(start.Add(-1)).Add(1); clock.Before(seen) {
				clock = seen.Add(-1)
			}
		}
		next := t.cron.Next(clock)
		if next.IsZero() {
			return time.Time{}
		}
		_, offset := at.Zone()
		tick := next.Add(-time.Duration(offset) * time.Second)
		if end.IsZero() || tick.Before(end) {
			return tick
		}
		if next.Before(read(end)) {
			return end.UTC() // the clock never shows it
		}
		at, clock = end, read(end).Add(-1)
	}
}

// read is what a clock shows, as if it were UTC.
func read(t time.Time) time.Time {
	_, offset := t.Zone()
	return t.UTC().Add(time.Duration(offset) * time.Second)
}

// latest is the last tick after one time and up to another, if there is one.
func (t Timetable) latest(after, until time.Time) (time.Time, bool) {
	due := func(from, to time.Time) (time.Time, bool) {
		next := t.Next(from)
		return next, !next.IsZero() && !next.After(to)
	}
	if _, one := due(after, until); !one {
		return time.Time{}, false
	}
	// There is a tick between after and until, and none from there on, while both close in on it.
	for until.Sub(after) > time.Second {
		middle := after.Add(until.Sub(after) / 2)
		if _, later := due(middle, until); later {
			after = middle
		} else {
			until = middle
		}
	}
	return t.Next(after), true
}

// between are the ticks after one time and up to another: the last ones, if there are more than most.
func (t Timetable) between(after, until time.Time, most int) []time.Time {
	var ticks []time.Time
	for len(ticks) < most {
		tick, found := t.latest(after, until)
		if !found {
			break
		}
		ticks = append(ticks, tick)
		until = tick.Add(-1)
	}
	slices.Reverse(ticks)
	return ticks
}
