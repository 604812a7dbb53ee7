package datasets

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"rohrpost/db"
	"rohrpost/internal/fault"
	"rohrpost/internal/queue"
	"rohrpost/tasks"
)

const (
	fetchRows = 500
	// countTimeout is for one look at every conversation there is, fetchTimeout for a batch of them: reading it, and
	// writing it to a storage that may be slow for a while. The whole is bounded by the timeout of the job.
	countTimeout = 10 * time.Minute
	fetchTimeout = 5 * time.Minute
	tellEvery    = time.Second
)

// Progress is what the job tells of itself.
type Progress struct {
	Phase string `json:"phase"` // counting, reading, finishing
	Total int64  `json:"total"` // conversations to read
	Counts
}

// Counts are what became of the conversations.
type Counts struct {
	Read       int64            `json:"read"`
	Train      int64            `json:"train"`
	Validation int64            `json:"validation"`
	Duplicates int64            `json:"duplicates"` // left out: the same was there before
	Empty      int64            `json:"empty"`      // left out: nothing was asked, or answered
	Redacted   map[string]int64 `json:"redacted"`   // how much of what was taken out, by kind
}

// Result is the outcome of an ai:export job.
type Result struct {
	DatasetID string `json:"dataset_id"`
	Counts
}

// Export runs a [tasks.Export].
func (s *Service) Export(ctx context.Context, job *queue.Job[tasks.ExportArgs]) (any, error) {
	id := job.Args.DatasetID
	dataset, err := s.queries.DatasetByID(ctx, s.pool, id)
	if errors.Is(err, pgx.ErrNoRows) {
		s.purgeNow(ctx, id)
		return nil, deleted()
	}
	if err != nil {
		return nil, fmt.Errorf("dataset %s: %w", id, err)
	}
	if dataset.Scope == Everyone {
		admin, err := s.isAdmin(ctx, dataset.Owner)
		if err != nil {
			return nil, err
		}
		if !admin { // any more
			return nil, onlyAdmins()
		}
	}
	if err := s.purge(ctx, id); err != nil { // what earlier runs left
		return nil, err
	}
	e := &export{Service: s, run: job.Run, dataset: dataset}
	e.progress.Redacted = map[string]int64{}
	if err := json.Unmarshal(dataset.Spec, &e.spec); err != nil {
		return nil, fault.Wrap(err, fault.Invalid, "What to export can't be read.")
	}
	if err := e.build(ctx); err != nil {
		e.discard(ctx)
		return nil, err
	}
	return nil, nil
}

func deleted() error { return fault.New(fault.NotFound, "The dataset was deleted.") }

// export is one run.
type export struct {
	*Service
	run      *queue.Run
	dataset  db.Dataset
	spec     Spec
	progress Progress
	told     time.Time
	files    []db.InsertDatasetFileParams // written
}

// build writes the files and puts them on record.
func (e *export) build(ctx context.Context) error {
	train, validation := e.sink(ctx, Train, jsonLines), e.sink(ctx, Validation, jsonLines)
	defer train.abort()
	defer validation.abort()
	taken, err := e.read(ctx, train, validation)
	if err != nil {
		return err
	}
	if err := e.tell(ctx, "finishing"); err != nil {
		return err
	}
	for _, s := range []*sink{train, validation} {
		file, err := s.finish()
		if err != nil {
			return err
		}
		e.files = append(e.files, file)
	}
	if err := e.writeManifest(ctx, taken); err != nil {
		return err
	}
	return e.record(ctx)
}

// read writes each conversation to one of the sinks, and returns of which moment they are. All is read in one transaction
// that sees the database as it is at its beginning, consents as well, and through a cursor: PostgreSQL plans once, with
// the values of the filters, and keeps the place; here there is one conversation in memory. A page by page read would
// look for the consents again for each page, and its plan would be a guess.
func (e *export) read(ctx context.Context, train, validation *sink) (taken time.Time, err error) {
	tx, err := e.pool.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly})
	if err != nil {
		return taken, fmt.Errorf("read conversations: %w", err)
	}
	defer tx.Rollback(context.WithoutCancel(ctx)) //nolint:errcheck // nothing was written
	if err := e.tell(ctx, "counting"); err != nil {
		return taken, err
	}
	filter := e.filter()
	if err := within(ctx, countTimeout, func(ctx context.Context) (err error) {
		if err = tx.QueryRow(ctx, `SELECT now()`).Scan(&taken); err != nil {
			return err
		}
		e.progress.Total, err = e.queries.CountDatasetConversations(ctx, tx, db.CountDatasetConversationsParams(filter))
		return err
	}); err != nil {
		return taken, fmt.Errorf("count conversations: %w", err)
	}
	cursor, err := e.queries.OpenDatasetConversations(ctx, tx, filter)
	if err != nil {
		return taken, fmt.Errorf("read conversations: %w", err)
	}
	w := newWriter(e.spec, e.redact, &e.progress.Counts, train, validation)
	for {
		n := 0
		err := within(ctx, fetchTimeout, func(ctx context.Context) (err error) {
			n, err = cursor.Fetch(ctx, fetchRows, w.write)
			return err
		})
		if err != nil {
			return taken, fmt.Errorf("read conversations: %w", err)
		}
		if n < fetchRows {
			return taken, nil
		}
		if time.Since(e.told) > tellEvery {
			if err := e.tell(ctx, "reading"); err != nil {
				return taken, err
			}
		}
	}
}

func (e *export) filter() db.DatasetConversationsParams {
	return db.DatasetConversationsParams{
		Everyone: e.spec.Scope == Everyone, Owner: e.dataset.Owner, Since: e.spec.From, Until: e.spec.To,
		Models: e.spec.Models, MinRating: int32(e.spec.MinRating),
	}
}

func (e *export) tell(ctx context.Context, phase string) error {
	e.progress.Phase, e.told = phase, time.Now()
	return e.run.Progress(ctx, e.progress)
}

// record makes the files those of the dataset, and ends the job.
func (e *export) record(ctx context.Context) error {
	counts, err := json.Marshal(e.progress.Counts)
	if err != nil {
		return fmt.Errorf("counts: %w", err)
	}
	return db.InTx(ctx, e.pool, func(tx pgx.Tx) error {
		result := Result{DatasetID: e.dataset.ID.String(), Counts: e.progress.Counts}
		if err := queue.Complete(ctx, tx, e.run, result); err != nil {
			return err
		}
		n, err := e.queries.FinishDataset(ctx, tx, db.FinishDatasetParams{ID: e.dataset.ID, Counts: counts})
		if err != nil {
			return fmt.Errorf("record dataset: %w", err)
		}
		if n == 0 {
			return deleted()
		}
		for _, file := range e.files {
			if err := e.queries.InsertDatasetFile(ctx, tx, file); err != nil {
				return fmt.Errorf("record dataset: %w", err)
			}
		}
		return nil
	})
}

// discard removes what the run has written, unless the record names it: a commit may have come through though we did not
// hear of it. In doubt all stays, and is removed later.
func (e *export) discard(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanupTimeout)
	defer cancel()
	current, err := e.queries.FilesOfDatasets(ctx, e.pool, []uuid.UUID{e.dataset.ID})
	if err == nil {
		var keys []string
		for _, name := range names {
			key := keyOf(e.dataset.ID, e.run.Epoch(), name)
			if !slices.ContainsFunc(current, func(f db.DatasetFile) bool { return f.BlobKey == key }) {
				keys = append(keys, key)
			}
		}
		err = e.bucket.Delete(ctx, keys...)
	}
	if err != nil {
		e.run.Log().Warn("files not removed yet, their purge job will", "dataset", e.dataset.ID, "err", err)
	}
}

// within bounds a step.
func within(ctx context.Context, limit time.Duration, step func(ctx context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	return step(ctx)
}
