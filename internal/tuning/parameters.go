package tuning

import (
	"maps"
	"math"
	"slices"
	"strings"

	"rohrpost/internal/fault"
)

const (
	maxStops = 8   // texts that end an answer
	maxStop  = 100 // bytes of one
)

// span is what a number may be.
type span struct {
	min, max float64
	whole    bool
}

// parameters are those of a model that can be set, as the Ollama server names them.
var parameters = map[string]span{
	"temperature":       {0, 2, false},
	"top_p":             {0, 1, false},
	"min_p":             {0, 1, false},
	"typical_p":         {0, 1, false},
	"top_k":             {0, 1000, true},
	"repeat_penalty":    {0, 10, false},
	"presence_penalty":  {-2, 2, false},
	"frequency_penalty": {-2, 2, false},
	"repeat_last_n":     {-1, 1 << 20, true},
	"num_ctx":           {1, 1 << 20, true},
	"num_predict":       {-1, 1 << 20, true},
	"seed":              {math.MinInt32, math.MaxInt32, true},
}

// stop is the one parameter that is no number.
const stop = "stop"

func checkParameters(values map[string]any) error {
	for name, value := range values {
		if name == stop {
			if !stops(value) {
				return fault.New(fault.Invalid, "The parameter stop is a list of up to %d texts of up to %d bytes.", maxStops, maxStop)
			}
			continue
		}
		s, known := parameters[name]
		if !known {
			names := append(slices.Sorted(maps.Keys(parameters)), stop)
			return fault.New(fault.Invalid, "There is no parameter of this name; there are %s.", strings.Join(names, ", "))
		}
		n, ok := value.(float64)
		if !ok || n < s.min || n > s.max || s.whole && n != math.Trunc(n) {
			kind := "number"
			if s.whole {
				kind = "whole number"
			}
			return fault.New(fault.Invalid, "The parameter %s is a %s from %v to %v.", name, kind, s.min, s.max)
		}
	}
	return nil
}

func stops(value any) bool {
	list, ok := value.([]any)
	if !ok || len(list) == 0 || len(list) > maxStops {
		return false
	}
	for _, one := range list {
		text, ok := one.(string)
		if !ok || text == "" || len(text) > maxStop || strings.ContainsRune(text, 0) {
			return false
		}
	}
	return true
}
