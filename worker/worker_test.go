package worker_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"rohrpost/internal/queue"
	"rohrpost/tasks"
	"rohrpost/worker"
)

func TestWhoFollowsEveryJobMissesNoKind(t *testing.T) {
	t.Parallel()
	mux := queue.NewMux()
	worker.Files(mux, nil)
	worker.AI(mux, nil)
	worker.Mail(mux, nil)
	worker.Maintenance(mux, nil)
	worker.DeadLetters(mux, nil)
	worker.Tuning(mux, nil)
	worker.Datasets(mux, nil)
	worker.Backup(mux, nil)
	worker.Reports(mux, nil)
	require.ElementsMatch(t, mux.Kinds(), tasks.Names())
}
