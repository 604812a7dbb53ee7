package datasets

import (
	"strings"
	"time"
	"unicode/utf8"

	"rohrpost/internal/fault"
)

// The formats of a line.
const (
	Completion = "completion" // {"prompt","completion","metadata"}
	Chat       = "chat"       // {"messages":[{"role","content"},…]}, as OpenAI-compatible services take it
)

// Whose conversations.
const (
	Mine     = "mine"
	Everyone = "everyone" // who consents
)

// How good an answer is, in the words of who asked. Not rated counts as between the two.
const (
	Bad   = -1
	Rated = 0
	Good  = 1
)

const (
	maxModels     = 50
	maxModelName  = 200 // bytes
	maxValidation = 0.5
)

// UsualValidation is the share of the questions that is kept to validate by where nobody says another.
const UsualValidation = 0.1

// Spec says what to export.
type Spec struct {
	Format    string     `json:"format"`
	Scope     string     `json:"scope"`
	From      *time.Time `json:"from,omitempty"` // asked at or after; nil is from the first
	To        *time.Time `json:"to,omitempty"`   // asked before; nil is to the last
	Models    []string   `json:"models"`         // by the names they were asked under; empty is all
	MinRating int        `json:"min_rating"`     // Bad is all, Good is only those rated so
	Redact    bool       `json:"redact"`
	// ValidationShare is about how much of the conversations are to validate by, 0 to 0.5.
	ValidationShare float64 `json:"validation_share"`
	// Seed changes which those are.
	Seed int64 `json:"seed"`
}

// Check refuses what can't be exported.
func (s Spec) Check() error {
	switch {
	case s.Format != Completion && s.Format != Chat:
		return fault.New(fault.Invalid, "The format has to be %q or %q.", Completion, Chat)
	case s.Scope != Mine && s.Scope != Everyone:
		return fault.New(fault.Invalid, "The scope has to be %q or %q.", Mine, Everyone)
	case s.From != nil && s.To != nil && !s.From.Before(*s.To):
		return fault.New(fault.Invalid, "The time from has to be before the time to.")
	case s.MinRating < Bad || s.MinRating > Good:
		return fault.New(fault.Invalid, "The min_rating has to be -1 (all), 0 (all but bad) or 1 (only good).")
	case !(s.ValidationShare >= 0 && s.ValidationShare <= maxValidation):
		return fault.New(fault.Invalid, "The validation_share goes from 0 to %v.", maxValidation)
	case !s.Redact && s.Scope != Mine:
		return fault.New(fault.Invalid, "Only an export of your own conversations can go without redaction.")
	case len(s.Models) > maxModels:
		return fault.New(fault.Invalid, "At most %d models can be named.", maxModels)
	}
	for _, model := range s.Models {
		if model == "" || len(model) > maxModelName || !utf8.ValidString(model) || strings.ContainsRune(model, 0) {
			return fault.New(fault.Invalid, "One of the models has a malformed name.")
		}
	}
	return nil
}
