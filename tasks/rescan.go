package tasks

import (
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"rohrpost/internal/fault"
	"rohrpost/internal/queue"
)

// The files that a rescan looks at, by their status.
const (
	RescanQuarantined = "quarantined"
	RescanRefused     = "refused"
	RescanFailed      = "failed"
	RescanClean       = "clean"
)

// Rescannable is all that a rescan looks at, in its order: what may be opened first, then the many.
func Rescannable() []string {
	return []string{RescanQuarantined, RescanRefused, RescanFailed, RescanClean}
}

// RescanArgs says what to scan again. Zero values are every file that was scanned with other signatures than the scanner
// has now.
type RescanArgs struct {
	DryRun bool     `json:"dry_run,omitempty"` // only count
	All    bool     `json:"all,omitempty"`     // also what was scanned with the present signatures
	Only   []string `json:"only,omitempty"`    // of Rescannable; nothing is all
	// FileID is one file to scan again, whatever it was scanned with.
	FileID *uuid.UUID `json:"file_id,omitempty"`
}

// Check refuses what there is not.
func (a RescanArgs) Check() error {
	if a.FileID != nil && (a.DryRun || a.All || len(a.Only) > 0) {
		return fault.New(fault.Invalid, "A rescan of one file takes no other arguments.")
	}
	for _, status := range a.Only {
		if !slices.Contains(Rescannable(), status) {
			return fault.New(fault.Invalid, "There are no files %q to scan again, but %s.", status,
				strings.Join(Rescannable(), ", "))
		}
	}
	return nil
}

// Rescan has files looked at again by the virus scanner, with the signatures that it has by now.
//
// scheduled: every day, when nothing is left to do once no signature has changed; by hand, for all or for one file. The
// limit key is the file, or nothing for a run over all.
var Rescan = queue.Kind[RescanArgs]{
	Name:  "file:rescan",
	Queue: Files,
	// A file that was looked at is not looked at again by the next attempt, so each goes on where the last one stopped.
	MaxAttempts: 12,
	// A million files at the usual pace take some six hours.
	Timeout: 12 * time.Hour,
	PerKey:  1,
}
