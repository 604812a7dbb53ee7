package scaling

import (
	"fmt"
	"strconv"
	"strings"

	"rohrpost/internal/fault"
)

// Bounds are the least and the most workers of a group.
type Bounds struct{ Least, Most int }

// ParseBounds reads "1:4".
func ParseBounds(text string) (Bounds, error) {
	least, most, _ := strings.Cut(text, ":")
	b := Bounds{}
	var err error
	if b.Least, err = strconv.Atoi(least); err == nil {
		b.Most, err = strconv.Atoi(most)
	}
	if err != nil || b.Least < 0 || b.Most < 1 || b.Most < b.Least {
		return Bounds{}, fault.New(fault.Invalid, "%q are no bounds, such as 1:4: the least and the most workers", text)
	}
	return b, nil
}

func (b Bounds) String() string { return fmt.Sprintf("%d:%d", b.Least, b.Most) }

// clamp keeps a number of workers within the bounds; none at all only where nothing waits.
func (b Bounds) clamp(workers int, waits bool) int {
	least := b.Least
	if waits {
		least = max(least, 1)
	}
	return min(max(workers, least), b.Most)
}
