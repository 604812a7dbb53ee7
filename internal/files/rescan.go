package files

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"
	"golang.org/x/time/rate"

	"rohrpost/db"
	"rohrpost/internal/audit"
	"rohrpost/internal/fault"
	"rohrpost/internal/queue"
	"rohrpost/tasks"
)

const (
	rescanPage = 100         // files read at once
	tellEvery  = time.Second // how often a rescan tells how far it is
	// inRow is how many files in a row can't be looked at before it is the scanner's or the storage's fault and not theirs.
	inRow = 5
)

// pace bounds what a rescan asks of the scanner and the storage, on which people wait.
type pace struct {
	parallel  int
	perSecond rate.Limit
}

func paceOf(cfg Config) pace {
	p := pace{parallel: 2, perSecond: 50}
	if cfg.RescanParallel > 0 {
		p.parallel = cfg.RescanParallel
	}
	if cfg.RescanPerSecond > 0 {
		p.perSecond = rate.Limit(cfg.RescanPerSecond)
	}
	return p
}

// RescanReport is what a rescan did, or with a dry run would look at. It is the job's progress and its result.
type RescanReport struct {
	DryRun  bool   `json:"dry_run"`
	Scanner string `json:"scanner"` // what it looks with
	Files   int64  `json:"files"`   // to look at in all
	Bytes   int64  `json:"bytes"`   // of these, without those that an attempt before this one looked at
	Checked int64  `json:"checked"` // looked at so far
	Found   int64  `json:"found"`   // something in a file that was not known for it
	Cleared int64  `json:"cleared"` // nothing in a file that was closed: it is open now
	Changed int64  `json:"changed"` // another verdict, and the file is as closed as before
	Failed  int64  `json:"failed"`  // could not be looked at, and will be the next time
}

// AskRescan enqueues, in tx, a rescan; by follows it. Errors: invalid for arguments that the kind does not take, and for
// one file not_found, and conflict where its first scan is not over.
func (s *Service) AskRescan(ctx context.Context, tx pgx.Tx, by audit.Actor, args tasks.RescanArgs) (queue.Record, error) {
	if err := args.Check(); err != nil {
		return queue.Record{}, err
	}
	opts, target := []queue.Option{queue.By(by.User)}, "all"
	if args.FileID != nil {
		row, err := s.queries.QuarantinedFile(ctx, tx, *args.FileID)
		if err != nil {
			return queue.Record{}, notInQuarantine(err, *args.FileID)
		}
		if row.File.Status == Processing {
			return queue.Record{}, fault.New(fault.Conflict, "The file is being scanned.")
		}
		target = args.FileID.String()
		opts = append(opts, queue.LimitKey(target), queue.Unique(target))
	}
	job, err := queue.Enqueue(ctx, tx, tasks.Rescan, args, opts...)
	if err != nil || job.Existing {
		return job, err
	}
	return job, audit.Record(ctx, tx, by, audit.Entry{Action: "quarantine.rescan", Target: target, Detail: args})
}

// Rescan runs a [tasks.Rescan]. What was looked at says so on its record, so an attempt that follows a crash goes on
// where the last one was.
func (s *Service) Rescan(ctx context.Context, job *queue.Job[tasks.RescanArgs]) (any, error) {
	if err := job.Args.Check(); err != nil {
		return nil, err
	}
	if job.Args.FileID != nil {
		return s.rescanOne(ctx, *job.Args.FileID)
	}
	version, err := s.scanner.Version(ctx)
	if err != nil {
		return nil, fmt.Errorf("rescan: %w", err)
	}
	r := &rescan{service: s, job: job, only: job.Args.Only}
	if job.Args.All {
		asked := job.Record().CreatedAt
		r.since = &asked
	}
	r.resume(version)
	if len(r.only) == 0 {
		r.only = tasks.Rescannable()
	}
	todo, err := s.queries.CountFilesToCheck(ctx, s.pool, db.CountFilesToCheckParams{
		Statuses: r.only, Since: r.since, Scanner: version,
	})
	if err != nil {
		return nil, fmt.Errorf("rescan: %w", err)
	}
	r.report.Files, r.report.Bytes = r.report.Checked+todo.Count, todo.Bytes
	if r.report.DryRun = job.Args.DryRun; r.report.DryRun {
		return r.report, nil
	}
	for _, status := range r.only {
		if err := r.walk(ctx, status); err != nil {
			return nil, err
		}
	}
	return r.report, nil
}

// rescanOne looks at one file again; that it can't is the job's failure.
func (s *Service) rescanOne(ctx context.Context, id uuid.UUID) (any, error) {
	file, err := s.byID(ctx, id)
	if err != nil {
		return nil, err
	}
	if file.Status == Processing {
		return nil, fault.New(fault.Conflict, "The file is being scanned.")
	}
	ruled, err := s.check(ctx, file)
	if errors.Is(err, errMoved) {
		return nil, queue.Snooze(0)
	}
	if err != nil {
		return nil, err
	}
	return ruled, nil
}

// rescan is one attempt at the files that are to be looked at again.
type rescan struct {
	service *Service
	job     *queue.Job[tasks.RescanArgs]
	only    []string
	since   *time.Time // what was looked at since then is done; nil: what was looked at with the present signatures

	mu     sync.Mutex // guards the rest
	report RescanReport
	row    int // failures since the last success
	told   time.Time
}

// resume goes on counting where the last attempt stopped, if it worked with the same signatures.
func (r *rescan) resume(version string) {
	var before RescanReport
	if json.Unmarshal(r.job.Record().Progress, &before) == nil && before.Scanner == version {
		r.report = before
		r.report.Failed = 0 // they are looked at again
	}
	r.report.Scanner = version
}

// walk looks at the files of one status, the oldest first.
func (r *rescan) walk(ctx context.Context, status string) error {
	limiter := rate.NewLimiter(r.service.pace.perSecond, 1)
	for after := uuid.Nil; ; {
		page, err := r.service.queries.FilesToCheckAfter(ctx, r.service.pool, db.FilesToCheckAfterParams{
			Status: status, After: after, Since: r.since, Scanner: r.report.Scanner, PageSize: rescanPage,
		})
		if err != nil {
			return fmt.Errorf("rescan: %w", err)
		}
		group, some := errgroup.WithContext(ctx)
		group.SetLimit(r.service.pace.parallel)
		var late error
		for _, file := range page {
			if late = limiter.Wait(some); late != nil {
				break // some has ended, or will before its turn comes
			}
			group.Go(func() error { return r.one(some, file) })
		}
		switch err := group.Wait(); {
		case err != nil:
			return err
		case ctx.Err() != nil:
			return fmt.Errorf("rescan: %w", context.Cause(ctx))
		case late != nil:
			return fault.Wrap(late, fault.Timeout, "The rescan took longer than a job may.")
		}
		if len(page) < rescanPage {
			return nil
		}
		after = page[len(page)-1].ID
	}
}

// one looks at a file and counts. Its error ends the rescan.
func (r *rescan) one(ctx context.Context, file db.File) error {
	ruled, err := r.service.check(ctx, file)
	switch {
	case ctx.Err() != nil:
		return fmt.Errorf("rescan: %w", context.Cause(ctx))
	case errors.Is(err, errMoved): // whoever moved it has just looked at it
		return r.count(ctx, file, standing(file))
	case errors.Is(err, errGone):
		r.mu.Lock()
		defer r.mu.Unlock()
		r.report.Files--
		return nil
	case err != nil:
		r.job.Log().Warn("file not scanned again", "file", file.ID, "err", err)
		return r.failed(ctx, err)
	}
	return r.count(ctx, file, ruled)
}

// failed counts a file that can't be looked at. After some in a row the scanner and the storage are asked: if one of them
// is down, the others have to wait for it, too.
func (r *rescan) failed(ctx context.Context, err error) error {
	r.mu.Lock()
	r.report.Failed++
	r.row++
	often := r.row >= inRow
	if often {
		r.row = 0
	}
	r.mu.Unlock()
	if !often {
		return nil
	}
	_, down := r.service.scanner.Version(ctx)
	if down == nil {
		down = r.service.Ready(ctx)
	}
	if down != nil {
		return fmt.Errorf("rescan: %w", err)
	}
	return nil
}

// count counts a file that was looked at, and tells how far the rescan is if it is time.
func (r *rescan) count(ctx context.Context, file db.File, ruled ScanResult) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.row = 0
	r.report.Checked++
	switch {
	case ruled.same(file):
	case ruled.Status == Quarantined && file.Status != Quarantined:
		r.report.Found++
	case ruled.Status == Clean:
		r.report.Cleared++
	default:
		r.report.Changed++
	}
	if time.Since(r.told) < tellEvery {
		return nil
	}
	r.told = time.Now()
	return r.job.Progress(ctx, r.report)
}
