package cleanup

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"rohrpost/db"
	"rohrpost/internal/blob"
	"rohrpost/internal/datasets"
	"rohrpost/internal/files"
)

// removeTimeout is for a page of blobs, one after the other, in a storage that is far away.
const removeTimeout = 5 * time.Minute

// young is what a blob is for a day: its upload may be on its way to the record, or its job at work.
const young = day

// orphans deletes blobs that no record names, in two steps. A sweep that finds one only notices it; a later one deletes
// it if it has been noticed for long enough and still has no record. The wait is for the day on which the database was
// restored from a backup and knows nothing of what came after: whoever sees the counts can stop it in time.
func (s *Service) orphans(w *work) error {
	for _, part := range s.parts() {
		for _, folder := range part.folders {
			err := s.Bucket.List(w.ctx, folder, func(page []blob.Item) error { return s.orphansOf(w, part, page) })
			if err != nil {
				return err
			}
		}
	}
	if w.dry {
		return nil
	}
	ctx, cancel := context.WithTimeout(w.ctx, batchTimeout)
	defer cancel()
	return s.queries.ForgetVanishedOrphans(ctx, s.Pool, w.age.Seconds())
}

// part is a part of the storage, and who knows which of its keys no record names.
type part struct {
	folders []string
	unnamed func(ctx context.Context, keys []string) ([]string, error)
}

func (s *Service) parts() []part {
	return []part{{files.Folders(), s.Files.Unnamed}, {datasets.Folders(), s.Datasets.Unnamed}}
}

// orphansOf looks at one page of what is in the storage.
func (s *Service) orphansOf(w *work, of part, page []blob.Item) error {
	ctx, cancel := context.WithTimeout(w.ctx, batchTimeout)
	defer cancel()
	sizes := make(map[string]int64, len(page))
	var keys []string
	for _, item := range page {
		if time.Since(item.ModTime) > young {
			keys = append(keys, item.Key)
			sizes[item.Key] = item.Size
		}
	}
	if len(keys) == 0 {
		return nil
	}
	unnamed, err := of.unnamed(ctx, keys)
	if err != nil {
		return err
	}
	if !w.dry { // what this makes an orphan is found by the next sweep
		if err := s.Files.GiveUp(ctx, keys); err != nil {
			return err
		}
	}
	due, err := s.queries.OrphansNoticedBefore(ctx, s.Pool, db.OrphansNoticedBeforeParams{
		Keys: unnamed, AgeSeconds: w.age.Seconds(),
	})
	if err != nil {
		return fmt.Errorf("orphans noticed before: %w", err)
	}
	waiting := set(unnamed)
	var bytes int64
	for _, key := range due {
		bytes += sizes[key]
		delete(waiting, key)
	}
	w.line.Waiting += int64(len(waiting))
	if !w.dry {
		if err := s.remove(w.ctx, due); err != nil {
			return err
		}
		ctx, cancel := context.WithTimeout(w.ctx, batchTimeout) // removing may have taken longer than that
		defer cancel()
		// Whatever has a record begins from the start should it ever lose it.
		keys = slices.DeleteFunc(keys, func(key string) bool { return waiting[key] })
		if err := s.queries.ForgetOrphans(ctx, s.Pool, keys); err != nil {
			return fmt.Errorf("forget orphans: %w", err)
		}
		if err := s.queries.NoticeOrphans(ctx, s.Pool, slices.Collect(maps.Keys(waiting))); err != nil {
			return fmt.Errorf("notice orphans: %w", err)
		}
	}
	return w.count(int64(len(due)), bytes)
}

func (s *Service) remove(ctx context.Context, keys []string) error {
	ctx, cancel := context.WithTimeout(ctx, removeTimeout)
	defer cancel()
	return s.Bucket.Delete(ctx, keys...)
}

func set(keys []string) map[string]bool {
	all := make(map[string]bool, len(keys))
	for _, key := range keys {
		all[key] = true
	}
	return all
}
