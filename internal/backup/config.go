package backup

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"filippo.io/age"
	"github.com/jackc/pgx/v5/pgxpool"

	"rohrpost/internal/fault"
)

// Config says where backups go and who can read them. Zero values work, but nothing is backed up.
type Config struct {
	// URL is a storage for backups alone, such as file:///mnt/backups.
	URL string `env:"BACKUP_URL"`
	// Recipients are the age keys that can decrypt backups, age1…, with commas between. Their private halves belong
	// anywhere but on this machine.
	Recipients string `env:"BACKUP_RECIPIENTS"`
	// IdentityFile holds private keys for [Service.Verify] to restore with, where one is to be on a worker after all.
	IdentityFile string `env:"BACKUP_IDENTITY_FILE"`
	// ScratchURL is a database on the server where scratch databases are made; "" is the server of the data. Its user
	// has to be allowed to make databases.
	ScratchURL string `env:"BACKUP_SCRATCH_URL" secret:"true"`
	// Programs is the folder of pg_dump, pg_restore and psql; "" looks for them in PATH and where they are usually.
	Programs string `env:"BACKUP_PG_BIN"`
	// KeepDaily, KeepWeekly and KeepMonthly are of how many days, weeks and months the last backup is kept; unset takes
	// 7, 4 and 12. The newest [Floor] backups are kept whatever they say.
	KeepDaily   *int `env:"BACKUP_KEEP_DAILY"`
	KeepWeekly  *int `env:"BACKUP_KEEP_WEEKLY"`
	KeepMonthly *int `env:"BACKUP_KEEP_MONTHLY"`
}

const (
	defaultDaily   = 7
	defaultWeekly  = 4
	defaultMonthly = 12
)

// check tells what is wrong with the settings. content is the URL of the storage that is backed up.
func (c Config) check(content string) error {
	if _, err := c.policy(); err != nil {
		return err
	}
	if c.IdentityFile != "" {
		if _, err := readIdentities(c.IdentityFile); err != nil {
			return fmt.Errorf("BACKUP_IDENTITY_FILE: %w", err)
		}
	}
	if c.ScratchURL != "" {
		if _, err := pgxpool.ParseConfig(c.ScratchURL); err != nil {
			return fault.New(fault.Invalid, "BACKUP_SCRATCH_URL is not the address of a database") // err may quote a password
		}
	}
	switch {
	case c.URL == "" && c.Recipients == "":
		return nil
	case c.URL == "":
		return fault.New(fault.Invalid, "BACKUP_URL is not set; with BACKUP_RECIPIENTS it has to be")
	case c.Recipients == "":
		return fault.New(fault.Invalid, "BACKUP_RECIPIENTS is not set; with BACKUP_URL it has to be: backups are never unencrypted")
	case within(c.URL, content):
		return fault.New(fault.Invalid, "BACKUP_URL lies in BLOB_URL or the other way round: backups need a place of their own")
	}
	_, err := parseRecipients(c.Recipients)
	return err
}

func (c Config) policy() (Policy, error) {
	p := Policy{Daily: defaultDaily, Weekly: defaultWeekly, Monthly: defaultMonthly}
	for _, s := range []struct {
		name string
		from *int
		to   *int
	}{
		{"BACKUP_KEEP_DAILY", c.KeepDaily, &p.Daily},
		{"BACKUP_KEEP_WEEKLY", c.KeepWeekly, &p.Weekly},
		{"BACKUP_KEEP_MONTHLY", c.KeepMonthly, &p.Monthly},
	} {
		if s.from == nil {
			continue
		}
		if *s.from < 0 {
			return p, fault.New(fault.Invalid, "%s is %d; it may be 0 or more", s.name, *s.from)
		}
		*s.to = *s.from
	}
	return p, nil
}

// within tells whether one of two folders lies in the other.
func within(a, b string) bool {
	one, err := url.Parse(a)
	other, err2 := url.Parse(b)
	if err != nil || err2 != nil || one.Scheme != "file" || other.Scheme != "file" {
		return a == b
	}
	inside := func(child, parent string) bool {
		rel, err := filepath.Rel(parent, child)
		return err == nil && rel != ".." && !strings.HasPrefix(rel, "../")
	}
	return inside(one.Path, other.Path) || inside(other.Path, one.Path)
}

// recipients are those who can decrypt.
type recipients struct {
	keys  []age.Recipient
	names []string // age1…, sorted
}

// mark tells sets of recipients apart: content that others can decrypt is no use for a new backup.
func (r recipients) mark() string { return markOf(r.names) }

func markOf(names []string) string {
	sorted := slices.Sorted(slices.Values(names))
	sum := sha256.Sum256([]byte(strings.Join(sorted, ",")))
	return hex.EncodeToString(sum[:8])
}

func parseRecipients(list string) (recipients, error) {
	var r recipients
	hybrid := 0
	for name := range strings.SplitSeq(list, ",") {
		if name = strings.TrimSpace(name); name == "" {
			continue
		}
		if strings.HasPrefix(name, "AGE-SECRET-KEY-") { // not to be quoted
			return r, fault.New(fault.Invalid, "BACKUP_RECIPIENTS holds a private key; it takes public ones, age1…")
		}
		keys, err := age.ParseRecipients(strings.NewReader(name))
		if err != nil || len(keys) != 1 {
			return r, fault.New(fault.Invalid, "BACKUP_RECIPIENTS: %q is no age key such as age1…", name)
		}
		if _, ok := keys[0].(*age.HybridRecipient); ok {
			hybrid++
		}
		if !slices.Contains(r.names, name) {
			r.keys, r.names = append(r.keys, keys[0]), append(r.names, name)
		}
	}
	slices.Sort(r.names)
	switch {
	case len(r.keys) == 0:
		return r, fault.New(fault.Invalid, "BACKUP_RECIPIENTS names no key")
	case hybrid > 0 && hybrid < len(r.keys):
		return r, fault.New(fault.Invalid, "BACKUP_RECIPIENTS mixes post-quantum keys with others, which age does not allow")
	}
	return r, nil
}

// readIdentities reads a file of private keys, as age-keygen writes it.
func readIdentities(path string) ([]age.Identity, error) {
	f, err := os.Open(path)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil, fault.New(fault.Invalid, "there is no file %s", path)
		}
		return nil, fault.Wrap(err, fault.Invalid, "the file %s can't be read", path)
	}
	defer f.Close() //nolint:errcheck // only read
	keys, err := age.ParseIdentities(f)
	if err != nil { // which may quote a line
		return nil, fault.New(fault.Invalid, "the file %s holds no age keys (AGE-SECRET-KEY-…, one a line)", path)
	}
	return keys, nil
}

// EnsureKey reads the private key in the file path, or makes one there, and returns its public half. It is for a
// private stack, where the key may lie beside the data.
func EnsureKey(path string) (recipient string, err error) {
	keys, err := readIdentities(path)
	if _, missing := os.Stat(path); errors.Is(missing, fs.ErrNotExist) {
		key, err := age.GenerateX25519Identity()
		if err != nil {
			return "", fmt.Errorf("key for backups: %w", err)
		}
		text := fmt.Sprintf("# public key: %s\n%s\n", key.Recipient(), key)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			return "", fmt.Errorf("key for backups: %w", err)
		}
		return key.Recipient().String(), nil
	}
	if err != nil {
		return "", fmt.Errorf("key for backups: %w", err)
	}
	switch key := keys[0].(type) {
	case *age.X25519Identity:
		return key.Recipient().String(), nil
	case *age.HybridIdentity:
		return key.Recipient().String(), nil
	}
	return "", fault.New(fault.Invalid, "the key in %s is of a kind that is not known here", path)
}
