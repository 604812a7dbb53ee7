package devstack

import (
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
)

// account is the unprivileged user that a server runs as when we are root. A nil *account is our own user.
type account struct {
	name     string
	uid, gid uint32
	groups   []uint32
}

// accountOf looks the user up; nil when we are not root, and so can't become anybody else.
func accountOf(name string) (*account, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	u, err := user.Lookup(name)
	if err != nil {
		return nil, fmt.Errorf("as root a server runs as user %s: %w", name, err)
	}
	a := &account{name: name}
	if a.uid, err = number(u.Uid); err != nil {
		return nil, err
	}
	if a.gid, err = number(u.Gid); err != nil {
		return nil, err
	}
	// A user whose further groups can't be read does without them: they only ever grant more.
	ids, _ := u.GroupIds()
	for _, id := range ids {
		if n, err := number(id); err == nil {
			a.groups = append(a.groups, n)
		}
	}
	return a, nil
}

func number(id string) (uint32, error) {
	n, err := strconv.ParseUint(id, 10, 32)
	return uint32(n), err
}

// mayEnter reports whether the account may reach what is inside dir, that is, enter it and everything above it. Access
// lists beyond the mode bits are not seen; then the answer is the cautious no.
func (a *account) mayEnter(dir string) bool {
	for {
		info, err := os.Stat(dir)
		if err != nil {
			return false
		}
		owner, ok := info.Sys().(*syscall.Stat_t)
		if !ok {
			return false
		}
		need := os.FileMode(0o001)
		switch {
		case owner.Uid == a.uid:
			need = 0o100
		case a.in(owner.Gid):
			need = 0o010
		}
		if info.Mode().Perm()&need == 0 {
			return false
		}
		above := filepath.Dir(dir)
		if above == dir {
			return true
		}
		dir = above
	}
}

func (a *account) in(gid uint32) bool {
	if gid == a.gid {
		return true
	}
	for _, g := range a.groups {
		if g == gid {
			return true
		}
	}
	return false
}

// own gives path to the account; with a nil account it stays ours.
func (a *account) own(path string) error {
	if a == nil {
		return nil
	}
	return os.Lchown(path, int(a.uid), int(a.gid))
}

// writeFile writes a file that only the account may read.
func (a *account) writeFile(path string, content []byte) error {
	if err := os.WriteFile(path, content, 0o600); err != nil {
		return err
	}
	return a.own(path)
}

// makeDir makes a folder that only the account may enter.
func (a *account) makeDir(path string) error {
	if err := os.MkdirAll(path, 0o700); err != nil {
		return err
	}
	return a.own(path)
}
