package backup

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"rohrpost/db"
	"rohrpost/internal/blob"
	"rohrpost/internal/queue"
	"rohrpost/tasks"
)

const (
	pruneBatch = 1000
	recordDays = 365 // how long it is known of a backup that failed or was deleted
)

// Pruned is what the job of a pruning tells.
type Pruned struct {
	Adopted int64 `json:"adopted"` // backups found in the storage
	Deleted int64 `json:"deleted"` // backups that were too old
	Parts   int64 `json:"parts"`   // removed from the storage
	Bytes   int64 `json:"bytes"`   // of them
}

// Prune runs a [tasks.BackupPrune].
func (s *Service) Prune(ctx context.Context, job *queue.Job[tasks.BackupPruneArgs]) (any, error) {
	if !s.Configured() {
		return nil, notConfigured()
	}
	held, err := s.hold(ctx)
	if errors.Is(err, errBusy) {
		return nil, queue.Snooze(busyPause)
	}
	if err != nil {
		return nil, err
	}
	defer held.release()
	p := &pruning{Service: s, held: held, tell: &teller{tell: func(p Progress) error { return job.Progress(held, p) }}}
	if err := p.perform(held); err != nil {
		return p.result, lost(held, fmt.Errorf("prune: %w", err))
	}
	return p.result, nil
}

type pruning struct {
	*Service
	held   *hold
	tell   *teller
	result Pruned
}

func (p *pruning) perform(ctx context.Context) error {
	if err := p.mark(ctx); err != nil {
		return err
	}
	found, err := p.store.folders(ctx)
	if err != nil {
		return err
	}
	adopted, strange, err := adopt(ctx, p.Pool, p.store, found)
	if err != nil {
		return err
	}
	p.result.Adopted = int64(adopted)
	if err := p.expire(ctx); err != nil {
		return err
	}
	if err := p.folders(ctx, found); err != nil {
		return err
	}
	if strange != nil {
		p.Log.Warn("no contents are removed while a backup in the storage can't be read", "err", strange)
		return nil
	}
	if err := p.unneeded(ctx); err != nil {
		return err
	}
	if err := p.unknown(ctx); err != nil {
		return err
	}
	if _, err := p.queries.DeleteOldBackupRecords(ctx, p.Pool, recordDays); err != nil {
		return fmt.Errorf("forget old backups: %w", err)
	}
	return nil
}

// expire marks what the policy doesn't keep, before anything of it is removed.
func (p *pruning) expire(ctx context.Context) error {
	return db.InTx(ctx, p.Pool, func(tx pgx.Tx) error {
		p.result.Deleted = 0
		if err := p.held.still(ctx, tx); err != nil {
			return err
		}
		rows, err := p.queries.LockKeptBackups(ctx, tx)
		if err != nil {
			return fmt.Errorf("kept backups: %w", err)
		}
		var all []Kept
		for _, row := range rows {
			if row.TakenAt != nil {
				all = append(all, Kept{row.ID, *row.TakenAt, row.State == Succeeded})
			}
		}
		for _, id := range p.policy.Expired(all) {
			if _, err := p.queries.SetBackupDeleted(ctx, tx, id); err != nil {
				return fmt.Errorf("delete backup %s: %w", id, err)
			}
			p.result.Deleted++
		}
		return nil
	})
}

// folders removes the parts of backups that are not there any more. A summary goes first: without it, nobody takes the
// rest for a backup.
func (p *pruning) folders(ctx context.Context, found map[uuid.UUID][]blob.Item) error {
	for id, items := range found {
		keep, err := p.kept(ctx, id, items)
		if err != nil {
			return err
		}
		if hasSummary(id, items) && !keep[summaryKey(id)] {
			if err := p.remove(ctx, blob.Item{Key: summaryKey(id)}); err != nil {
				return err
			}
		}
		for _, item := range items {
			if item.Key != summaryKey(id) && !keep[item.Key] {
				if err := p.remove(ctx, item); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// kept are the keys of a backup's folder that have to stay.
func (p *pruning) kept(ctx context.Context, id uuid.UUID, items []blob.Item) (map[string]bool, error) {
	keep := map[string]bool{}
	record, err := p.queries.BackupByID(ctx, p.Pool, id)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		// Strange, and perhaps somebody else's: what is young or has a summary is left alone.
		for _, item := range items {
			keep[item.Key] = hasSummary(id, items) || time.Since(item.ModTime) < stale
		}
	case err != nil:
		return nil, fmt.Errorf("backup %s: %w", id, err)
	case record.State == Succeeded || record.State == BadNow:
		var sum Summary
		if err := json.Unmarshal(record.Summary, &sum); err != nil {
			return nil, fmt.Errorf("summary of backup %s: %w", id, err)
		}
		keep[summaryKey(id)] = true
		for _, part := range sum.own() {
			keep[part.Key] = true
		}
	}
	return keep, nil
}

func (p *pruning) remove(ctx context.Context, items ...blob.Item) error {
	for _, item := range items {
		if err := p.store.bucket.Delete(ctx, item.Key); err != nil {
			return stored(err, "remove "+item.Key)
		}
		p.result.Parts++
		p.result.Bytes += item.Size
	}
	return p.tell.at(Progress{Stage: StageContent, Done: p.result.Parts, Bytes: p.result.Bytes})
}

// unneeded removes contents that no backup names which is kept.
func (p *pruning) unneeded(ctx context.Context) error {
	for {
		rows, err := p.queries.UnneededBackupBlobs(ctx, p.Pool, pruneBatch)
		if err != nil {
			return fmt.Errorf("contents that nobody needs: %w", err)
		}
		var keys []string
		for _, row := range rows {
			if err := p.remove(ctx, blob.Item{Key: row.PartKey, Size: row.PartSize}); err != nil {
				return err
			}
			keys = append(keys, row.PartKey)
		}
		if err := p.queries.ForgetBackupBlobs(ctx, p.Pool, keys); err != nil {
			return fmt.Errorf("forget contents: %w", err)
		}
		if len(rows) < pruneBatch {
			return nil
		}
	}
}

// unknown removes contents that are not on record: an attempt died between writing one and recording it.
func (p *pruning) unknown(ctx context.Context) error {
	for first := range 256 {
		err := p.store.bucket.List(ctx, blobsFolder+hex.EncodeToString([]byte{byte(first)})+"/", func(page []blob.Item) error {
			var keys []string
			for _, item := range page {
				keys = append(keys, item.Key)
			}
			rows, err := p.queries.KnownBackupParts(ctx, p.Pool, keys)
			if err != nil {
				return fmt.Errorf("known contents: %w", err)
			}
			known := map[string]bool{}
			for _, key := range rows {
				known[key] = true
			}
			for _, item := range page {
				if !known[item.Key] && time.Since(item.ModTime) > stale {
					if err := p.remove(ctx, item); err != nil {
						return err
					}
				}
			}
			return nil
		})
		if err != nil {
			return stored(err, "look for leftovers")
		}
	}
	return nil
}
