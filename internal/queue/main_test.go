package queue_test

import (
	"os"
	"testing"

	"rohrpost/db/dbtest"
)

// TestMain is also the main of the worker processes that some tests start from this binary, and kill.
func TestMain(m *testing.M) {
	if os.Getenv(roleEnv) == roleWorker {
		workerProcess()
		return
	}
	dbtest.Main(m)
}
