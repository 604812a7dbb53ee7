package tasks

import (
	"slices"
	"strings"
	"time"

	"rohrpost/internal/fault"
	"rohrpost/internal/queue"
)

// What a sweep looks for.
const (
	SweepSessions        = "sessions"
	SweepRefreshTokens   = "refresh_tokens"
	SweepIdempotencyKeys = "idempotency_keys"
	SweepJobs            = "jobs"
	SweepFailedJobs      = "failed_jobs"
	SweepTicks           = "schedule_ticks"
	SweepMails           = "mails"
	SweepMailTokens      = "mail_tokens"
	SweepArchived        = "archived_tasks"
	SweepQuarantine      = "quarantine"
	SweepDatasets        = "datasets"
	SweepOrphans         = "orphaned_blobs"
	SweepUsageHistory    = "usage_history"
)

// Sweepable is all that a sweep looks for, in its order: what is deleted first may leave work for what comes later.
func Sweepable() []string {
	return []string{
		SweepSessions, SweepRefreshTokens, SweepIdempotencyKeys, SweepJobs, SweepFailedJobs, SweepTicks, SweepMails,
		SweepMailTokens, SweepArchived, SweepQuarantine, SweepDatasets, SweepUsageHistory, SweepOrphans,
	}
}

// SweepArgs says what to sweep.
type SweepArgs struct {
	DryRun bool     `json:"dry_run,omitempty"` // only count
	Only   []string `json:"only,omitempty"`    // of Sweepable; nothing is all
}

// Check refuses what there is not.
func (a SweepArgs) Check() error {
	for _, what := range a.Only {
		if !slices.Contains(Sweepable(), what) {
			return fault.New(fault.Invalid, "There is no %q to sweep, but %s.", what, strings.Join(Sweepable(), ", "))
		}
	}
	return nil
}

// Sweep deletes what is old enough to be of no use, and tells how much of what.
//
// scheduled: every night; by hand with a dry run.
var Sweep = queue.Kind[SweepArgs]{
	Name:  "cleanup:sweep",
	Queue: Maintenance,
	// What an attempt deleted stays deleted, so the next one has less to do.
	MaxAttempts: 5,
	// The first sweep of an old installation has much to delete.
	Timeout: 2 * time.Hour,
	// One at a time: two would only wait for each other's locks.
	PerKey: 1,
}
