package devstack

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// NotInstalledError says which program is missing and the two ways out: install it, or name a running server.
type NotInstalledError struct {
	Program string // what was looked for, e.g. "redis-server"
	Install string // what brings it, e.g. "the Debian package redis-server"
	Env     string // the variable that may point to a running server instead, e.g. "REDIS_URL"
}

// Error is one sentence that an operator can act on.
func (e *NotInstalledError) Error() string {
	return fmt.Sprintf("%s is not installed: install %s, or set %s to a running one", e.Program, e.Install, e.Env)
}

// program finds an executable in PATH, then in the folders for daemons, which a plain user's PATH leaves out.
func program(name string) (string, bool) {
	if path, err := exec.LookPath(name); err == nil {
		return path, true
	}
	for _, dir := range []string{"/usr/sbin", "/usr/local/sbin", "/sbin"} {
		if path := filepath.Join(dir, name); executable(path) {
			return path, true
		}
	}
	return "", false
}

func executable(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular() && info.Mode().Perm()&0o111 != 0
}
