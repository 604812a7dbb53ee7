package backup

import (
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
)

// Policy says how many backups are kept beside the newest [Floor]: of the last so many days, weeks and months (in UTC)
// that have one, the last one each.
type Policy struct{ Daily, Weekly, Monthly int }

// Kept is a backup that lies in the storage.
type Kept struct {
	ID    uuid.UUID
	Taken time.Time
	Good  bool // succeeded, and not found damaged since
}

// Expired returns which backups are not kept any more. Only good ones count: one that is damaged takes nobody's place,
// and goes when [Floor] good ones are newer.
func (p Policy) Expired(all []Kept) []uuid.UUID {
	all = slices.Clone(all)
	slices.SortFunc(all, func(a, b Kept) int { return b.Taken.Compare(a.Taken) })
	periods := []struct {
		left int
		of   func(t time.Time) string
		last string
	}{
		{left: p.Daily, of: func(t time.Time) string { return t.Format(time.DateOnly) }},
		{left: p.Weekly, of: week},
		{left: p.Monthly, of: func(t time.Time) string { return t.Format("2006-01") }},
	}
	var expired []uuid.UUID
	good := 0
	for _, b := range all {
		keep := good < Floor
		if b.Good {
			good++
			for i := range periods {
				period := &periods[i]
				if now := period.of(b.Taken.UTC()); period.left > 0 && now != period.last {
					period.left, period.last, keep = period.left-1, now, true
				}
			}
		}
		if !keep {
			expired = append(expired, b.ID)
		}
	}
	return expired
}

func week(t time.Time) string {
	year, week := t.ISOWeek()
	return fmt.Sprintf("%d-W%02d", year, week)
}
