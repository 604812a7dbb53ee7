package backup

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"filippo.io/age"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"rohrpost/db"
	"rohrpost/internal/audit"
	"rohrpost/internal/blob"
	"rohrpost/internal/fault"
)

var (
	//go:embed drop_all.sql
	dropAll string
	//go:embed after_restore.sql
	afterRestore string
)

// NotEmpty is the code of restoring into a database that holds something.
var NotEmpty = fault.Register("database_not_empty", fault.Class{Status: 409, Title: "Database not empty"})

// Restore says what to restore, and where to.
type Restore struct {
	Backup   Summary
	To       string // the address of a database, which is there and empty
	Content  string // the URL of the storage of the house; "" restores the database alone
	Identity string // the file with the private key
	Force    bool   // what the database holds is dropped
}

// Restored is what was restored.
type Restored struct {
	BackupID   uuid.UUID `json:"backup_id"`
	TakenAt    time.Time `json:"taken_at"`
	Tables     int       `json:"tables"`
	Rows       int64     `json:"rows"`
	Blobs      int64     `json:"blobs"`       // contents that are there now
	BlobsThere int64     `json:"blobs_there"` // of them, those that were there before
	BlobBytes  int64     `json:"blob_bytes"`  // of those that were not
	Seconds    float64   `json:"seconds"`
	Schema     int64     `json:"schema"`
	Older      bool      `json:"older"`  // the schema is older than this program's, which has to migrate it
	Listed     int       `json:"listed"` // backups of the storage that are on record again
	Warning    string    `json:"warning,omitempty"`
}

// restoring is one restore.
type restoring struct {
	*Vault
	Restore
	keys   []age.Identity
	to     place
	tools  programs
	tell   *teller
	head   header
	result Restored
}

// Restore restores a backup from the storage alone: first the content, of which what is there already is left alone, and
// then the database, in one transaction. Until that commits, the database is as it was; a restore that broke off can be
// repeated. Errors: invalid for a wrong key, database_not_empty, backup_damaged, backup_programs_missing.
func (v *Vault) Restore(ctx context.Context, what Restore, tell func(Progress) error) (Restored, error) {
	began := time.Now()
	r := &restoring{Vault: v, Restore: what, tell: &teller{tell: tell}}
	r.result = Restored{BackupID: what.Backup.ID, TakenAt: what.Backup.TakenAt}
	for _, step := range []func(context.Context) error{r.prepare, r.readHead, r.checkDump, r.content, r.database} {
		if err := step(ctx); err != nil {
			return r.result, err
		}
	}
	r.result.Seconds = time.Since(began).Seconds()
	return r.result, nil
}

func (r *restoring) prepare(ctx context.Context) (err error) {
	if newest := db.NewestSchema(); r.Backup.Schema > newest {
		return fault.New(fault.Invalid, "The backup is of a newer version of this program (schema %d; this one knows %d).",
			r.Backup.Schema, newest)
	}
	if r.Identity == "" {
		return fault.New(fault.Invalid, "The private key is needed: --identity or BACKUP_IDENTITY_FILE names the file that holds it.")
	}
	if r.keys, err = readIdentities(r.Identity); err != nil {
		return err
	}
	if r.Content != "" && within(r.Content, r.cfg.URL) {
		return fault.New(fault.Invalid, "The storage for the content lies in that of the backups or the other way round.")
	}
	if r.to, err = parsePlace(r.To); err != nil {
		return err
	}
	conn, err := r.to.connect(ctx)
	if err != nil {
		if sqlState(err) == "3D000" {
			return fault.Wrap(err, fault.NotFound, "There is no database %q. Make it first, empty.", r.to.config.Database)
		}
		return fault.Wrap(err, fault.Unavailable, "The database to restore into can't be reached.")
	}
	defer conn.Close(ctx) //nolint:errcheck // only read
	if err := r.checkEmpty(ctx, conn); err != nil {
		return err
	}
	major, _, err := serverVersion(ctx, conn)
	if err != nil {
		return err
	}
	made := 0
	_, _ = fmt.Sscanf(r.Backup.Dump, "%d", &made) // a dump can be read by the version that made it, or a later one
	r.tools, err = findPrograms(ctx, r.cfg.Programs, max(major, made))
	return err
}

// checkEmpty refuses a database that holds anything, unless that is to be dropped.
func (r *restoring) checkEmpty(ctx context.Context, conn *pgx.Conn) error {
	if r.Force {
		return nil
	}
	var tables, things int
	err := conn.QueryRow(ctx, `WITH place AS (
			SELECT oid, nspname FROM pg_namespace WHERE nspname !~ '^pg_' AND nspname <> 'information_schema'
		), thing AS (
			SELECT c.oid, 'pg_class'::regclass AS class, c.relkind IN ('r', 'p') AS a_table
				FROM pg_class c JOIN place p ON p.oid = c.relnamespace
			UNION ALL SELECT f.oid, 'pg_proc'::regclass, false FROM pg_proc f JOIN place p ON p.oid = f.pronamespace
			UNION ALL SELECT t.oid, 'pg_type'::regclass, false FROM pg_type t JOIN place p ON p.oid = t.typnamespace
			UNION ALL SELECT p.oid, 'pg_namespace'::regclass, false FROM place p WHERE p.nspname <> 'public'
		)
		SELECT count(*) FILTER (WHERE a_table), count(*) FROM thing
		WHERE NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = class AND d.objid = thing.oid AND d.deptype = 'e')`).
		Scan(&tables, &things)
	if err != nil {
		return fmt.Errorf("look at the database: %w", err)
	}
	if things > 0 {
		return fault.New(NotEmpty, "The database %q is not empty: it has %d tables. Restore into an empty one, or drop all that "+
			"it holds with --force.", r.to.config.Database, tables)
	}
	return nil
}

// readHead opens the manifest, by which a wrong key is found out before anything was changed.
func (r *restoring) readHead(ctx context.Context) error {
	return r.manifest(ctx, func(content) error { return nil })
}

func (r *restoring) manifest(ctx context.Context, each func(content) error) error {
	in, err := r.store.open(ctx, r.Backup.Manifest, r.keys...)
	if err != nil {
		return whichKey(err, r.Identity, r.Backup)
	}
	read := readManifest(in, func(h header) error {
		if h.ID != r.Backup.ID || h.Database != r.Backup.Database {
			return damaged("The manifest is not that of backup %s.", r.Backup.ID)
		}
		r.head = h
		return nil
	}, each)
	if read != nil && fault.CodeOf(read) != fault.Internal {
		return errors.Join(read, in.source.Close())
	}
	if err := in.finish(); err != nil {
		return err
	}
	if read != nil {
		return fault.Wrap(read, Damaged, "The manifest is damaged.")
	}
	return nil
}

// checkDump reads the dump once, so that one that is damaged is found out before anything was changed.
func (r *restoring) checkDump(ctx context.Context) error {
	dump, err := r.store.open(ctx, r.Backup.Database, r.keys...)
	if err != nil {
		return whichKey(err, r.Identity, r.Backup)
	}
	return r.telling(ctx, dump, StageCheck, func(context.Context) error { return dump.finish() })
}

// telling runs fn, which reads a part, and tells how far it is.
func (r *restoring) telling(ctx context.Context, part *reading, stage string, fn func(ctx context.Context) error) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	part.Reader = &tellingReader{r: part.Reader, tell: func(n int64) {
		if err := r.tell.at(Progress{Stage: stage, Bytes: n, Total: part.part.Size}); err != nil {
			stop(err)
		}
	}}
	return fn(ctx)
}

// content writes the content to the storage of the house.
func (r *restoring) content(ctx context.Context) error {
	if r.Content == "" {
		return nil
	}
	to, err := blob.Open(ctx, blob.Config{URL: r.Content, Variable: "--blobs"})
	if err != nil {
		return err
	}
	defer to.Close() //nolint:errcheck // each content was made sure of
	var done, there, bytes atomic.Int64
	group, within := errgroup.WithContext(ctx)
	group.SetLimit(atOnce)
	err = r.manifest(ctx, func(c content) error {
		group.Go(func() error {
			had, err := r.one(within, to, c)
			if err != nil {
				return err
			}
			if had {
				there.Add(1)
			} else {
				bytes.Add(c.Size)
			}
			return r.tell.at(Progress{Stage: StageContent, Done: done.Add(1), Total: r.Backup.Blobs, Bytes: bytes.Load()})
		})
		return within.Err()
	})
	if failed := group.Wait(); failed != nil {
		return failed
	}
	r.result.Blobs, r.result.BlobsThere, r.result.BlobBytes = done.Load(), there.Load(), bytes.Load()
	return err
}

// one restores a content, unless it is there.
func (r *restoring) one(ctx context.Context, to *blob.Bucket, c content) (had bool, err error) {
	if same, err := isThere(ctx, to, c); err != nil || same {
		return same, err
	}
	in, err := r.store.open(ctx, *c.Part, r.keys...)
	if err != nil {
		return false, whichKey(err, r.Identity, r.Backup)
	}
	// Its end comes only if it is what it has to be, so that nothing else can come to be there.
	err = to.Put(ctx, c.Key, partType, &checked{r: newMeter(in), end: in.finish, want: c})
	var source *blob.ReadError
	if errors.As(err, &source) {
		return false, errors.Join(source.Err, in.source.Close())
	}
	if err != nil {
		return false, fmt.Errorf("restore content: %w", errors.Join(err, in.source.Close()))
	}
	return false, nil
}

func isThere(ctx context.Context, to *blob.Bucket, c content) (bool, error) {
	size, err := to.Size(ctx, c.Key)
	if fault.CodeOf(err) == fault.NotFound || err == nil && size != c.Size {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("look for content: %w", err)
	}
	in, err := to.NewReader(ctx, c.Key, 0, -1)
	if err != nil {
		return false, fmt.Errorf("look at content: %w", err)
	}
	m := newMeter(in)
	_, err = io.Copy(io.Discard, m)
	if err = errors.Join(err, in.Close()); err != nil {
		return false, fault.Wrap(err, fault.Unavailable, "The file storage does not answer.")
	}
	return m.sum() == c.SHA256, nil
}

// checked ends with an error instead of its end where what it has yielded is not what was wanted.
type checked struct {
	r    *meter
	end  func() error
	want content
}

func (c *checked) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	if err == nil {
		return n, nil
	}
	if whole := c.end(); whole != nil { // it has met the same error, or one after the end
		return n, whole
	}
	if errors.Is(err, io.EOF) && (c.r.sum() != c.want.SHA256 || c.r.n != c.want.Size) {
		return n, damaged("The content %s is not in the backup as it was.", c.want.Key)
	}
	return n, err
}

// database restores the database, and looks after what was going on in it.
func (r *restoring) database(ctx context.Context) error {
	dump, err := r.store.open(ctx, r.Backup.Database, r.keys...)
	if err != nil {
		return err
	}
	before := ""
	if r.Force {
		before = dropAll
	}
	err = r.telling(ctx, dump, StageRestore, func(ctx context.Context) error {
		return r.tools.load(ctx, r.to, dump, before, afterRestore)
	})
	if err != nil {
		return err
	}
	r.result.Tables, r.result.Schema = len(r.head.Rows), r.head.Schema
	for _, n := range r.head.Rows {
		r.result.Rows += n
	}
	r.result.Older = r.head.Schema < db.NewestSchema()
	if r.result.Older {
		return nil // the statements below are for the newest one; the next backup finds the others
	}
	if err := r.record(ctx); err != nil { // the restore itself has been committed
		r.result.Warning = "The database is restored, but what was done is not on record in it: " + err.Error()
	}
	return nil
}

// record puts on record that the database was restored, and which backups there are.
func (r *restoring) record(ctx context.Context) error {
	conn, err := r.to.connect(ctx)
	if err != nil {
		return err
	}
	defer conn.Close(ctx) //nolint:errcheck // everything is committed
	err = audit.Record(ctx, conn, audit.CommandLine(), audit.Entry{
		Action: "backup.restore", Target: r.Backup.ID.String(), Detail: map[string]any{"force": r.Force, "taken_at": r.Backup.TakenAt},
	})
	if err != nil {
		return err
	}
	found, err := r.store.folders(ctx)
	if err != nil {
		return err
	}
	r.result.Listed, _, err = adopt(ctx, conn, r.store, found)
	return err
}
