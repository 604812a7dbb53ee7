package devstack

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// postgresDirs are the folders with both initdb and postgres, the preferred one first: the one that PATH names, then
// the versions where Debian keeps them, the highest first.
func postgresDirs() []string {
	var dirs []string
	if path, err := exec.LookPath("initdb"); err == nil {
		// A link in PATH may name initdb alone; what belongs to it lies beside its target.
		if target, err := filepath.EvalSymlinks(path); err == nil {
			dirs = append(dirs, filepath.Dir(target))
		}
	}
	installed, _ := filepath.Glob("/usr/lib/postgresql/*/bin") // the pattern is well formed
	slices.SortFunc(installed, func(a, b string) int { return versionOf(b) - versionOf(a) })
	for _, dir := range installed {
		if !slices.Contains(dirs, dir) {
			dirs = append(dirs, dir)
		}
	}
	return slices.DeleteFunc(dirs, func(dir string) bool {
		return !executable(filepath.Join(dir, "initdb")) || !executable(filepath.Join(dir, "postgres"))
	})
}

func versionOf(bin string) int {
	n, _ := strconv.Atoi(filepath.Base(filepath.Dir(bin))) // 0 for a folder that isn't named by a version
	return n
}

// postgresFor picks the programs for the data folder: a cluster can only be opened by the major version that made it,
// which after an upgrade of the machine is not the newest one.
func postgresFor(data string) (string, error) {
	missing := &NotInstalledError{Program: "PostgreSQL", Install: "the Debian package postgresql", Env: "DATABASE_URL"}
	dirs := postgresDirs()
	if len(dirs) == 0 {
		return "", missing
	}
	text, err := os.ReadFile(filepath.Join(data, "PG_VERSION"))
	if err != nil {
		return dirs[0], nil // no cluster yet
	}
	made := strings.TrimSpace(string(text))
	for _, dir := range dirs {
		if strconv.Itoa(versionOf(dir)) == made {
			return dir, nil
		}
	}
	if versionOf(dirs[0]) == 0 {
		return dirs[0], nil // not told by its path; postgres itself checks
	}
	missing.Program = "PostgreSQL " + made + ", which made the data in " + data + ","
	missing.Install = "the package postgresql-" + made
	return "", missing
}
