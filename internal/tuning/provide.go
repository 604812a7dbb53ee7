package tuning

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/google/uuid"

	"rohrpost/db"
	"rohrpost/internal/datasets"
	"rohrpost/internal/fault"
	"rohrpost/internal/openai"
)

// tellEvery is how often an upload tells how far it is.
const tellEvery = time.Second

// fileName is the name of a round's file at the service, by which it is found again.
func fileName(id uuid.UUID, round int32, name string) string {
	return "rohrpost-" + ref(id, round) + "-" + name
}

// Progress is how far a tuning is.
type Progress struct {
	Phase string `json:"phase"` // checking, uploading or tuning
	// Of checking and uploading.
	File  string `json:"file,omitempty"`
	Bytes int64  `json:"bytes,omitempty"`
	Total int64  `json:"total,omitempty"`
	// Of tuning, in the words of the service.
	Status          string     `json:"status,omitempty"`
	RemoteJob       string     `json:"service_job,omitempty"`
	TrainedTokens   int64      `json:"trained_tokens,omitempty"`
	EstimatedFinish *time.Time `json:"estimated_finish,omitempty"`
	Trouble         string     `json:"trouble,omitempty"` // why the service could not be asked
}

// provide sees to it that the service has the files.
func (w *work) provide(ctx context.Context) error {
	found := map[string][]openai.File{}
	if w.t.State == stateQueued {
		if err := w.check(ctx); err != nil {
			return err
		}
	} else {
		// An earlier run may have uploaded what it did not come to put on record.
		var err error
		found, err = w.Remote.FindFiles(ctx, w.t.BegunAt, w.fileName(datasets.Train), w.fileName(datasets.Validation))
		if err != nil && fault.CodeOf(err) != fault.NotFound { // one that lists no files gets some twice
			return err
		}
	}
	if w.t.TrainingFile == nil {
		id, err := w.upload(ctx, datasets.Train, found)
		if err != nil {
			return err
		}
		n, err := w.queries.RecordTrainingFile(ctx, w.Pool, db.RecordTrainingFileParams{ID: w.t.ID, Round: w.t.Round, File: id})
		if err := ours(n, err); err != nil {
			return fmt.Errorf("record file %s of the service: %w", id, err)
		}
		w.t.TrainingFile = &id
	}
	if w.t.Validation && w.t.ValidationFile == nil {
		id, err := w.upload(ctx, datasets.Validation, found)
		if err != nil {
			return err
		}
		n, err := w.queries.RecordValidationFile(ctx, w.Pool, db.RecordValidationFileParams{ID: w.t.ID, Round: w.t.Round, File: id})
		if err := ours(n, err); err != nil {
			return fmt.Errorf("record file %s of the service: %w", id, err)
		}
		w.t.ValidationFile = &id
	}
	return nil
}

func (w *work) fileName(name string) string { return fileName(w.t.ID, w.t.Round, name) }

// check reads the files before anything of them leaves the house.
func (w *work) check(ctx context.Context) error {
	n, err := w.checkFile(ctx, datasets.Train)
	if err != nil {
		return err
	}
	if n < minExamples {
		return fault.New(NotFit, "The dataset has %d examples to train with; %d are the least.", n, minExamples)
	}
	validation := w.t.Validation
	if validation {
		if n, err = w.checkFile(ctx, datasets.Validation); err != nil {
			return err
		}
		validation = n > 0 // a dataset may have nothing to validate by
	}
	rows, err := w.queries.MarkTuningUploading(ctx, w.Pool, db.MarkTuningUploadingParams{
		ID: w.t.ID, Round: w.t.Round, Validation: validation,
	})
	if err := ours(rows, err); err != nil {
		return fmt.Errorf("record the upload: %w", err)
	}
	w.t.State, w.t.Validation = stateUploading, validation
	return nil
}

func (w *work) checkFile(ctx context.Context, name string) (int, error) {
	file, err := w.open(ctx, w.t.Owner, w.t.DatasetID, name)
	if err != nil {
		return 0, err
	}
	if file.Size > w.cfg.MaxBytes {
		return 0, fault.New(fault.TooLarge, "%s has %d bytes; %d can be uploaded (TUNING_MAX_BYTES).", name, file.Size, w.cfg.MaxBytes)
	}
	if err := w.run.Progress(ctx, Progress{Phase: "checking", File: name, Total: file.Size}); err != nil {
		return 0, err
	}
	r, err := file.NewReader(ctx)
	if err != nil {
		return 0, err
	}
	defer r.Close() //nolint:errcheck // nothing was written
	return checkExamples(name, &untilDone{ctx, r})
}

func (s *Service) open(ctx context.Context, owner, dataset uuid.UUID, name string) (*datasets.File, error) {
	file, err := s.Datasets.OpenFile(ctx, owner, true, dataset, name)
	if err != nil {
		return nil, fmt.Errorf("dataset %s: %w", dataset, err)
	}
	return file, nil
}

// upload sends a file, unless the service has it already, and returns the service's id of it.
func (w *work) upload(ctx context.Context, name string, found map[string][]openai.File) (string, error) {
	file, err := w.open(ctx, w.t.Owner, w.t.DatasetID, name)
	if err != nil {
		return "", err
	}
	remoteName := w.fileName(name)
	for _, there := range found[remoteName] {
		if there.Size == file.Size {
			w.run.Log().Info("uploaded file found again", "remote", there.ID, "name", remoteName)
			return there.ID, nil
		}
	}
	r, err := file.NewReader(ctx)
	if err != nil {
		return "", err
	}
	defer r.Close() //nolint:errcheck // nothing was written
	told := &teller{w: w, ctx: ctx, from: r, progress: Progress{Phase: "uploading", File: name, Total: file.Size}}
	return w.Remote.Upload(ctx, openai.Content{Name: remoteName, Size: file.Size, SHA256: file.SHA256, Reader: told})
}

// teller tells how far an upload is, as it is read.
type teller struct {
	w    *work
	ctx  context.Context
	from io.Reader

	progress Progress
	told     time.Time
}

func (t *teller) Read(p []byte) (int, error) {
	n, err := t.from.Read(p)
	t.progress.Bytes += int64(n)
	if time.Since(t.told) < tellEvery && !errors.Is(err, io.EOF) {
		return n, err
	}
	t.told = time.Now()
	if lost := t.w.run.Progress(t.ctx, t.progress); lost != nil {
		return n, lost
	}
	return n, err
}

// untilDone reads until ctx ends.
type untilDone struct {
	ctx  context.Context
	from io.Reader
}

func (r *untilDone) Read(p []byte) (int, error) {
	if r.ctx.Err() != nil {
		return 0, context.Cause(r.ctx)
	}
	return r.from.Read(p)
}

func hyperparameters(t db.Tuning) (h Hyperparameters, err error) {
	if err := json.Unmarshal(t.Hyperparameters, &h); err != nil {
		return h, fmt.Errorf("hyperparameters of tuning %s: %w", t.ID, err)
	}
	return h, nil
}
