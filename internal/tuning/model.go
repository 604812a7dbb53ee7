package tuning

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"rohrpost/db"
	"rohrpost/internal/ai"
	"rohrpost/internal/audit"
	"rohrpost/internal/fault"
	"rohrpost/internal/queue"
	"rohrpost/tasks"
)

// The states of a model that was made here.
const (
	modelCreating = "creating"
	modelReady    = "ready"
	modelFailed   = "failed"
	modelDeleting = "deleting"
)

const (
	maxSystem   = 32 << 10 // bytes of a system text, as many as a question's
	maxTemplate = 64 << 10 // bytes of a template
)

// modelName is a name without host and namespace, so that nothing is made that looks like somebody else's.
var modelName = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{0,62}(:[a-z0-9_][a-z0-9._-]{0,62})?$`)

// spec is what a model's row keeps of its recipe.
type spec struct {
	System     string         `json:"system,omitempty"`
	Template   string         `json:"template,omitempty"`
	Parameters map[string]any `json:"parameters,omitempty"`
}

func checkRecipe(r ai.Recipe) error {
	switch {
	case !modelName.MatchString(r.Name):
		return fault.New(fault.Invalid,
			"The name has up to 63 small letters, digits, dots, - and _, and may be followed by a tag, as in helper:v2.")
	case !baseName.MatchString(r.Base):
		return fault.New(fault.Invalid, "The base is not the name of a model.")
	case strings.EqualFold(ai.FullName(r.Base), ai.FullName(r.Name)):
		return fault.New(fault.Invalid, "A model can't be made of itself.")
	}
	for what, text := range map[string]string{"system": r.System, "template": r.Template} {
		most := maxSystem
		if what == "template" {
			most = maxTemplate
		}
		if len(text) > most || !utf8.ValidString(text) || strings.ContainsRune(text, 0) {
			return fault.New(fault.Invalid, "The %s has at most %d bytes of UTF-8 and no NUL.", what, most)
		}
	}
	return checkParameters(r.Parameters)
}

// CheckModel looks whether a model can be made, before the transaction that records it: a model that somebody else put
// on the server under that name is not overwritten. Errors: invalid, [Exists], model_not_found, ai_not_configured,
// unavailable.
func (s *Service) CheckModel(ctx context.Context, r ai.Recipe) error {
	if err := checkRecipe(r); err != nil {
		return err
	}
	if err := s.AI.HasBase(ctx, r.Base); err != nil {
		return err
	}
	if there, err := s.AI.Has(ctx, r.Name); err != nil || !there {
		return err
	}
	known, err := s.queries.ModelByName(ctx, s.Pool, ai.FullName(r.Name))
	if errors.Is(err, pgx.ErrNoRows) || err == nil && known.State != modelFailed {
		return exists(r.Name)
	}
	if err != nil {
		return fmt.Errorf("model %s: %w", r.Name, err)
	}
	return nil
}

func exists(name string) error {
	return fault.New(Exists, "There is a model %s already.", name)
}

// StartModel records a model and enqueues its making, in tx. Call CheckModel before.
func (s *Service) StartModel(ctx context.Context, tx pgx.Tx, by audit.Actor, r ai.Recipe) (db.Model, queue.Record, error) {
	none := func(err error) (db.Model, queue.Record, error) { return db.Model{}, queue.Record{}, err }
	if err := checkRecipe(r); err != nil {
		return none(err)
	}
	name := ai.FullName(r.Name)
	raw, err := json.Marshal(spec{r.System, r.Template, r.Parameters})
	if err != nil {
		return none(fmt.Errorf("recipe of %s: %w", name, err))
	}
	job, err := queue.Enqueue(ctx, tx, tasks.MakeModel, tasks.MakeModelArgs{Name: name},
		queue.By(by.User), queue.LimitKey(name))
	if err != nil {
		return none(err)
	}
	row, err := s.queries.InsertModel(ctx, tx, db.InsertModelParams{
		Name: name, Base: r.Base, Creator: by.User, Spec: raw, JobID: job.ID,
	})
	if errors.Is(err, pgx.ErrNoRows) {
		return none(exists(name))
	}
	if err != nil {
		return none(fmt.Errorf("record model %s: %w", name, err))
	}
	err = audit.Record(ctx, tx, by, audit.Entry{Action: "model.create", Target: name, Detail: map[string]any{
		"base": r.Base, "job_id": job.ID,
	}})
	return row, job, err
}

// Made is the outcome of an ai:create-model job.
type Made struct {
	Name string `json:"name"`
	Base string `json:"base"`
}

// making is the progress of such a job, in the words of the model server.
type making struct {
	Phase string `json:"phase"`
}

// MakeModel makes a recorded model. It may be called again at any point: making one twice leaves one.
func (s *Service) MakeModel(ctx context.Context, job *queue.Job[tasks.MakeModelArgs]) (any, error) {
	row, err := s.queries.ModelByName(ctx, s.Pool, job.Args.Name)
	if errors.Is(err, pgx.ErrNoRows) || err == nil && row.JobID != job.ID() {
		return nil, fault.New(fault.NotFound, "The model is not to be made any more.")
	}
	if err != nil {
		return nil, fmt.Errorf("model %s: %w", job.Args.Name, err)
	}
	if tidied, err := s.tidied(ctx, row.Name); err != nil || !tidied {
		return nil, cmp.Or(err, queue.Snooze(tidyPoll))
	}
	var how spec
	if err := json.Unmarshal(row.Spec, &how); err != nil {
		return nil, fmt.Errorf("recipe of %s: %w", row.Name, err)
	}
	err = s.AI.Make(ctx, ai.Recipe{
		Name: row.Name, Base: row.Base, System: how.System, Template: how.Template, Parameters: how.Parameters,
	}, func(phase string) {
		if err := job.Progress(ctx, making{phase}); err != nil {
			job.Log().Debug("progress not told", "err", err)
		}
	})
	if cause := context.Cause(ctx); errors.Is(cause, queue.ErrCancelled) {
		return nil, errors.Join(cause, s.unmakeNow(ctx, row.Name))
	}
	if err != nil {
		return nil, fmt.Errorf("make model %s: %w", row.Name, err)
	}
	return nil, db.InTx(ctx, s.Pool, func(tx pgx.Tx) error {
		if err := queue.Complete(ctx, tx, job.Run, Made{Name: row.Name, Base: row.Base}); err != nil {
			return err
		}
		n, err := s.queries.SetModelState(ctx, tx, db.SetModelStateParams{Name: row.Name, JobID: job.ID(), State: modelReady})
		if err := ours(n, err); err != nil {
			return fmt.Errorf("record model %s: %w", row.Name, err)
		}
		return nil
	})
}

// unmakeNow deletes what a cancelled job may have made, at once; the job that does it for certain comes later.
func (s *Service) unmakeNow(ctx context.Context, name string) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), unmakeWithin)
	defer cancel()
	return s.AI.Unmake(ctx, name)
}

// followModel keeps a model in step with the job that makes it.
func (s *Service) followModel(ctx context.Context, tx pgx.Tx, job db.Job) error {
	var args tasks.MakeModelArgs
	if err := json.Unmarshal(job.Args, &args); err != nil {
		return fmt.Errorf("model of job %s: %w", job.ID, err)
	}
	state := modelFailed
	if job.State == queue.Queued {
		state = modelCreating
	}
	n, err := s.queries.SetModelState(ctx, tx, db.SetModelStateParams{Name: args.Name, JobID: job.ID, State: state})
	switch {
	case err != nil:
		return fmt.Errorf("model of job %s: %w", job.ID, err)
	case n == 0 && state == modelCreating:
		return fault.New(fault.Conflict, "The model %s was deleted, or is made by another job.", args.Name)
	case n == 0 || state == modelCreating:
		return nil
	}
	_, err = s.enqueueDelete(ctx, tx, job.Owner, args.Name, queue.At(s.now().Add(tidyAfter)))
	return err
}

// Making is the job that makes a model. Errors: not_found for a model that was not made here, conflict for one that is
// not being made.
func (s *Service) Making(ctx context.Context, name string) (uuid.UUID, error) {
	row, err := s.queries.ModelByName(ctx, s.Pool, ai.FullName(name))
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return uuid.Nil, notMadeHere()
	case err != nil:
		return uuid.Nil, fmt.Errorf("model %s: %w", name, err)
	case row.State != modelCreating:
		return uuid.Nil, fault.New(fault.Conflict, "The model is not being made; it is %s.", row.State)
	}
	return row.JobID, nil
}

func (s *Service) enqueueDelete(ctx context.Context, tx pgx.Tx, owner uuid.UUID, name string,
	opts ...queue.Option) (queue.Record, error) {
	opts = append(opts, queue.By(owner), queue.Unique(name))
	job, err := queue.Enqueue(ctx, tx, tasks.DeleteModel, tasks.DeleteModelArgs{Name: name}, opts...)
	if err != nil {
		return job, fmt.Errorf("delete model %s: %w", name, err)
	}
	return job, nil
}
