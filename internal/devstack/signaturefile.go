package devstack

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

// database is a folder of signatures that clamd takes for ClamAV's own, with a version that counts up: of loose files of
// signatures it would not tell one.
type database struct {
	folder string
	as     *account

	mu      sync.Mutex // guards the rest
	known   []signature
	version int
}

// databaseFile is the one name whose version clamd tells. Its end says that nobody has signed it.
const databaseFile = "daily.cud"

// change writes the next version of the database, with what fn makes of the signatures.
func (d *database) change(fn func(known []signature) []signature) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	known := fn(slices.Clone(d.known))
	content, err := pack(known, d.version+1)
	if err != nil {
		return err
	}
	// The daemon may be reading the old one. It doesn't look at a file with this name.
	path := filepath.Join(d.folder, databaseFile)
	if err := d.as.writeFile(path+".new", content); err != nil {
		return err
	}
	if err := os.Rename(path+".new", path); err != nil {
		return err
	}
	d.known, d.version = known, d.version+1
	return nil
}

func (d *database) current() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.version
}

// pack makes a file of ClamAV's container format: a header of 512 bytes, and a tar whose first file repeats the header
// and names the others.
func pack(known []signature, version int) ([]byte, error) {
	var lines strings.Builder
	for _, s := range known {
		lines.WriteString(s.line())
	}
	// The same database has the same date wherever and whenever it is made, or each start would look like an update.
	made := time.Date(2026, 1, 1, 0, 0, version, 0, time.UTC)
	const level = 60 // the oldest engine that is to read it
	header := fmt.Sprintf("ClamAV-VDB:%s:%d:%d:%d:X:X:rohrpost:%d",
		made.Format("02 Jan 2006 15-04 -0700"), version, len(known), level, made.Unix())
	info := fmt.Sprintf("%s\ndaily.ndb:%d:%x\n", header, lines.Len(), sha256.Sum256([]byte(lines.String())))
	var out bytes.Buffer
	fmt.Fprintf(&out, "%-512s", header)
	w := tar.NewWriter(&out)
	for _, file := range [][2]string{{"daily.info", info}, {"daily.ndb", lines.String()}} {
		head := tar.Header{Name: file[0], Size: int64(len(file[1])), Mode: 0o600, Format: tar.FormatUSTAR}
		if err := w.WriteHeader(&head); err != nil {
			return nil, fmt.Errorf("signatures: %w", err)
		}
		if _, err := w.Write([]byte(file[1])); err != nil {
			return nil, fmt.Errorf("signatures: %w", err)
		}
	}
	if err := w.Close(); err != nil {
		return nil, fmt.Errorf("signatures: %w", err)
	}
	return out.Bytes(), nil
}
