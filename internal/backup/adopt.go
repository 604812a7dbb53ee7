package backup

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"strings"
	"time"

	"github.com/google/uuid"

	"rohrpost/db"
	"rohrpost/internal/blob"
	"rohrpost/internal/fault"
)

// adoptBatch bounds the rows of a statement.
const adoptBatch = 1000

// marker says which installation the storage belongs to.
type marker struct {
	Installation uuid.UUID `json:"installation"`
}

// mark makes sure that the storage is ours: two installations in one would delete each other's contents.
func (s *Service) mark(ctx context.Context) error {
	id, err := s.queries.BackupInstallation(ctx, s.Pool)
	if err != nil {
		return fmt.Errorf("which installation this is: %w", err)
	}
	var there marker
	err = s.store.getJSON(ctx, markerKey, &there)
	switch {
	case fault.CodeOf(err) == fault.NotFound:
		return s.store.putJSON(ctx, markerKey, marker{id})
	case err != nil:
		return stored(err, "read "+markerKey)
	case there.Installation != id:
		return fault.New(fault.Conflict, "The place that BACKUP_URL names holds the backups of another installation. Give each its "+
			"own; if the other one is no more, remove %s from it.", markerKey)
	}
	return nil
}

// folders are the ids of the backups of which something is in the storage, with what that is.
func (s *store) folders(ctx context.Context) (map[uuid.UUID][]blob.Item, error) {
	all := map[uuid.UUID][]blob.Item{}
	err := s.bucket.Tree(ctx, backupsFolder, func(page []blob.Item) error {
		for _, item := range page {
			name, _, _ := strings.Cut(strings.TrimPrefix(item.Key, backupsFolder), "/")
			if id, err := uuid.Parse(name); err == nil {
				all[id] = append(all[id], item)
			}
		}
		return nil
	})
	return all, stored(err, "list the storage of the backups")
}

func hasSummary(id uuid.UUID, items []blob.Item) bool {
	for _, item := range items {
		if item.Key == summaryKey(id) {
			return true
		}
	}
	return false
}

func (s *store) summary(ctx context.Context, id uuid.UUID) (Summary, error) {
	var sum Summary
	if err := s.getJSON(ctx, summaryKey(id), &sum); err != nil {
		return sum, stored(err, "read the summary")
	}
	return sum, sum.check()
}

// adopt puts backups on record that are in the storage and that the database doesn't know: it was restored from an older
// one. strange tells of one that can't be read; as long as there is one, nobody can say what it needs.
func adopt(ctx context.Context, at db.DBTX, s *store, found map[uuid.UUID][]blob.Item) (adopted int, strange error, err error) {
	rows, err := db.New().BackupStates(ctx, at)
	if err != nil {
		return 0, nil, fmt.Errorf("known backups: %w", err)
	}
	known := map[uuid.UUID]string{}
	for _, row := range rows {
		known[row.ID] = row.State
	}
	for id, items := range found {
		if state, ok := known[id]; ok && state != Failed || !hasSummary(id, items) {
			continue
		}
		sum, err := s.summary(ctx, id)
		if code := fault.CodeOf(err); code == Damaged || code == fault.Invalid {
			strange = errors.Join(strange, err)
			continue
		}
		if err != nil {
			return adopted, strange, err
		}
		if err := adoptOne(ctx, at, s, sum); fault.CodeOf(err) == Damaged {
			strange = errors.Join(strange, err)
			continue
		} else if err != nil {
			return adopted, strange, err
		}
		adopted++
	}
	return adopted, strange, nil
}

func adoptOne(ctx context.Context, at db.DBTX, s *store, sum Summary) error {
	raw, err := json.Marshal(sum)
	if err != nil {
		return fmt.Errorf("encode the summary: %w", err)
	}
	// Its contents first: once the backup is on record, what is unknown is taken for a leftover.
	if err := adoptParts(ctx, at, s, sum); err != nil {
		return err
	}
	_, err = db.New().AdoptBackup(ctx, at, db.AdoptBackupParams{
		ID: sum.ID, TakenAt: sum.TakenAt, FinishedAt: &sum.FinishedAt, RestoreSeconds: &sum.RestoreSeconds, Summary: raw,
	})
	if err != nil {
		return fmt.Errorf("record backup %s: %w", sum.ID, err)
	}
	return nil
}

func adoptParts(ctx context.Context, at db.DBTX, s *store, sum Summary) error {
	r, err := s.open(ctx, sum.Parts)
	if err != nil {
		return err
	}
	batch := db.AdoptBackupBlobsParams{Recipients: markOf(sum.Recipients), AddedAt: sum.TakenAt}
	flush := func() error {
		if len(batch.PartKeys) == 0 {
			return nil
		}
		if err := db.New().AdoptBackupBlobs(ctx, at, batch); err != nil {
			return fmt.Errorf("record contents: %w", err)
		}
		batch.PartKeys, batch.Hashes, batch.PartHashes, batch.PartSizes = nil, nil, nil, nil
		return nil
	}
	read := readParts(r, func(part Part) error {
		name, _, _ := strings.Cut(path.Base(part.Key), "-")
		hash, err := hex.DecodeString(name)
		partHash, err2 := hex.DecodeString(part.SHA256)
		if err = errors.Join(err, err2); err != nil {
			return fault.Wrap(err, Damaged, "The list of parts of backup %s is damaged.", sum.ID)
		}
		batch.PartKeys, batch.Hashes = append(batch.PartKeys, part.Key), append(batch.Hashes, hash)
		batch.PartHashes, batch.PartSizes = append(batch.PartHashes, partHash), append(batch.PartSizes, part.Size)
		if len(batch.PartKeys) < adoptBatch {
			return nil
		}
		return flush()
	})
	if err := r.finish(); err != nil {
		return err
	}
	if read != nil {
		return read
	}
	return flush()
}

// stale is how old a part has to be that nobody knows: the attempt that wrote it is over by then, whatever became of it.
const stale = 24 * time.Hour

// tidy removes what attempts that are over have left in the storage, also those of this backup before this one, and puts
// on record what is there and not known.
func (a *attempt) tidy(ctx context.Context) error {
	found, err := a.store.folders(ctx)
	if err != nil {
		return err
	}
	var keys []string
	for _, item := range found[a.id] {
		keys = append(keys, item.Key)
	}
	if err := a.store.bucket.Delete(ctx, keys...); err != nil {
		return stored(err, "remove an earlier attempt")
	}
	delete(found, a.id)
	adopted, strange, err := adopt(ctx, a.Pool, a.store, found)
	if err != nil {
		return err
	}
	if adopted > 0 {
		a.Log.Info("backups found in the storage are on record now", "backups", adopted)
	}
	if strange != nil {
		a.Log.Warn("a backup in the storage can't be read", "err", strange)
	}
	return nil
}
