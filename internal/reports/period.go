package reports

import (
	"time"
	_ "time/tzdata" // zones have the same rules on every machine, also on one that has none

	"rohrpost/internal/fault"
	"rohrpost/tasks"
)

const (
	usualDays = 7   // of a period whose beginning nobody says
	mostDays  = 366 // of a period: a leap year
	dateForm  = time.DateOnly
)

// earliest is before any installation of ours, and far from where times can't be written down.
var earliest = time.Date(1970, 1, 1, 0, 0, 0, 0, time.UTC)

// Period is what a report is about: from From until right before To, counted by the days of a time zone.
type Period struct {
	From, To time.Time
	Zone     *time.Location
}

// ParsePeriod reads a period. Its ends are RFC 3339 times, or dates, which mean the beginning of the day in the zone. A
// zone is the IANA name of one, UTC if empty. An empty to is now; an empty from is the beginning of the day six days
// before, so that there are seven. The code of its errors is invalid.
func ParsePeriod(from, to, zone string, now time.Time) (Period, error) {
	var p Period
	var err error
	if p.Zone, err = tasks.ReportZone(zone); err != nil {
		return p, err
	}
	p.To = now
	if to != "" {
		if p.To, err = parseTime("to", to, p.Zone); err != nil {
			return p, err
		}
	}
	p.From = dayStart(p.lastDay().AddDate(0, 0, 1-usualDays), p.Zone)
	if from != "" {
		if p.From, err = parseTime("from", from, p.Zone); err != nil {
			return p, err
		}
	}
	p.From, p.To = p.From.UTC().Truncate(time.Microsecond), p.To.UTC().Truncate(time.Microsecond) // as PostgreSQL does
	switch {
	case !p.From.Before(p.To):
		return p, fault.New(fault.Invalid, "The period ends before it has begun: from has to be before to.")
	case p.From.Before(earliest):
		return p, fault.New(fault.Invalid, "The period begins before 1970.")
	case !p.From.Before(now):
		return p, fault.New(fault.Invalid, "The period lies in the future.")
	case p.From.In(p.Zone).AddDate(0, 0, mostDays).Before(p.To):
		return p, fault.New(fault.Invalid, "The period is over %d days.", mostDays)
	}
	return p, nil
}

func parseTime(field, text string, zone *time.Location) (time.Time, error) {
	if date, err := time.Parse(dateForm, text); err == nil {
		return dayStart(date, zone), nil
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return at, fault.New(fault.Invalid,
			"The field %s is neither a date such as 2026-01-31 nor a time such as 2026-01-31T12:00:00Z.", field)
	}
	return at, nil
}

// weekBefore is the week, from Monday on, that was over last at some time.
func weekBefore(at time.Time, zone *time.Location) Period {
	today := dateOf(at, zone)
	monday := today.AddDate(0, 0, -(int(today.Weekday())+6)%7)
	return Period{From: dayStart(monday.AddDate(0, 0, -7), zone).UTC(), To: dayStart(monday, zone).UTC(), Zone: zone}
}

// dayStart is the first moment of the day that date is on, on the clocks of a zone. The clocks may leave midnight out,
// or show it twice, and [time.Date] then takes what it likes.
func dayStart(date time.Time, zone *time.Location) time.Time {
	year, month, day := date.Date()
	at := time.Date(year, month, day, 0, 0, 0, 0, zone)
	if at.Day() != day { // it took an hour of the day before
		_, at = at.ZoneBounds()
		return at
	}
	changed, _ := at.ZoneBounds()
	if changed.IsZero() {
		return at
	}
	_, before := changed.Add(-1).Zone()
	_, after := at.Zone()
	first := at.Add(time.Duration(after-before) * time.Second)
	if first.Before(changed) && first.Day() == day {
		return first
	}
	return at
}

// dateOf is the date on the calendars of a zone, at an hour that no clock leaves out.
func dateOf(at time.Time, zone *time.Location) time.Time {
	year, month, day := at.In(zone).Date()
	return time.Date(year, month, day, 12, 0, 0, 0, time.UTC)
}

// lastDay is the date of the last day that the period reaches into.
func (p Period) lastDay() time.Time { return dateOf(p.To.Add(-1), p.Zone) }

// days are the beginnings of the days from From until some time. The first is From itself, which may be later than its
// day's.
func (p Period) days(until time.Time) []time.Time {
	starts := []time.Time{p.From}
	for date := dateOf(p.From, p.Zone).AddDate(0, 0, 1); ; date = date.AddDate(0, 0, 1) {
		start := dayStart(date, p.Zone).UTC()
		if !start.Before(until) {
			return starts
		}
		if start.After(starts[len(starts)-1]) { // a zone that changed sides of the date line has left a day out
			starts = append(starts, start)
		}
	}
}

// String names the days of the period, the last one included.
func (p Period) String() string {
	first, last := dateOf(p.From, p.Zone).Format(dateForm), p.lastDay().Format(dateForm)
	if first == last {
		return first
	}
	return first + " to " + last
}
