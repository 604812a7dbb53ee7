// Package cleanup deletes what is of no use any more: records that are older than the table in rules.go says, and blobs
// that no record names. It does so in batches, tells how much of what, and can be asked what it would do.
package cleanup

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"rohrpost/db"
	"rohrpost/internal/accounts"
	"rohrpost/internal/blob"
	"rohrpost/internal/datasets"
	"rohrpost/internal/fault"
	"rohrpost/internal/files"
	"rohrpost/internal/queue"
	"rohrpost/tasks"
)

const (
	batch        = 1000             // rows a statement deletes: some milliseconds of locks
	batchTimeout = 30 * time.Second // of one such statement on a busy database
	tellEvery    = time.Second      // how often a long sweep tells how far it is
)

// Deps is what the service works on. They stay the caller's to close.
type Deps struct {
	Pool     *db.Pool
	Bucket   *blob.Bucket
	Files    *files.Service
	Accounts *accounts.Sweeper
	Datasets *datasets.Service
	Archive  Archive
	Log      *slog.Logger
}

// Archive is what Redis keeps of failed jobs, as a [queue.Engine] knows it.
type Archive interface {
	SweepArchive(ctx context.Context, age time.Duration, dry bool) (int64, error)
}

// Service is the capability. It is safe for concurrent use.
type Service struct {
	Deps
	queries *db.Queries
	rules   []Rule
}

// New makes the service. An age in cfg that is under its floor is an error with code invalid that names the variable.
func New(deps Deps, cfg Config) (*Service, error) {
	rules, err := cfg.rules()
	if err != nil {
		return nil, err
	}
	return &Service{Deps: deps, queries: db.New(), rules: rules}, nil
}

// Rules are what is swept, in order.
func (s *Service) Rules() []Rule { return slices.Clone(s.rules) }

// Report is what a sweep did, or with a dry run would do. It is a job's progress and its result.
type Report struct {
	DryRun bool   `json:"dry_run"`
	Lines  []Line `json:"swept"`
}

// Line is what became of one thing.
type Line struct {
	What    string `json:"what"`
	Count   int64  `json:"count"`
	Bytes   int64  `json:"bytes,omitempty"`   // of storage
	Waiting int64  `json:"waiting,omitempty"` // found, and to be deleted when it has been so for long enough
	Error   string `json:"error,omitempty"`   // why it was not all
	Off     bool   `json:"off,omitempty"`     // nobody wants it swept
}

// Sweep runs a [tasks.Sweep].
func (s *Service) Sweep(ctx context.Context, job *queue.Job[tasks.SweepArgs]) (any, error) {
	return s.Run(ctx, job.Args, func(r Report) error { return job.Progress(ctx, r) })
}

// Run sweeps and returns what it did, also beside an error. What can't be swept doesn't keep the rest from it. tell, which
// may be nil, is told now and then how far it is, and ends the sweep with an error; so does the end of ctx. The code of
// an error is that of the first one.
func (s *Service) Run(ctx context.Context, args tasks.SweepArgs, tell func(Report) error) (Report, error) {
	report := Report{DryRun: args.DryRun, Lines: []Line{}}
	if err := args.Check(); err != nil {
		return report, err
	}
	var errs []error
	for _, rule := range s.rules {
		if len(args.Only) > 0 && !slices.Contains(args.Only, rule.What) {
			continue
		}
		report.Lines = append(report.Lines, Line{What: rule.What, Off: rule.After == 0})
		if rule.After == 0 {
			continue
		}
		w := work{ctx: ctx, age: rule.After, dry: args.DryRun, line: &report.Lines[len(report.Lines)-1]}
		w.told = time.Now()
		w.tell = func() error {
			if tell == nil {
				return nil
			}
			return tell(Report{report.DryRun, slices.Clone(report.Lines)})
		}
		err := rule.sweep(s, &w)
		if ctx.Err() != nil {
			return report, fmt.Errorf("sweep %s: %w", rule.What, context.Cause(ctx))
		}
		if err != nil {
			w.line.Error = fault.Message(err)
			s.Log.Error("sweep", "what", rule.What, "err", err)
			errs = append(errs, fmt.Errorf("sweep %s: %w", rule.What, err))
		}
		if err := w.tell(); err != nil {
			return report, errors.Join(append(errs, err)...)
		}
	}
	return report, errors.Join(errs...)
}

// work is the sweep of one thing.
type work struct {
	ctx  context.Context
	age  time.Duration
	dry  bool
	line *Line
	told time.Time
	tell func() error
}

// count adds to what was deleted, and tells about it if it is time.
func (w *work) count(n, bytes int64) error {
	w.line.Count += n
	w.line.Bytes += bytes
	if time.Since(w.told) < tellEvery {
		return nil
	}
	w.told = time.Now()
	return w.tell()
}

// rows deletes batches until one is not full, or counts what it would delete.
func (w *work) rows(count func(ctx context.Context, age float64) (int64, error),
	remove func(ctx context.Context, age float64, most int32) (int64, error)) error {
	for {
		ctx, cancel := context.WithTimeout(w.ctx, batchTimeout)
		var n int64
		var err error
		if w.dry {
			n, err = count(ctx, w.age.Seconds())
		} else {
			n, err = remove(ctx, w.age.Seconds(), batch)
		}
		cancel()
		if err != nil {
			return err
		}
		if err := w.count(n, 0); err != nil {
			return err
		}
		if w.dry || n < batch {
			return nil
		}
	}
}
