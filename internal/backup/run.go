package backup

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"

	"filippo.io/age"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"rohrpost/db"
	"rohrpost/internal/fault"
	"rohrpost/internal/queue"
	"rohrpost/tasks"
)

// attempt is one run of the job that makes a backup.
type attempt struct {
	*Service
	run   *queue.Run
	tell  *teller
	id    uuid.UUID
	key   age.Identity // of this attempt, to prove it with; gone with it
	to    []age.Recipient
	work  *pgx.Conn // holds the table of what content there is
	data  state
	sum   Summary
	tools programs
	held  *hold
}

// Result is what the job of a backup tells.
type Result struct {
	BackupID       uuid.UUID `json:"backup_id"`
	TakenAt        time.Time `json:"taken_at"`
	Tables         int       `json:"tables"`
	Rows           int64     `json:"rows"`
	DatabaseBytes  int64     `json:"database_bytes"` // in the storage
	Blobs          int64     `json:"blobs"`
	BlobBytes      int64     `json:"blob_bytes"`
	NewBlobs       int64     `json:"new_blobs"`
	NewBlobBytes   int64     `json:"new_blob_bytes"`
	MissingBlobs   int64     `json:"missing_blobs"`
	RestoreSeconds float64   `json:"restore_seconds"`
}

// Run runs a [tasks.BackupRun].
func (s *Service) Run(ctx context.Context, job *queue.Job[tasks.BackupRunArgs]) (any, error) {
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
	a := &attempt{Service: s, run: job.Run, held: held}
	a.tell = &teller{tell: func(p Progress) error { return job.Progress(held, p) }}
	if err := a.begin(held); err != nil {
		return nil, lost(held, err)
	}
	if err := a.perform(held); err != nil {
		a.discard(held)
		return nil, lost(held, err)
	}
	return nil, nil
}

// lost replaces what broke off because the lock was lost by just that.
func lost(held *hold, err error) error {
	if cause := context.Cause(held); cause != nil && fault.CodeOf(cause) == fault.Unavailable {
		return fmt.Errorf("%w (%w)", cause, err)
	}
	return err
}

func (a *attempt) begin(ctx context.Context) error {
	id, err := uuid.NewV7()
	if err != nil {
		return fmt.Errorf("backup id: %w", err)
	}
	job := a.run.ID()
	record, err := a.queries.BeginBackup(ctx, a.Pool, db.BeginBackupParams{ID: id, JobID: &job, Epoch: a.run.Epoch()})
	if errors.Is(err, pgx.ErrNoRows) {
		return queue.ErrLost
	}
	if err != nil {
		return fmt.Errorf("begin a backup: %w", err)
	}
	a.id = record.ID
	if err := a.makeKey(); err != nil {
		return err
	}
	if err := a.mark(ctx); err != nil {
		return err
	}
	return a.tidy(ctx)
}

// makeKey makes the key that this attempt reads back with, of the kind that goes with those of the operators.
func (a *attempt) makeKey() error {
	a.to = append(a.to, a.Service.to.keys...)
	if _, ok := a.to[0].(*age.HybridRecipient); ok {
		key, err := age.GenerateHybridIdentity()
		if err != nil {
			return fmt.Errorf("key of the attempt: %w", err)
		}
		a.key, a.to = key, append(a.to, key.Recipient())
		return nil
	}
	key, err := age.GenerateX25519Identity()
	if err != nil {
		return fmt.Errorf("key of the attempt: %w", err)
	}
	a.key, a.to = key, append(a.to, key.Recipient())
	return nil
}

func (a *attempt) perform(ctx context.Context) error {
	if err := a.dump(ctx); err != nil {
		return err
	}
	at, err := parsePlace(a.Pool.Config().ConnString())
	if err != nil {
		return err
	}
	if a.work, err = at.connect(ctx); err != nil {
		return err
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanupTimeout)
		defer cancel()
		_ = a.work.Close(ctx) // its table is temporary
	}()
	for _, step := range []func(context.Context) error{a.scan, a.copyContent, a.lookForMissing, a.describe, a.prove, a.finish} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

// partKey names a part of this attempt: what another attempt wrote is never written over, nor taken for its own.
func (a *attempt) partKey(name string) string {
	return folderOf(a.id) + strconv.FormatInt(a.run.Epoch(), 10) + "-" + name
}

// dump writes the database to the storage, and notes what is in it at the same moment.
func (a *attempt) dump(ctx context.Context) error {
	at, err := parsePlace(a.Pool.Config().ConnString())
	if err != nil {
		return err
	}
	snap, err := takeSnapshot(ctx, at)
	if err != nil {
		return err
	}
	defer snap.release(ctx)
	if a.tools, err = findPrograms(ctx, a.cfg.Programs, snap.major); err != nil {
		return err
	}
	if err := snap.look(ctx, snap.tx, func(done, total int) error {
		return a.tell.at(Progress{Stage: StageCount, Done: int64(done), Total: int64(total)})
	}); err != nil {
		return err
	}
	a.data = snap.state
	if err := a.queries.SetBackupTaken(ctx, a.Pool, db.SetBackupTakenParams{
		TakenAt: &snap.taken, ID: a.id, Epoch: a.run.Epoch(),
	}); err != nil {
		return fmt.Errorf("record the backup's moment: %w", err)
	}
	a.at(StageDump)
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	part, err := a.store.put(ctx, a.partKey("database.age"), a.to, func(w io.Writer) error {
		dump := a.tools.command(ctx, at.env(), "pg_dump", "--format=custom", "--compress=6", "--no-password",
			"--no-subscriptions", "--snapshot="+snap.id)
		dump.Stdout = &counting{w: w, tell: func(n int64) error {
			a.at(stageDumping)
			err := a.tell.at(Progress{Stage: StageDump, Bytes: n})
			if err != nil {
				stop(err)
			}
			return err
		}}
		if err := dump.start(); err != nil {
			return fmt.Errorf("pg_dump: %w", err)
		}
		return dump.wait()
	})
	if err != nil {
		return fmt.Errorf("dump the database: %w", err)
	}
	a.sum = Summary{
		Format: format, ID: a.id, TakenAt: snap.taken.UTC(), Recipients: a.Service.to.names, Program: program(),
		Schema: snap.schema, Server: snap.server, Dump: a.tools.version, Tables: len(snap.rows), Rows: snap.total(),
		Database: part,
	}
	return nil
}

// counting tells how much has passed.
type counting struct {
	w    io.Writer
	n    int64
	tell func(n int64) error
}

func (c *counting) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += int64(n)
	if err == nil {
		err = c.tell(c.n)
	}
	return n, err
}

// describe writes what belongs to the backup.
func (a *attempt) describe(ctx context.Context) error {
	if err := a.tell.at(Progress{Stage: StageManifest}); err != nil {
		return err
	}
	var err error
	a.sum.Manifest, err = a.store.put(ctx, a.partKey("manifest.age"), a.to, func(w io.Writer) error {
		return a.writeManifest(ctx, w)
	})
	if err != nil {
		return fmt.Errorf("write the manifest: %w", err)
	}
	a.sum.Parts, err = a.store.put(ctx, a.partKey("parts.gz"), nil, func(w io.Writer) error { return a.writeParts(ctx, w) })
	if err != nil {
		return fmt.Errorf("write the list of parts: %w", err)
	}
	return nil
}

// finish puts the backup on record as proved, in the transaction that ends its job, and has the old ones looked at.
func (a *attempt) finish(ctx context.Context) error {
	a.sum.FinishedAt = time.Now().UTC().Truncate(time.Microsecond)
	if err := a.store.putJSON(ctx, summaryKey(a.id), a.sum); err != nil {
		return err
	}
	raw, err := json.Marshal(a.sum)
	if err != nil {
		return fmt.Errorf("encode the summary: %w", err)
	}
	return db.InTx(ctx, a.Pool, func(tx pgx.Tx) error {
		n, err := a.queries.SucceedBackup(ctx, tx, db.SucceedBackupParams{
			Summary: raw, RestoreSeconds: &a.sum.RestoreSeconds, ID: a.id, Epoch: a.run.Epoch(),
		})
		if err != nil {
			return fmt.Errorf("record the backup: %w", err)
		}
		if n == 0 {
			return queue.ErrLost
		}
		if err := a.held.still(ctx, tx); err != nil {
			return err
		}
		if _, err := queue.Enqueue(ctx, tx, tasks.BackupPrune, tasks.BackupPruneArgs{}); err != nil {
			return err
		}
		return queue.Complete(ctx, tx, a.run, a.result())
	})
}

func (a *attempt) result() Result {
	s := a.sum
	return Result{
		BackupID: s.ID, TakenAt: s.TakenAt, Tables: s.Tables, Rows: s.Rows, DatabaseBytes: s.Database.Size, Blobs: s.Blobs,
		BlobBytes: s.BlobBytes, NewBlobs: s.NewBlobs, NewBlobBytes: s.NewBlobBytes, MissingBlobs: s.MissingBlobs,
		RestoreSeconds: s.RestoreSeconds,
	}
}

// discard removes what an attempt that failed has written, but for contents, which the next one needs. What it can't
// remove now, the next job at the storage does.
func (a *attempt) discard(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanupTimeout)
	defer cancel()
	record, err := a.queries.BackupByID(ctx, a.Pool, a.id)
	if err != nil || record.State == Succeeded && record.Epoch == a.run.Epoch() {
		return // the answer to a commit may have been lost
	}
	keys := []string{a.partKey("database.age"), a.partKey("manifest.age"), a.partKey("parts.gz")}
	if record.Epoch == a.run.Epoch() {
		keys = append(keys, summaryKey(a.id))
	}
	if err := a.store.bucket.Delete(ctx, keys...); err != nil {
		a.Log.Warn("parts of a failed backup not removed yet, the next one will", "backup", a.id, "err", err)
	}
}
