package scheduler_test

import (
	"os"
	"testing"

	"rohrpost/db/dbtest"
)

// TestMain is also the main of the scheduler processes that a test starts from this binary, and kills.
func TestMain(m *testing.M) {
	if os.Getenv(roleEnv) != "" {
		schedulerProcess()
		return
	}
	dbtest.Main(m)
}
