package acceptance

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/redis/go-redis/v9/logging"
	"go.uber.org/goleak"

	"rohrpost/db/dbtest"
)

// buildWithin bounds a build from scratch on a busy machine; with a warm cache it takes two seconds.
const buildWithin = 5 * time.Minute

// program is the path of the program under test.
var program string

func TestMain(m *testing.M) {
	logging.Disable() // go-redis tells of every connection that the tests cut
	dir, err := build()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	dbtest.Main(m, goleak.Cleanup(func(code int) {
		_ = os.RemoveAll(dir)
		os.Exit(code)
	}))
}

func build() (dir string, err error) {
	if dir, err = os.MkdirTemp("", "rohrpost-acceptance-"); err != nil {
		return "", err
	}
	program = filepath.Join(dir, "rohrpost")
	ctx, cancel := context.WithTimeout(context.Background(), buildWithin)
	defer cancel()
	if out, err := exec.CommandContext(ctx, "go", "build", "-o", program, "rohrpost").CombinedOutput(); err != nil {
		return "", fmt.Errorf("build the program: %w\n%s", err, out)
	}
	return dir, nil
}
