package backup

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"rohrpost/internal/fault"
)

const versionWithin = 10 * time.Second // a program that prints its version, on a machine that has much else to do

// programs are pg_dump, pg_restore and psql of one version.
type programs struct {
	dir     string
	major   int
	version string
}

// findPrograms looks for programs of the major version, or else of the next newer one: older ones refuse the server.
// dir is the only place to look in if it isn't empty.
func findPrograms(ctx context.Context, dir string, major int) (programs, error) {
	dirs := programDirs()
	if dir != "" {
		dirs = []string{dir}
	}
	var best programs
	var found []string
	for _, dir := range dirs {
		p, err := programsIn(ctx, dir)
		if err != nil {
			continue
		}
		found = append(found, fmt.Sprintf("%s in %s", p.version, dir))
		if p.major >= major && (best.dir == "" || p.major < best.major) {
			best = p
		}
	}
	switch {
	case best.dir != "":
		return best, nil
	case len(found) > 0:
		return best, fault.New(NoPrograms, "pg_dump, pg_restore and psql of PostgreSQL %d or later are needed, as the server; "+
			"there is %s. Install postgresql-client-%d, or name the folder of another version in BACKUP_PG_BIN.",
			major, strings.Join(found, ", "), major)
	}
	return best, fault.New(NoPrograms, "pg_dump, pg_restore and psql are not installed. Install the package "+
		"postgresql-client-%d, or name their folder in BACKUP_PG_BIN.", major)
}

// programDirs are the folders to look in. Debian's pg_wrapper is not among the programs: it asks for a cluster of this
// machine first.
func programDirs() []string {
	var dirs []string
	for _, dir := range filepath.SplitList(os.Getenv("PATH")) {
		target, err := filepath.EvalSymlinks(filepath.Join(dir, "pg_dump"))
		if err == nil && filepath.Base(target) == "pg_dump" {
			dirs = append(dirs, filepath.Dir(target))
		}
	}
	for _, pattern := range []string{
		"/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/opt/homebrew/opt/postgresql@*/bin", "/usr/local/opt/postgresql@*/bin",
	} {
		more, _ := filepath.Glob(pattern) // the pattern is well formed
		dirs = append(dirs, more...)
	}
	slices.Sort(dirs)
	return slices.Compact(dirs)
}

var versionOf = regexp.MustCompile(`\(PostgreSQL\) ((\d+)\S*)`)

// programsIn asks one of the programs in a folder for its version; they come together.
func programsIn(ctx context.Context, dir string) (programs, error) {
	ctx, cancel := context.WithTimeout(ctx, versionWithin)
	defer cancel()
	p := programs{dir: dir}
	for _, name := range []string{"pg_restore", "psql"} {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			return p, fmt.Errorf("%s: %w", name, err)
		}
	}
	out, err := exec.CommandContext(ctx, filepath.Join(dir, "pg_dump"), "--version").Output() //nolint:gosec // an installed program
	if err != nil {
		return p, fmt.Errorf("pg_dump in %s: %w", dir, err)
	}
	m := versionOf.FindSubmatch(out)
	if m == nil {
		return p, fmt.Errorf("pg_dump in %s tells no version", dir)
	}
	p.version = string(m[1])
	p.major, err = strconv.Atoi(string(m[2]))
	return p, err
}
