package openai

import (
	"context"
	"fmt"
	"time"

	sdk "github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"
)

const (
	pageSize = 100
	maxPages = 100       // of what was made since; nobody has ten thousand jobs in a day
	skew     = time.Hour // by which the service's clock may differ from ours
)

// FindFiles looks for the files with one of the names that were uploaded since, and returns the ids of each name, the
// newest first.
func (c *Client) FindFiles(ctx context.Context, since time.Time, names ...string) (map[string][]File, error) {
	found := map[string][]File{}
	query := sdk.FileListParams{
		Limit: sdk.Int(pageSize), Purpose: sdk.String(purpose), Order: sdk.FileListParamsOrderDesc,
	}
	err := pages(since, func(after string) ([]sdk.FileObject, bool, error) {
		if after != "" {
			query.After = sdk.String(after)
		}
		var items []sdk.FileObject
		more := false
		err := c.exchange(ctx, c.cfg.Timeout, func(ctx context.Context, o option.RequestOption) error {
			page, err := c.files.List(ctx, query, o)
			if err == nil {
				items, more = page.Data, page.HasMore
			}
			return err
		})
		return items, more, err
	}, func(f sdk.FileObject) (string, int64) {
		for _, name := range names {
			if f.Filename == name {
				found[name] = append(found[name], File{ID: f.ID, Size: f.Bytes})
			}
		}
		return f.ID, f.CreatedAt
	})
	if err != nil {
		return nil, fmt.Errorf("look for files: %w", err)
	}
	return found, nil
}

// File is one that the service has.
type File struct {
	ID   string
	Size int64
}

// FindJob looks for the job that was created since with ref, or with a training file of this id. The job is nil if there
// is none.
func (c *Client) FindJob(ctx context.Context, since time.Time, ref, trainingFile string) (*Job, error) {
	var found *Job
	query := sdk.FineTuningJobListParams{Limit: sdk.Int(pageSize)}
	err := pages(since, func(after string) ([]sdk.FineTuningJob, bool, error) {
		if found != nil {
			return nil, false, nil
		}
		if after != "" {
			query.After = sdk.String(after)
		}
		var items []sdk.FineTuningJob
		more := false
		err := c.exchange(ctx, c.cfg.Timeout, func(ctx context.Context, o option.RequestOption) error {
			page, err := c.jobs.List(ctx, query, o)
			if err == nil {
				items, more = page.Data, page.HasMore
			}
			return err
		})
		return items, more, err
	}, func(j sdk.FineTuningJob) (string, int64) {
		if found == nil && (j.Metadata[refKey] == ref || trainingFile != "" && j.TrainingFile == trainingFile) {
			job := c.job(j)
			found = &job
		}
		return j.ID, j.CreatedAt
	})
	if err != nil {
		return nil, fmt.Errorf("look for the job: %w", err)
	}
	return found, nil
}

// pages goes through a list page by page, until it ends or, as most services have the newest first, what it holds was
// made before since.
func pages[T any](since time.Time, next func(after string) ([]T, bool, error), look func(T) (id string, at int64)) error {
	after := ""
	for range maxPages {
		items, more, err := next(after)
		if err != nil || len(items) == 0 {
			return err
		}
		var first, last int64
		for i, item := range items {
			after, last = look(item)
			if i == 0 {
				first = last
			}
		}
		if !more || after == "" || last <= first && last < since.Add(-skew).Unix() {
			return nil
		}
	}
	return nil
}
