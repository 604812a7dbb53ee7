package devstack

import (
	"context"
	"encoding/hex"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// EICAR is the standard test file that every virus scanner reports. It is put together here so that neither this source
// nor a binary made from it is taken for the thing itself.
func EICAR() []byte {
	halves := []string{`X5O!P%@AP[4\PZX54(P^)7CC)7}$`, `EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*`}
	return []byte(strings.Join(halves, ""))
}

// TestVirus is content that only a clamd with our own signatures reports, as Rohrpost.Test.UNOFFICIAL.
func TestVirus() []byte {
	return []byte(strings.Join([]string{"ROHRPOST-TEST-", "VIRUS-7d1f0c52"}, ""))
}

// signature is something that the own database finds.
type signature struct {
	name    string
	content []byte
}

// line is the signature in ClamAV's extended format: any type of file, anywhere in it.
func (s signature) line() string { return s.name + ":0:*:" + hex.EncodeToString(s.content) + "\n" }

// writeSignatures makes a database folder below home with the two test signatures.
func writeSignatures(home string, as *account) (*database, error) {
	d := &database{folder: filepath.Join(home, "signatures"), as: as}
	if err := as.makeDir(d.folder); err != nil {
		return nil, err
	}
	return d, d.change(func(known []signature) []signature {
		return append(known, signature{"Eicar-Test-Signature", EICAR()}, signature{"Rohrpost.Test", TestVirus()})
	})
}

// AddSignature teaches the daemon to report content (4 bytes at least) as name.UNOFFICIAL and returns when it does, as
// after an update of the signatures: the daemon says then that its database is a newer one. It is an error on a daemon
// that runs on the system's signatures.
func (c *Clamd) AddSignature(ctx context.Context, name string, content []byte) error {
	return c.update(ctx, name, func(known []signature) []signature { return append(known, signature{name, content}) })
}

// DropSignature has the daemon forget a signature, as an update does with one that reported harmless files. Errors are
// those of AddSignature.
func (c *Clamd) DropSignature(ctx context.Context, name string) error {
	return c.update(ctx, name, func(known []signature) []signature {
		return slices.DeleteFunc(known, func(s signature) bool { return s.name == name })
	})
}

func (c *Clamd) update(ctx context.Context, name string, fn func(known []signature) []signature) error {
	if c.own == nil {
		return fmt.Errorf("clamd: signature %s: the system's signatures are not ours to change", name)
	}
	ctx, cancel := context.WithTimeout(ctx, clamdReload)
	defer cancel()
	if err := c.own.change(fn); err != nil {
		return fmt.Errorf("clamd: signature %s: %w", name, err)
	}
	if err := clamdAsk(ctx, c.Process.Address(), "RELOAD", "RELOADING"); err != nil {
		return fmt.Errorf("clamd: signature %s: reload: %w", name, err)
	}
	tick := time.NewTicker(probePoll)
	defer tick.Stop()
	for {
		// The reload has no end that one could wait for but that the daemon names the new version.
		version, err := clamdAnswer(ctx, c.Process.Address(), "VERSION")
		if err == nil && strings.Contains(version, fmt.Sprintf("/%d/", c.own.current())) {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("clamd: signature %s: not in use after the reload: %w", name, errFirst(err, ctx.Err()))
		}
	}
}

func errFirst(a, b error) error {
	if a != nil {
		return a
	}
	return b
}
