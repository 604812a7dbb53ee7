package backup

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"filippo.io/age"
	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"rohrpost/db"
	"rohrpost/internal/fault"
	"rohrpost/internal/queue"
)

// sample is how many contents of earlier backups each new one reads back, any of them; the weekly verification reads
// all.
const sample = 100

// prove reads back what lies in the storage, and restores it: the database by the key of this attempt, all contents that
// are new, and a sample of the others.
func (a *attempt) prove(ctx context.Context) error {
	n, err := a.queries.SetBackupVerifying(ctx, a.Pool, db.SetBackupVerifyingParams{ID: a.id, Epoch: a.run.Epoch()})
	if err != nil {
		return fmt.Errorf("record the backup: %w", err)
	}
	if n == 0 {
		return queue.ErrLost
	}
	a.at(StageCheck)
	err = a.proveAll(ctx)
	if fault.CodeOf(err) == Damaged {
		// Not the end, as it is for a backup that was good once: the next attempt writes it anew.
		return fault.Wrap(err, NotProved, "What was written can't be read back as it was: %s", fault.Message(err))
	}
	return err
}

func (a *attempt) proveAll(ctx context.Context) error {
	if err := a.store.check(ctx, a.sum.Parts); err != nil {
		return err
	}
	want := a.data
	blobs, err := readBack(ctx, a.store, a.sum.Manifest, a.key, func(h header) error {
		if h.ID != a.id || h.Database != a.sum.Database {
			return errors.New("it is of another backup")
		}
		return nil
	})
	if err != nil {
		return err
	}
	if blobs != a.sum.Blobs {
		return damaged("The manifest names %d contents and not %d.", blobs, a.sum.Blobs)
	}
	if a.sum.RestoreSeconds, err = a.drill(ctx, a.run.ID(), a.tools, a.sum.Database, want, a.tell, a.key); err != nil {
		return err
	}
	return a.proveContent(ctx)
}

// readBack reads a manifest to its end.
func readBack(ctx context.Context, s *store, part Part, key age.Identity, begin func(header) error) (n int64, err error) {
	r, err := s.open(ctx, part, key)
	if err != nil {
		return 0, err
	}
	err = readManifest(r, begin, func(content) error { n++; return nil })
	if whole := r.finish(); whole != nil {
		return n, whole
	}
	if err != nil {
		return n, fault.Wrap(err, Damaged, "The manifest is damaged.")
	}
	return n, nil
}

// drill restores a dump into a scratch database, compares that with what it should hold, and returns how many seconds
// the restoring took.
func (s *Service) drill(ctx context.Context, job uuid.UUID, tools programs, dump Part, want state, tell *teller,
	keys ...age.Identity) (seconds float64, err error) {
	sc, err := s.makeScratch(ctx, job)
	if err != nil {
		return 0, err
	}
	defer func() {
		if e := sc.drop(ctx); e != nil {
			s.Log.Warn("scratch database not dropped yet, the next backup will", "database", sc.name, "err", e)
		}
	}()
	r, err := s.store.open(ctx, dump, keys...)
	if err != nil {
		return 0, err
	}
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	r.Reader = &tellingReader{r: r.Reader, tell: func(n int64) {
		if err := tell.at(Progress{Stage: StageRestore, Bytes: n, Total: dump.Size}); err != nil {
			stop(err)
		}
	}}
	began := time.Now()
	if err := tools.load(ctx, sc.place, r, "", ""); err != nil {
		return 0, err
	}
	seconds = time.Since(began).Seconds()
	if err := tell.at(Progress{Stage: StageCompare}); err != nil {
		return 0, err
	}
	got, err := sc.look(ctx)
	if err != nil {
		return 0, err
	}
	if how := want.differs(got); how != "" {
		return 0, damaged("The restored database is not the one that was backed up: %s.", how)
	}
	return seconds, nil
}

// proveContent reads back the contents that were never read back, those of this attempt by its key, and a sample of the
// others. One that is broken is written anew by the next attempt.
func (a *attempt) proveContent(ctx context.Context) error {
	var fresh int64
	err := a.work.QueryRow(ctx, `SELECT count(DISTINCT b.part_key) FROM backup_blobs b JOIN content c ON c.part_key = b.part_key
		WHERE b.checked_at IS NULL`).Scan(&fresh)
	if err != nil {
		return fmt.Errorf("count new content: %w", err)
	}
	const one = "JOIN (SELECT min(blob_key) AS blob_key FROM content GROUP BY part_key) f ON f.blob_key = c.blob_key "
	if err := a.proveEach(ctx, fresh, one+"WHERE b.checked_at IS NULL"); err != nil {
		return err
	}
	if err := a.proveEach(ctx, sample, "WHERE b.checked_at IS NOT NULL ORDER BY random() LIMIT $1", sample); err != nil {
		return err
	}
	_, err = a.work.Exec(ctx, `UPDATE backup_blobs b SET checked_at = now()
		WHERE b.checked_at IS NULL AND EXISTS (SELECT FROM content c WHERE c.part_key = b.part_key)`)
	if err != nil {
		return fmt.Errorf("record what was read back: %w", err)
	}
	return nil
}

func (a *attempt) proveEach(ctx context.Context, total int64, where string, args ...any) error {
	var done atomic.Int64
	group, within := errgroup.WithContext(ctx)
	group.SetLimit(atOnce)
	err := a.contents(ctx, where, func(c content) error {
		group.Go(func() error {
			err := a.proveOne(within, c)
			if fault.CodeOf(err) == Damaged {
				if err := a.queries.SetBackupBlobBroken(ctx, a.Pool, c.Part.Key); err != nil {
					return fmt.Errorf("record a broken content: %w", err)
				}
			}
			if err != nil {
				return err
			}
			return a.tell.at(Progress{Stage: StageCheck, Done: done.Add(1), Total: total})
		})
		return within.Err()
	}, args...)
	if failed := group.Wait(); failed != nil {
		return failed
	}
	return err
}

// proveOne reads a content back, by the key of this attempt if it has written it: then it has to be what the house has.
// What an earlier attempt wrote is compared with what it wrote.
func (a *attempt) proveOne(ctx context.Context, c content) error {
	r, err := a.store.open(ctx, *c.Part, a.key)
	var theirs *age.NoIdentityMatchError
	if errors.As(err, &theirs) {
		return a.store.check(ctx, *c.Part)
	}
	if err != nil {
		return err
	}
	return sameContent(r, c)
}

// sameContent reads a decrypted content to its end and tells whether it is what its name says.
func sameContent(r *reading, c content) error {
	plain := newMeter(r)
	_, _ = io.Copy(io.Discard, plain) // finish tells what went wrong
	if err := r.finish(); err != nil {
		return err
	}
	if plain.sum() != c.SHA256 || plain.n != c.Size {
		return damaged("The content %s is not in the backup as it was.", c.Key)
	}
	return nil
}

// tellingReader tells how much was read.
type tellingReader struct {
	r    io.Reader
	n    int64
	tell func(n int64)
}

func (t *tellingReader) Read(p []byte) (int, error) {
	n, err := t.r.Read(p)
	t.n += int64(n)
	t.tell(t.n)
	return n, err
}
