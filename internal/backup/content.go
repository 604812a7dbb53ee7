package backup

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"rohrpost/db"
	"rohrpost/internal/blob"
	"rohrpost/internal/fault"
)

// atOnce is how many contents are read, encrypted or written at the same time: a storage that makes sure of each file
// takes milliseconds for it in which another can be read.
const atOnce = 4

// found is a content of the house.
type found struct {
	key    string
	size   int64
	sha256 []byte
}

// scan lists the content of the house in the table content, after the database was dumped: what the dump names is there
// by now. What has the same name, size and time as before is not read again.
func (a *attempt) scan(ctx context.Context) error {
	_, err := a.work.Exec(ctx, `SET statement_timeout = 0; SET idle_session_timeout = 0;
		CREATE TEMP TABLE content (blob_key text PRIMARY KEY, size bigint NOT NULL, sha256 bytea NOT NULL, part_key text)`)
	if err != nil {
		return fmt.Errorf("scan: %w", err)
	}
	n := int64(0)
	err = a.Content.Tree(ctx, "", func(page []blob.Item) error {
		all, err := a.known(ctx, page)
		if err != nil {
			return err
		}
		_, err = a.work.CopyFrom(ctx, pgx.Identifier{"content"}, []string{"blob_key", "size", "sha256"},
			pgx.CopyFromSlice(len(all), func(i int) ([]any, error) { return []any{all[i].key, all[i].size, all[i].sha256}, nil }))
		if err != nil {
			return fmt.Errorf("scan: %w", err)
		}
		n += int64(len(all))
		return a.tell.at(Progress{Stage: StageScan, Done: n})
	})
	if err != nil {
		return fmt.Errorf("list the content: %w", err)
	}
	_, err = a.work.Exec(ctx, `CREATE INDEX ON content (sha256); ANALYZE content;
		DELETE FROM backup_sources s WHERE NOT EXISTS (SELECT FROM content c WHERE c.blob_key = s.blob_key)`)
	if err != nil {
		return fmt.Errorf("scan: %w", err)
	}
	return nil
}

// known gives the contents of a page with their hashes, of which it learns those that are new.
func (a *attempt) known(ctx context.Context, page []blob.Item) ([]found, error) {
	var keys []string
	for _, item := range page {
		keys = append(keys, item.Key)
	}
	rows, err := a.queries.BackupSources(ctx, a.Pool, keys)
	if err != nil {
		return nil, fmt.Errorf("known content: %w", err)
	}
	before := make(map[string]db.BackupSource, len(rows))
	for _, row := range rows {
		before[row.BlobKey] = row
	}
	all, fresh := make([]found, len(page)), make([]bool, len(page))
	group, within := errgroup.WithContext(ctx)
	group.SetLimit(atOnce)
	for i, item := range page {
		if halfWritten(item.Key) {
			continue
		}
		if was, ok := before[item.Key]; ok && was.Size == item.Size && was.ModTime.Equal(noted(item.ModTime)) {
			all[i] = found{item.Key, item.Size, was.SHA256}
			continue
		}
		fresh[i] = true
		group.Go(func() (err error) {
			all[i], err = a.hash(within, item.Key)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	var learned db.SetBackupSourcesParams
	var there []found
	for i, one := range all {
		if one.key == "" {
			continue
		}
		there = append(there, one)
		if fresh[i] {
			learned.Keys, learned.Sizes = append(learned.Keys, one.key), append(learned.Sizes, one.size)
			learned.ModTimes = append(learned.ModTimes, noted(page[i].ModTime))
			learned.Hashes = append(learned.Hashes, one.sha256)
		}
	}
	if len(learned.Keys) == 0 {
		return there, nil
	}
	if err := a.queries.SetBackupSources(ctx, a.Pool, learned); err != nil {
		return nil, fmt.Errorf("note new content: %w", err)
	}
	return there, nil
}

// noted is a time as PostgreSQL keeps it.
func noted(t time.Time) time.Time { return t.Truncate(time.Microsecond) }

// hash reads a content of the house; one that was deleted meanwhile has no key.
func (a *attempt) hash(ctx context.Context, key string) (found, error) {
	r, err := a.Content.NewReader(ctx, key, 0, -1)
	if fault.CodeOf(err) == fault.NotFound {
		return found{}, nil
	}
	if err != nil {
		return found{}, fmt.Errorf("read content: %w", err)
	}
	m := newMeter(r)
	_, err = io.Copy(io.Discard, m)
	if err = errors.Join(err, r.Close()); err != nil {
		return found{}, fault.Wrap(err, fault.Unavailable, "The file storage does not answer.")
	}
	return found{key, m.n, m.hash.Sum(nil)}, nil
}

// halfWritten tells what a storage that is a folder holds of an upload that is under way or was broken off.
func halfWritten(key string) bool { return strings.HasSuffix(key, ".tmp") }

// copyContent sees to it that all content has a part in the storage of the backups: one of an earlier backup for the
// same recipients, where it is there in its size, or else a new one. It goes by the first byte of the hashes, so that no
// list grows with the whole.
func (a *attempt) copyContent(ctx context.Context) error {
	a.at(StageContent)
	var total int64
	if err := a.work.QueryRow(ctx, "SELECT count(DISTINCT sha256) FROM content").Scan(&total); err != nil {
		return fmt.Errorf("count content: %w", err)
	}
	var done, copied atomic.Int64
	for first := range 256 {
		if err := a.copyRange(ctx, first, func(n int64) error {
			copied.Add(n)
			return a.tell.at(Progress{Stage: StageContent, Done: done.Add(1), Total: total, Bytes: copied.Load()})
		}); err != nil {
			return err
		}
	}
	// What has no part was deleted before we came to it.
	_, err := a.work.Exec(ctx, `DELETE FROM content WHERE part_key IS NULL`)
	if err != nil {
		return fmt.Errorf("forget deleted content: %w", err)
	}
	_, err = a.work.Exec(ctx, `UPDATE backup_blobs b SET dropped_at = NULL
		WHERE b.dropped_at IS NOT NULL AND EXISTS (SELECT FROM content c WHERE c.part_key = b.part_key)`)
	if err == nil {
		_, err = a.work.Exec(ctx, `UPDATE backup_blobs b SET dropped_at = $1
			WHERE b.dropped_at IS NULL AND NOT EXISTS (SELECT FROM content c WHERE c.part_key = b.part_key)`, a.data.taken)
	}
	if err != nil {
		return fmt.Errorf("note what content is needed: %w", err)
	}
	err = a.work.QueryRow(ctx, `SELECT count(*), coalesce(sum(size), 0)::bigint FROM content`).Scan(&a.sum.Blobs, &a.sum.BlobBytes)
	if err == nil {
		err = a.work.QueryRow(ctx, `SELECT count(*), coalesce(sum(part_size), 0)::bigint FROM backup_blobs b
			WHERE b.added_at = $1`, a.data.taken).Scan(&a.sum.NewBlobs, &a.sum.NewBlobBytes)
	}
	if err != nil {
		return fmt.Errorf("count content: %w", err)
	}
	return nil
}

func (a *attempt) copyRange(ctx context.Context, first int, done func(n int64) error) error {
	from, to := []byte{byte(first)}, []byte{byte(first + 1)}
	if first == 255 {
		to = nil
	}
	rows, err := a.work.Query(ctx, `SELECT sha256, array_agg(blob_key) FROM content
		WHERE sha256 >= $1 AND ($2::bytea IS NULL OR sha256 < $2) GROUP BY sha256`, from, to)
	if err != nil {
		return fmt.Errorf("content to copy: %w", err)
	}
	type source struct {
		sha256 []byte
		keys   []string
	}
	sources, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (s source, err error) {
		return s, row.Scan(&s.sha256, &s.keys)
	})
	if err != nil {
		return fmt.Errorf("content to copy: %w", err)
	}
	if len(sources) == 0 {
		return nil
	}
	parts, err := a.partsThere(ctx, from, to)
	if err != nil {
		return err
	}
	keys := make([]string, len(sources))
	group, within := errgroup.WithContext(ctx)
	group.SetLimit(atOnce)
	for i, s := range sources {
		if keys[i] = parts[string(s.sha256)]; keys[i] != "" {
			if err := done(0); err != nil {
				return errors.Join(err, group.Wait())
			}
			continue
		}
		group.Go(func() error {
			part, err := a.copyOne(within, s.sha256, s.keys)
			if err != nil {
				return err
			}
			keys[i] = part.Key
			return done(part.Size)
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	hashes := make([][]byte, len(sources))
	for i, s := range sources {
		hashes[i] = s.sha256
	}
	_, err = a.work.Exec(ctx, `UPDATE content c SET part_key = nullif(t.part_key, '')
		FROM (SELECT unnest($1::bytea[]) AS sha256, unnest($2::text[]) AS part_key) t WHERE c.sha256 = t.sha256`, hashes, keys)
	if err != nil {
		return fmt.Errorf("note where content is: %w", err)
	}
	return nil
}

// partsThere are the parts that can be used again, by the hash of their content.
func (a *attempt) partsThere(ctx context.Context, from, to []byte) (map[string]string, error) {
	known, err := a.queries.BackupBlobsOf(ctx, a.Pool, db.BackupBlobsOfParams{
		FromHash: from, ToHash: to, Recipients: a.Service.to.mark(),
	})
	if err != nil {
		return nil, fmt.Errorf("known parts: %w", err)
	}
	sizes := map[string]int64{}
	err = a.store.bucket.List(ctx, blobsFolder+hex.EncodeToString(from)+"/", func(page []blob.Item) error {
		for _, item := range page {
			sizes[item.Key] = item.Size
		}
		return nil
	})
	if err != nil {
		return nil, stored(err, "list the storage of the backups")
	}
	there := map[string]string{}
	for _, part := range known {
		if size, ok := sizes[part.PartKey]; ok && size == part.PartSize {
			there[string(part.SHA256)] = part.PartKey
		}
	}
	return there, nil
}

// copyOne writes a content to the storage of the backups. It returns no part where the content was deleted meanwhile.
func (a *attempt) copyOne(ctx context.Context, sha256 []byte, keys []string) (Part, error) {
	name := hex.EncodeToString(sha256)
	partKey := blobsFolder + name[:2] + "/" + name + "-" + a.tag() + ".age"
	for _, key := range keys {
		r, err := a.Content.NewReader(ctx, key, 0, -1)
		if fault.CodeOf(err) == fault.NotFound {
			continue
		}
		if err != nil {
			return Part{}, fmt.Errorf("read content: %w", err)
		}
		m := newMeter(r)
		part, err := a.store.put(ctx, partKey, a.to, func(w io.Writer) error {
			if _, err := io.Copy(w, m); err != nil {
				return err
			}
			if m.sum() != name {
				return a.changed(ctx, key)
			}
			return nil
		})
		if m.failed != nil {
			err = fault.Wrap(m.failed, fault.Unavailable, "The file storage does not answer.")
		}
		if err = errors.Join(err, r.Close()); err != nil {
			return Part{}, fmt.Errorf("copy content: %w", err)
		}
		raw, err := hex.DecodeString(part.SHA256)
		if err != nil {
			return Part{}, fmt.Errorf("hash of %s: %w", part.Key, err)
		}
		err = a.queries.InsertBackupBlob(ctx, a.Pool, db.InsertBackupBlobParams{
			PartKey: part.Key, SHA256: sha256, PartSha256: raw, PartSize: part.Size,
			Recipients: a.Service.to.mark(), AddedAt: a.data.taken,
		})
		if err != nil {
			return Part{}, fmt.Errorf("record content: %w", err)
		}
		return part, nil
	}
	return Part{}, nil
}

// changed forgets what was known of a content that is another one by now; the next attempt reads it anew.
func (a *attempt) changed(ctx context.Context, key string) error {
	if err := a.queries.ForgetBackupSource(ctx, a.Pool, key); err != nil {
		return fmt.Errorf("forget content: %w", err)
	}
	return fault.New(fault.Unavailable, "The content %s changed while it was backed up.", key)
}

// tag makes the names of this attempt's parts its own.
func (a *attempt) tag() string {
	id := strings.ReplaceAll(a.id.String(), "-", "")
	return id[len(id)-8:] + "." + strconv.FormatInt(a.run.Epoch(), 10)
}

// contents gives each all content with its part, by name.
func (a *attempt) contents(ctx context.Context, where string, each func(c content) error, args ...any) error {
	rows, err := a.work.Query(ctx, `SELECT c.blob_key, c.sha256, c.size, b.part_key, b.part_size, b.part_sha256
		FROM content c JOIN backup_blobs b ON b.part_key = c.part_key `+where, args...)
	if err != nil {
		return fmt.Errorf("read the contents: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var c content
		var part Part
		var hash, partHash []byte
		if err := rows.Scan(&c.Key, &hash, &c.Size, &part.Key, &part.Size, &partHash); err != nil {
			return fmt.Errorf("read the contents: %w", err)
		}
		c.SHA256, part.SHA256, c.Part = hex.EncodeToString(hash), hex.EncodeToString(partHash), &part
		if err := each(c); err != nil {
			return err
		}
	}
	return rows.Err()
}

func (a *attempt) writeManifest(ctx context.Context, w io.Writer) error {
	out := newLines(w)
	err := out.put(header{
		Format: format, ID: a.id, TakenAt: a.sum.TakenAt, Schema: a.data.schema, Server: a.data.server,
		Objects: a.data.objects, Rows: a.data.rows, Database: a.sum.Database,
	})
	if err != nil {
		return err
	}
	n := int64(0)
	err = a.contents(ctx, "ORDER BY c.blob_key", func(c content) error {
		n++
		return out.put(c)
	})
	if err != nil {
		return err
	}
	if err := out.put(content{Count: &n}); err != nil {
		return err
	}
	return out.close()
}

func (a *attempt) writeParts(ctx context.Context, w io.Writer) error {
	out := newLines(w)
	last := ""
	err := a.contents(ctx, "ORDER BY c.part_key", func(c content) error {
		if c.Part.Key == last {
			return nil
		}
		last = c.Part.Key
		return out.put(c.Part)
	})
	if err != nil {
		return err
	}
	return out.close()
}

// lookForMissing counts what the records name and the storage of the house doesn't have: no backup can bring that back,
// and somebody should know. What came after the scan, or went meanwhile, is none of it.
func (a *attempt) lookForMissing(ctx context.Context) error {
	rows, err := a.work.Query(ctx, `SELECT format('%I.%I', table_schema, table_name) FROM information_schema.columns
		WHERE column_name = 'blob_key' AND table_schema = 'public' AND table_name NOT IN ('orphaned_blobs', 'backup_sources')`)
	if err != nil {
		return fmt.Errorf("tables that name content: %w", err)
	}
	tables, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return fmt.Errorf("tables that name content: %w", err)
	}
	for _, table := range tables {
		rows, err := a.work.Query(ctx, `SELECT t.blob_key::text FROM `+table+` t
			WHERE NOT EXISTS (SELECT FROM content c WHERE c.blob_key = t.blob_key::text) LIMIT 1000`)
		if err != nil {
			return fmt.Errorf("content that %s names: %w", table, err)
		}
		keys, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			return fmt.Errorf("content that %s names: %w", table, err)
		}
		for _, key := range keys {
			if _, err := a.Content.Size(ctx, key); fault.CodeOf(err) == fault.NotFound {
				a.sum.MissingBlobs++
				a.Log.Warn("content is on record and not in the storage", "table", table, "key", key)
			} else if err != nil {
				return fmt.Errorf("look for missing content: %w", err)
			}
		}
	}
	return nil
}
