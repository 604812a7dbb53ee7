package backup

import (
	"bufio"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"runtime/debug"
	"time"

	"github.com/google/uuid"

	"rohrpost/internal/fault"
)

// format is the version of what is written here. A program refuses what is newer than itself.
const format = 1

// Summary is what stands beside a backup unencrypted. It discloses sizes and counts, and no content.
type Summary struct {
	Format         int       `json:"format"`
	ID             uuid.UUID `json:"id"`
	TakenAt        time.Time `json:"taken_at"` // the moment whose data it holds
	FinishedAt     time.Time `json:"finished_at"`
	Recipients     []string  `json:"recipients"` // whose keys decrypt it
	Program        string    `json:"program"`    // the commit that made it
	Schema         int64     `json:"schema"`     // the newest migration in it
	Server         string    `json:"server"`     // the version of PostgreSQL
	Dump           string    `json:"pg_dump"`    // and of the program
	Tables         int       `json:"tables"`
	Rows           int64     `json:"rows"`
	Blobs          int64     `json:"blobs"`           // contents under their keys
	BlobBytes      int64     `json:"blob_bytes"`      // of them
	NewBlobs       int64     `json:"new_blobs"`       // parts that this backup was the first to need
	NewBlobBytes   int64     `json:"new_blob_bytes"`  // of them, encrypted
	MissingBlobs   int64     `json:"missing_blobs"`   // what records name and the storage of the house doesn't have
	RestoreSeconds float64   `json:"restore_seconds"` // what restoring the database took when it was proved
	Database       Part      `json:"database"`
	Manifest       Part      `json:"manifest"`
	Parts          Part      `json:"parts"`
}

func (s Summary) own() []Part { return []Part{s.Database, s.Manifest, s.Parts} }

func (s Summary) check() error {
	if s.Format > format {
		return fault.New(fault.Invalid, "Backup %s was made by a newer version of this program.", s.ID)
	}
	if s.ID == uuid.Nil || s.Database.Key == "" || s.Manifest.Key == "" || s.Parts.Key == "" {
		return damaged("The summary of backup %s is damaged.", s.ID)
	}
	return nil
}

// header is the first line of a manifest.
type header struct {
	Format   int              `json:"format"`
	ID       uuid.UUID        `json:"id"`
	TakenAt  time.Time        `json:"taken_at"`
	Schema   int64            `json:"schema"`
	Server   string           `json:"server"`
	Objects  []string         `json:"objects"` // of the schema, see objects.sql
	Rows     map[string]int64 `json:"rows"`    // by table
	Database Part             `json:"database"`
}

// content is one of the other lines: what lies under a key of the house. The last line has a Count and nothing else.
type content struct {
	Key    string `json:"key,omitempty"`
	SHA256 string `json:"sha256,omitempty"`
	Size   int64  `json:"size,omitempty"`
	Part   *Part  `json:"part,omitempty"`
	Count  *int64 `json:"count,omitempty"`
}

// lines writes values as JSON, a line each, compressed.
type lines struct {
	zip *gzip.Writer
	enc *json.Encoder
}

func newLines(w io.Writer) *lines {
	zip := gzip.NewWriter(w)
	return &lines{zip, json.NewEncoder(zip)}
}

func (l *lines) put(v any) error { return l.enc.Encode(v) }

func (l *lines) close() error { return l.zip.Close() }

// readLines gives fn a decoder of what [lines] wrote.
func readLines(r io.Reader, fn func(next func(v any) error) error) error {
	zip, err := gzip.NewReader(bufio.NewReader(r))
	if err != nil {
		return fmt.Errorf("uncompress: %w", err)
	}
	dec := json.NewDecoder(zip)
	return fn(func(v any) error {
		if err := dec.Decode(v); err != nil && !errors.Is(err, io.EOF) {
			return fmt.Errorf("decode: %w", err)
		} else if err != nil {
			return io.EOF
		}
		return nil
	})
}

// readManifest gives begin the head of a manifest, and each all of its contents.
func readManifest(r io.Reader, begin func(header) error, each func(content) error) error {
	return readLines(r, func(next func(any) error) error {
		var head header
		if err := next(&head); err != nil {
			return err
		}
		if err := begin(head); err != nil {
			return err
		}
		for n := int64(0); ; n++ {
			var c content
			if err := next(&c); err != nil {
				return err // also where it ends without its last line
			}
			if c.Count != nil {
				if *c.Count != n {
					return fmt.Errorf("%d contents of %d", n, *c.Count)
				}
				return nil
			}
			if c.Part == nil {
				return errors.New("a content without its part")
			}
			if err := each(c); err != nil {
				return err
			}
		}
	})
}

// readParts gives each all parts of contents that a backup consists of.
func readParts(r io.Reader, each func(Part) error) error {
	return readLines(r, func(next func(any) error) error {
		for {
			var p Part
			err := next(&p)
			if errors.Is(err, io.EOF) {
				return nil
			}
			if err != nil {
				return err
			}
			if err := each(p); err != nil {
				return err
			}
		}
	})
}

// program is the commit that this program was built from.
func program() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			return s.Value
		}
	}
	return "unknown"
}
