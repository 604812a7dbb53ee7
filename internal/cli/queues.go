package cli

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"rohrpost/internal/fault"
	"rohrpost/tasks"
)

// maxWeight keeps weights meaningful: beyond, the light queues would hardly ever have their turn.
const maxWeight = 100

// parseQueues reads what --queues takes, "files=4,ai=2"; a queue without a number has its usual weight. An empty list is
// all queues.
func parseQueues(list string) (map[string]int, error) {
	known := tasks.DefaultWeights()
	if strings.TrimSpace(list) == "" {
		return known, nil
	}
	weights := map[string]int{}
	for item := range strings.SplitSeq(list, ",") {
		name, number, given := strings.Cut(strings.TrimSpace(item), "=")
		weight, ok := known[name]
		if !ok {
			return nil, fault.New(fault.Invalid, "--queues: %q is no queue; there are %s", name,
				strings.Join(slices.Sorted(maps.Keys(known)), ", "))
		}
		if _, twice := weights[name]; twice {
			return nil, fault.New(fault.Invalid, "--queues names %s twice", name)
		}
		if given {
			var err error
			if weight, err = strconv.Atoi(number); err != nil || weight < 1 || weight > maxWeight {
				return nil, fault.New(fault.Invalid, "--queues: the weight of %s is %q, it may be 1 to %d", name, number, maxWeight)
			}
		}
		weights[name] = weight
	}
	return weights, nil
}
