package devstack

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"
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

const ownSignatures = "rohrpost.ndb"

// writeSignatures makes a database folder below home with the two test signatures.
func writeSignatures(home string, as *account) (string, error) {
	dir := filepath.Join(home, "signatures")
	if err := as.makeDir(dir); err != nil {
		return "", err
	}
	lines := signature("Eicar-Test-Signature", EICAR()) + signature("Rohrpost.Test", TestVirus())
	return dir, as.writeFile(filepath.Join(dir, ownSignatures), []byte(lines))
}

// signature is a line of ClamAV's extended format: any type of file, anywhere in it.
func signature(name string, content []byte) string {
	return name + ":0:*:" + hex.EncodeToString(content) + "\n"
}

// AddSignature teaches the daemon to report content (4 bytes at least) as name.UNOFFICIAL and returns when it does, as
// after an update of the signatures. It is an error on a daemon that runs on the system's signatures.
func (c *Clamd) AddSignature(ctx context.Context, name string, content []byte) error {
	if !c.own {
		return fmt.Errorf("clamd: signature %s: the system's signatures are not ours to change", name)
	}
	ctx, cancel := context.WithTimeout(ctx, clamdReload)
	defer cancel()
	f, err := os.OpenFile(filepath.Join(c.database, ownSignatures), os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return fmt.Errorf("clamd: signature %s: %w", name, err)
	}
	_, err = io.WriteString(f, signature(name, content))
	if err = errFirst(err, f.Close()); err != nil {
		return fmt.Errorf("clamd: signature %s: %w", name, err)
	}
	if err := clamdAsk(ctx, c.Process.Address(), "RELOAD", "RELOADING"); err != nil {
		return fmt.Errorf("clamd: signature %s: reload: %w", name, err)
	}
	tick := time.NewTicker(probePoll)
	defer tick.Stop()
	for {
		// The reload has no end that one could wait for but that the content is found.
		found, err := c.finds(ctx, name, content)
		if found {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("clamd: signature %s: not found after the reload: %w", name, errFirst(err, ctx.Err()))
		}
	}
}

func (c *Clamd) finds(ctx context.Context, name string, content []byte) (bool, error) {
	conn, end, err := dial(ctx, c.Process.Address())
	if err != nil {
		return false, err
	}
	defer end()
	var stream bytes.Buffer
	stream.WriteString("zINSTREAM\x00")
	binary.Write(&stream, binary.BigEndian, uint32(len(content))) //nolint:errcheck // a buffer takes everything
	stream.Write(content)
	stream.Write(make([]byte, 4))
	if _, err := conn.Write(stream.Bytes()); err != nil {
		return false, err
	}
	answer, err := io.ReadAll(conn)
	return bytes.Contains(answer, []byte(name+".UNOFFICIAL FOUND")), err
}

func errFirst(a, b error) error {
	if a != nil {
		return a
	}
	return b
}
