package backup_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"rohrpost/internal/backup"
)

// nights are backups of one night after the other, the last one first.
func nights(n int, damaged ...int) []backup.Kept {
	last := time.Date(2026, 3, 31, 1, 20, 0, 0, time.UTC) // a Tuesday
	var all []backup.Kept
	for i := range n {
		taken := last.AddDate(0, 0, -i)
		all = append(all, backup.Kept{
			ID: uuid.NewSHA1(uuid.Nil, fmt.Append(nil, i)), Taken: taken, Good: !slices.Contains(damaged, i),
		})
	}
	return all
}

func TestWhichBackupsAreKept(t *testing.T) {
	t.Parallel()
	usual := backup.Policy{Daily: 7, Weekly: 4, Monthly: 12}
	for name, c := range map[string]struct {
		policy backup.Policy
		all    []backup.Kept
		kept   []int // how many nights ago
	}{
		"nothing there":  {usual, nil, nil},
		"a first week":   {usual, nights(5), []int{0, 1, 2, 3, 4}},
		"days and weeks": {usual, nights(31), []int{0, 1, 2, 3, 4, 5, 6, 9, 16}}, // Sundays: 2, 9, 16
		"days, weeks and months": {usual, nights(100),
			[]int{0, 1, 2, 3, 4, 5, 6, 9, 16, 31, 59, 90}}, // ends of February, January, December
		"months only":               {backup.Policy{Monthly: 2}, nights(100), []int{0, 1, 2, 31}},
		"nothing wanted: the floor": {backup.Policy{}, nights(10), []int{0, 1, 2}},
		"damaged ones take no place, and stay until enough are newer": {
			backup.Policy{Daily: 3}, nights(10, 0, 2, 6), []int{0, 1, 2, 3, 4}},
		"one good one after an old damaged one": {backup.Policy{Daily: 1}, nights(10, 0, 1, 2, 3, 4, 5, 6, 7, 8),
			[]int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			expired := c.policy.Expired(c.all)
			var kept []int
			for i, b := range c.all {
				if !slices.Contains(expired, b.ID) {
					kept = append(kept, i)
				}
			}
			require.Equal(t, c.kept, kept)
		})
	}
}

func TestOfADayWithSeveralBackupsTheLastIsKept(t *testing.T) {
	t.Parallel()
	day := time.Date(2026, 3, 31, 0, 0, 0, 0, time.UTC)
	var all []backup.Kept
	for hour := range 24 {
		all = append(all, backup.Kept{ID: uuid.New(), Taken: day.Add(time.Duration(hour) * time.Hour), Good: true})
	}
	expired := backup.Policy{Daily: 7}.Expired(all)
	require.Len(t, expired, 21)
	require.NotContains(t, expired, all[23].ID)
}

func TestBackupsThatStopDontWearOutTheOldOnes(t *testing.T) {
	t.Parallel()
	// Given that the last backups are a year old: what counts is the days that have one
	all := nights(7)
	for i := range all {
		all[i].Taken = all[i].Taken.AddDate(-1, 0, 0)
	}
	require.Empty(t, backup.Policy{Daily: 7}.Expired(all))
}
