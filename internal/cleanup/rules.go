package cleanup

import (
	"time"

	"rohrpost/internal/fault"
	"rohrpost/tasks"
)

// Config says how old things get. Zero values work. Each age has a floor that it can't be set under.
type Config struct {
	// Jobs is how long a job that succeeded or was cancelled stays on record. 0 takes 14 days.
	Jobs time.Duration `env:"CLEANUP_JOBS_AFTER"`
	// FailedJobs is how long a job that failed does, to be looked at and run again. 0 takes 90 days.
	FailedJobs time.Duration `env:"CLEANUP_FAILED_JOBS_AFTER"`
	// Ticks is how long it is known when schedules started what. 0 takes 90 days.
	Ticks time.Duration `env:"CLEANUP_TICKS_AFTER"`
	// Mails is how long it is known which mail went where and what became of it. 0 takes 90 days.
	Mails time.Duration `env:"CLEANUP_MAILS_AFTER"`
	// Quarantine is how long an infected file is kept. 0 keeps it until somebody deletes it.
	Quarantine time.Duration `env:"CLEANUP_QUARANTINE_AFTER"`
	// Datasets is how long an exported dataset is kept. 0 takes 90 days.
	Datasets time.Duration `env:"CLEANUP_DATASETS_AFTER"`
	// Orphans is how long a blob has to have been without a record. 0 takes 7 days.
	Orphans time.Duration `env:"CLEANUP_ORPHANS_AFTER"`
	// UsageHistory is how long the numbers of deleted jobs and files are kept for reports. 0 takes 400 days, so that a
	// report may reach back a year.
	UsageHistory time.Duration `env:"CLEANUP_USAGE_HISTORY_AFTER"`
}

const day = 24 * time.Hour

// Rule is a line of the table of what is swept.
type Rule struct {
	What    string
	After   time.Duration // how old it gets; 0 is not swept
	Floor   time.Duration // the least that After can be set to
	Setting string        // the variable that sets it, if there is one

	sweep func(s *Service, w *work) error
}

// ofItsOwn is the age of what says itself until when it is good.
const ofItsOwn = time.Nanosecond

// rules is the table. The floors are what a mistake must not cost: a job or a mail that somebody is still looking at, what
// keeps mails of a kind a day apart, the only copy of an infected file that was none, a dataset that somebody is still
// fetching, the content of an upload that is not on record yet, or that a restored backup does not know.
func (c Config) rules() ([]Rule, error) {
	rules := []Rule{
		{What: tasks.SweepSessions, After: ofItsOwn, sweep: (*Service).sessions},
		{What: tasks.SweepRefreshTokens, After: ofItsOwn, sweep: (*Service).refreshTokens},
		{What: tasks.SweepIdempotencyKeys, After: day, Floor: day, sweep: (*Service).idempotencyKeys},
		{What: tasks.SweepJobs, After: or(c.Jobs, 14*day), Floor: day, Setting: "CLEANUP_JOBS_AFTER",
			sweep: (*Service).jobs},
		{What: tasks.SweepFailedJobs, After: or(c.FailedJobs, 90*day), Floor: 7 * day, Setting: "CLEANUP_FAILED_JOBS_AFTER",
			sweep: (*Service).failedJobs},
		{What: tasks.SweepTicks, After: or(c.Ticks, 90*day), Floor: 7 * day, Setting: "CLEANUP_TICKS_AFTER",
			sweep: (*Service).ticks},
		{What: tasks.SweepMails, After: or(c.Mails, 90*day), Floor: 7 * day, Setting: "CLEANUP_MAILS_AFTER",
			sweep: (*Service).mails},
		{What: tasks.SweepMailTokens, After: ofItsOwn, sweep: (*Service).mailTokens},
		{What: tasks.SweepArchived, After: 7 * day, Floor: 7 * day, sweep: (*Service).archived},
		{What: tasks.SweepQuarantine, After: c.Quarantine, Floor: 30 * day, Setting: "CLEANUP_QUARANTINE_AFTER",
			sweep: (*Service).quarantine},
		{What: tasks.SweepDatasets, After: or(c.Datasets, 90*day), Floor: day, Setting: "CLEANUP_DATASETS_AFTER",
			sweep: (*Service).datasets},
		{What: tasks.SweepUsageHistory, After: or(c.UsageHistory, 400*day), Floor: 31 * day,
			Setting: "CLEANUP_USAGE_HISTORY_AFTER", sweep: (*Service).usageHistory},
		{What: tasks.SweepOrphans, After: or(c.Orphans, 7*day), Floor: day, Setting: "CLEANUP_ORPHANS_AFTER",
			sweep: (*Service).orphans},
	}
	for _, r := range rules {
		if r.After != 0 && r.After < r.Floor {
			return nil, fault.New(fault.Invalid, "%s is %s, under its floor of %s", r.Setting, r.After, r.Floor)
		}
	}
	return rules, nil
}

func or(age, usual time.Duration) time.Duration {
	if age == 0 {
		return usual
	}
	return age
}
