package backup

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync/atomic"

	"filippo.io/age"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"rohrpost/db"
	"rohrpost/internal/fault"
	"rohrpost/internal/queue"
	"rohrpost/tasks"
)

// How a backup was verified.
const (
	ByRestore = "restore" // it was decrypted and restored
	ByHashes  = "hashes"  // what is in the storage is what was written; nobody had the key to look inside
)

// Verified is what the job of a verification tells.
type Verified struct {
	BackupID       *uuid.UUID `json:"backup_id"` // null where there is none to verify
	By             string     `json:"by,omitempty"`
	Parts          int64      `json:"parts"`
	Bytes          int64      `json:"bytes"`
	RestoreSeconds *float64   `json:"restore_seconds,omitempty"`
}

// verification is one run of the job.
type verification struct {
	*Service
	run    *queue.Run
	tell   *teller
	sum    Summary
	keys   []age.Identity // none where only hashes can be compared
	result Verified
	done   atomic.Int64
	bytes  atomic.Int64
}

// Verify runs a [tasks.BackupVerify].
func (s *Service) Verify(ctx context.Context, job *queue.Job[tasks.BackupVerifyArgs]) (any, error) {
	if !s.Configured() {
		return nil, notConfigured()
	}
	record, err := s.toVerify(ctx, job.Args.BackupID)
	if errors.Is(err, pgx.ErrNoRows) {
		return Verified{}, nil // nothing has been backed up yet
	}
	if err != nil {
		return nil, err
	}
	v := &verification{Service: s, run: job.Run, tell: &teller{tell: func(p Progress) error { return job.Progress(ctx, p) }}}
	v.result.BackupID = &record.ID
	if err := json.Unmarshal(record.Summary, &v.sum); err != nil {
		return nil, fmt.Errorf("summary of backup %s: %w", record.ID, err)
	}
	if err := v.perform(ctx); err != nil {
		return nil, v.conclude(ctx, err)
	}
	return nil, v.succeed(ctx)
}

func (s *Service) toVerify(ctx context.Context, id uuid.UUID) (db.Backup, error) {
	if id == uuid.Nil {
		return s.queries.NewestBackup(ctx, s.Pool)
	}
	record, err := s.byID(ctx, s.Pool, id)
	if err == nil && record.State != Succeeded && record.State != BadNow {
		err = fault.New(fault.Conflict, "Only a backup that has succeeded can be verified; this one is %s.", record.State)
	}
	return record, err
}

func (v *verification) perform(ctx context.Context) error {
	v.result.By = ByHashes
	if v.cfg.IdentityFile != "" {
		keys, err := readIdentities(v.cfg.IdentityFile)
		if err != nil {
			return fmt.Errorf("BACKUP_IDENTITY_FILE: %w", err)
		}
		v.keys, v.result.By = keys, ByRestore
	}
	if v.keys == nil {
		for _, part := range v.sum.own() {
			if err := v.hashed(ctx, part); err != nil {
				return err
			}
		}
		return v.eachPart(ctx)
	}
	if err := v.hashed(ctx, v.sum.Parts); err != nil {
		return err
	}
	return v.restore(ctx)
}

// hashed compares a part with what was written.
func (v *verification) hashed(ctx context.Context, part Part) error {
	if err := v.store.check(ctx, part); err != nil {
		return err
	}
	return v.count(part)
}

func (v *verification) count(part Part) error {
	return v.tell.at(Progress{
		Stage: StageCheck, Done: v.done.Add(1), Total: int64(len(v.sum.own())) + v.sum.Blobs, Bytes: v.bytes.Add(part.Size),
	})
}

func (v *verification) eachPart(ctx context.Context) error {
	r, err := v.store.open(ctx, v.sum.Parts)
	if err != nil {
		return err
	}
	group, within := errgroup.WithContext(ctx)
	group.SetLimit(atOnce)
	read := readParts(r, func(part Part) error {
		group.Go(func() error { return v.broken(within, part, v.hashed(within, part)) })
		return within.Err()
	})
	if err := group.Wait(); err != nil {
		return errors.Join(err, r.source.Close())
	}
	if err := r.finish(); err != nil {
		return err
	}
	return read
}

// broken has the next backup write a content anew that can't be relied on any more.
func (v *verification) broken(ctx context.Context, part Part, err error) error {
	if fault.CodeOf(err) == Damaged {
		if err := v.queries.SetBackupBlobBroken(ctx, v.Pool, part.Key); err != nil {
			return fmt.Errorf("record a broken content: %w", err)
		}
	}
	return err
}

// restore decrypts all there is and restores the database.
func (v *verification) restore(ctx context.Context) error {
	var want state
	r, err := v.store.open(ctx, v.sum.Manifest, v.keys...)
	if err != nil {
		return whichKey(err, v.cfg.IdentityFile, v.sum)
	}
	group, within := errgroup.WithContext(ctx)
	group.SetLimit(atOnce)
	read := readManifest(r, func(h header) error {
		want = h.state()
		return nil
	}, func(c content) error {
		group.Go(func() error {
			part, err := v.store.open(within, *c.Part, v.keys...)
			if err == nil {
				err = sameContent(part, c)
			}
			if err != nil {
				return v.broken(within, *c.Part, err)
			}
			return v.count(*c.Part)
		})
		return within.Err()
	})
	if err := group.Wait(); err != nil {
		return errors.Join(err, r.source.Close())
	}
	if err := r.finish(); err != nil {
		return err
	}
	if read != nil {
		return fault.Wrap(read, Damaged, "The manifest is damaged.")
	}
	at, err := parsePlace(v.Pool.Config().ConnString())
	if err != nil {
		return err
	}
	tools, err := v.toolsFor(ctx, at, want.major)
	if err != nil {
		return err
	}
	seconds, err := v.drill(ctx, v.run.ID(), tools, v.sum.Database, want, v.tell, v.keys...)
	if err != nil {
		return err
	}
	v.result.RestoreSeconds = &seconds
	return v.count(v.sum.Database)
}

// toolsFor are programs that can read a dump of one server and write to another.
func (s *Service) toolsFor(ctx context.Context, at place, major int) (programs, error) {
	conn, err := at.connect(ctx)
	if err != nil {
		return programs{}, err
	}
	defer conn.Close(ctx) //nolint:errcheck // only read
	have, _, err := serverVersion(ctx, conn)
	if err != nil {
		return programs{}, err
	}
	return findPrograms(ctx, s.cfg.Programs, max(have, major))
}

// conclude puts on record that the backup is damaged, if it is that and still there.
func (v *verification) conclude(ctx context.Context, err error) error {
	id := *v.result.BackupID
	if fault.CodeOf(err) != Damaged {
		return fmt.Errorf("verify backup %s: %w", id, err)
	}
	reason := fault.Message(err)
	n, failed := v.queries.SetBackupDamaged(ctx, v.Pool, db.SetBackupDamagedParams{ID: id, Reason: &reason})
	if failed != nil {
		return fmt.Errorf("verify backup %s: %w (%w)", id, failed, err)
	}
	if n == 0 {
		return fault.Wrap(err, fault.Conflict, "The backup was deleted while it was verified.")
	}
	return fmt.Errorf("verify backup %s: %w", id, err)
}

func (v *verification) succeed(ctx context.Context) error {
	v.result.Parts, v.result.Bytes = v.done.Load(), v.bytes.Load()
	return db.InTx(ctx, v.Pool, func(tx pgx.Tx) error {
		n, err := v.queries.SetBackupVerified(ctx, tx, db.SetBackupVerifiedParams{
			ID: *v.result.BackupID, VerifiedBy: v.result.By, RestoreSeconds: v.result.RestoreSeconds,
		})
		if err != nil {
			return fmt.Errorf("record the verification: %w", err)
		}
		if n == 0 {
			return fault.New(fault.Conflict, "The backup was deleted while it was verified.")
		}
		return queue.Complete(ctx, tx, v.run, v.result)
	})
}

// state is what the database that a manifest describes has to hold.
func (h header) state() state {
	s := state{taken: h.TakenAt, schema: h.Schema, server: h.Server, objects: h.Objects, rows: h.Rows}
	_, _ = fmt.Sscanf(h.Server, "%d", &s.major) // 0 differs from all there are, so only names are compared
	return s
}
