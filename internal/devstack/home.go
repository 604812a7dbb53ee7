package devstack

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

const (
	systemHome  = "/var/lib/rohrpost" // where root keeps what its servers' users could not reach in a private folder
	outsideMark = "rohrpost-outside-" // the same for stacks below the temporary folder
	originFile  = "kept-for"          // names the stack folder that an outside folder belongs to
	temporary   = "rohrpost-stack-"   // folders of Open("") and OpenInMemory
	youngest    = time.Minute         // a temporary folder younger than this may not have its lock yet
)

// home makes the folder of one server. It lies in the stack's folder, unless the server's user could not get there:
// somebody works as root in /root, or in a folder of mktemp. Opening other people's folders isn't ours to do, so such
// a server is kept outside, under a name derived from the stack's folder, and found there again.
func (s *Stack) home(name string, as *account) (string, error) {
	base := s.dir
	if as != nil && !as.mayEnter(base) {
		var err error
		if base, err = s.outside(as); err != nil {
			return "", err
		}
		s.log.Info("server kept outside the private folder, which its user may not enter",
			"server", name, "user", as.name, "folder", base)
	}
	dir := filepath.Join(base, name)
	if err := as.makeDir(dir); err != nil {
		return "", fmt.Errorf("folder of %s: %w", name, err)
	}
	return dir, nil
}

func (s *Stack) outside(as *account) (string, error) {
	sum := sha256.Sum256([]byte(s.dir))
	id := hex.EncodeToString(sum[:8])
	dir := filepath.Join(systemHome, id)
	if temp := os.TempDir(); strings.HasPrefix(s.dir, temp+string(filepath.Separator)) && as.mayEnter(temp) {
		dir = filepath.Join(temp, outsideMark+id)
	} else if s.temporary {
		dir = filepath.Join("/tmp", outsideMark+id)
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return "", fmt.Errorf("folder outside: %w", err)
	}
	// Whoever made the name first in a shared folder owns it: only ours will do.
	if err := os.Mkdir(dir, 0o711); err != nil && !os.IsExist(err) {
		return "", fmt.Errorf("folder outside: %w", err)
	}
	if info, err := os.Lstat(dir); err != nil || !info.IsDir() || !ours(info) {
		return "", fmt.Errorf("folder outside: %s is not ours", dir)
	}
	if err := os.WriteFile(filepath.Join(dir, originFile), []byte(s.dir), 0o600); err != nil {
		return "", fmt.Errorf("folder outside: %w", err)
	}
	s.mu.Lock()
	s.elsewhere = dir
	s.mu.Unlock()
	return dir, nil
}

// sweep removes what killed runs left in a folder for temporary ones: stacks that nobody holds any more, and outside
// folders whose stack is gone. It is best effort; what can't be removed is met again next time.
func sweep(folder string) {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return
	}
	for _, e := range entries {
		path := filepath.Join(folder, e.Name())
		info, err := e.Info()
		if err != nil || !info.IsDir() || !ours(info) {
			continue
		}
		switch {
		case strings.HasPrefix(e.Name(), temporary):
			sweepStack(path, info)
		case strings.HasPrefix(e.Name(), outsideMark):
			origin, err := os.ReadFile(filepath.Join(path, originFile))
			if err != nil {
				continue
			}
			if _, err := os.Stat(string(origin)); os.IsNotExist(err) {
				os.RemoveAll(path) //nolint:errcheck // best effort
			}
		}
	}
}

func sweepStack(path string, info fs.FileInfo) {
	if time.Since(info.ModTime()) < youngest {
		return
	}
	lock, err := lockFile(filepath.Join(path, stackLock))
	if err != nil {
		return
	}
	os.RemoveAll(path) //nolint:errcheck // best effort
	lock.Close()       //nolint:errcheck // nothing was written
}

func ours(info fs.FileInfo) bool {
	owner, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(owner.Uid) == os.Geteuid()
}
