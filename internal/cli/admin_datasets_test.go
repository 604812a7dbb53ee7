package cli

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"rohrpost/internal/cli/terminal"
	"rohrpost/internal/queue"
	"rohrpost/worker"
)

func TestDatasetsAreMadeShownAndDeleted(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	ada := d.account("ada@example.org", "admin")
	d.exec("INSERT INTO training_consents (user_id) VALUES ($1)", ada)
	d.exec(`INSERT INTO ai_queries (id, owner, job_id, model, prompt, answer, finish_reason, finished_at)
		VALUES (gen_random_uuid(), $1, gen_random_uuid(), 'tiny', 'Why?', 'Because.', 'stop', now())`, ada)
	d.workOn(func(mux *queue.Mux, h house) { worker.Datasets(mux, h.datasets) })

	made := d.admin("datasets", "create", "--for", "ada@example.org", "--validation-share", "0").want(terminal.OK)
	require.Contains(t, made.out, `"train": 1`)
	rows := d.admin("datasets", "list").want(terminal.OK).cells()
	require.Equal(t, []string{"ready", "chat", "1", "0"}, rows[0][1:5])
	id := rows[0][0]
	require.Contains(t, d.admin("datasets", "show", id).want(terminal.OK).out, "train.jsonl")
	var shown map[string]any
	d.admin("datasets", "show", id, "--json").want(terminal.OK).into(&shown)
	require.Equal(t, "everyone", shown["scope"])
	require.EqualValues(t, 1, shown["counts"].(map[string]any)["train"])
	asked := d.at(t.Context(), &terminal.Screen{In: strings.NewReader("y\n"), Asks: true}, "datasets", "delete", id).want(terminal.OK)
	require.Contains(t, asked.beside, "The dataset "+id+" is deleted, with its files. Go on?")
	d.admin("datasets", "show", id).want(terminal.Failure)
	require.Equal(t, []string{"dataset.delete " + id, "dataset.create " + id}, d.logged())
}
